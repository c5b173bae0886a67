"""Images that are really built, each once for all tests that look at it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from seatrial import catalog
from seatrial.images import containers
from seatrial.images._image import Choice
from seatrial.images.building import builders
from seatrial.images.building.building import build
from seatrial.images.building.context import Context
from seatrial.images.containers import locks
from seatrial.images.records import Record
from seatrial.plan import Plan
from seatrial.versions import TORCH
from tests.trials.images.containers import stand_ins
from tests.trials.images.containers.engine import KEPT, Engine, engine, missing, torch_is_here
from tests.trials.images.containers.registry import Registry, running

NOT_PYTORCHS = {"TORCH_INDEX": f"file://{stand_ins.SEEN_AS}"}


@dataclass(frozen=True)
class Place:
    """Where images are built, and what was."""

    engine: Engine
    folder: Path
    """Rendered files, records and logs."""
    images: dict[str, Record] = field(default_factory=dict)

    @property
    def state(self) -> Path:
        """Where records and logs are."""
        return self.folder / "state"

    @property
    def environment(self) -> Mapping[str, str]:
        return {**self.engine.environment, "XDG_STATE_HOME": str(self.state), "NO_COLOR": "1"}

    def seatrial(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """The command."""
        env = {**os.environ, **self.environment}
        done = subprocess.run([sys.executable, "-m", "seatrial", *words], capture_output=True, text=True, env=env)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def arguments(self, name: str) -> dict[str, str]:
        """By these build arguments what is here stands for what is elsewhere."""
        found = {"BASE": self.engine.base}
        if name == "cpu-ddp":
            return found | (NOT_PYTORCHS if torch_is_here(TORCH) else {})
        prefixes = ["EFA_", *(["NCCL_TESTS_"] if name == "nccl-tests" else [])]
        return found | {k: v for one in prefixes for k, v in stand_ins.arguments(self.engine.given, one).items()}

    def build(self, name: str, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """``seatrial image build``"""
        given = [word for key, value in self.arguments(name).items() for word in ("--build-arg", f"{key}={value}")]
        command = ["image", "build", name, "--builder", "buildah", *given, *words, "--json", "--"]
        return self.seatrial(*command, *self.engine.words(), check=check)

    def build_for_cpus(self, name: str) -> Record:
        """An image for GPUs with torch's CPU build: what torch needs for GPUs is 5 GB, of which NCCL alone stays.

        Everything else is that of its definition, from the base to the test that ends it.
        """
        plan = containers.render(containers.definition(catalog.case(name)), Choice())
        nccl = locks.entries(locks.text("cuda"))["nvidia-nccl-cu13"]
        files = {**plan.files, "locks/cuda.txt": f"{nccl}\n{locks.text('torch-cpu')}"}
        return self.build_of(name, files)

    def build_of(self, name: str, files: Mapping[str, str]) -> Record:
        """An image of that name, of these files. Raises UserError if it fails."""
        container = containers.definition(catalog.case(name))
        plan = Plan(files=files)
        context = Context(container=container, choice=Choice(), plan=plan, arguments=self.arguments(name))
        with pytest.MonkeyPatch.context() as patch:
            for key, value in self.environment.items():
                patch.setenv(key, value)
            return build(context, builders.find("buildah"), lambda step, line: None, self.engine.words())

    def image(self, name: str) -> Record:
        """What was built of that name, once."""
        if name not in self.images:
            if name == "cpu-ddp":
                self.images[name] = Record(**json.loads(self.build(name).stdout))
            else:
                self.images[name] = self.build_for_cpus(name)
            self.seatrial("image", "render", name, "--output", str(self.folder / "rendered" / name))
            self._forget(lambda reference, made=self.images[name]: _older(reference, made))
        return self.images[name]

    def _forget(self, unwanted: Callable[[str], bool]) -> None:
        """Remove images of the storage, with what only they hold."""
        for reference in self.engine.run("buildah", "images", "--format", "{{.Name}}:{{.Tag}}").stdout.split():
            if "/seatrial/" in reference and unwanted(reference):
                self.engine.run("buildah", "rmi", reference, check=False)

    @contextlib.contextmanager
    def kept(self, keep: bool) -> Iterator[None]:
        """Afterwards images are removed by the last process that used them, or it is said how they are looked at."""
        with (KEPT / "using.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            yield
            if keep:
                how = " ".join(f"{name}={value}" for name, value in self.engine.environment.items())
                (self.folder / "images.txt").write_text(f"{how} buildah images\n")
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if not keep:
                    self._forget(lambda reference: True)
                self.engine.leave()


def _older(reference: str, made: Record) -> bool:
    """Whether an image is of an earlier day, now that what they have in common is the new one's, too."""
    name, _, tag = reference.rpartition(":")
    return name.endswith(f"/{made.reference.partition(':')[0]}") and tag != made.tag


@pytest.fixture(scope="session")
def place(pytestconfig: pytest.Config, artifacts: Path) -> Iterator[Place]:
    if lack := missing():
        pytest.skip(f"no image can be built here: {lack}")
    made = Place(engine(), artifacts)
    with made.kept(pytestconfig.getoption("--keep-artifacts")):
        yield made


@pytest.fixture(autouse=True)
def alone(place: Place) -> Iterator[None]:
    """No other test process uses the storage meanwhile: it would only build the same, or count what this one makes."""
    with place.engine.held():
        yield


@pytest.fixture(scope="session")
def registry(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """In which nothing is."""
    if shutil.which("docker-registry") is None:
        pytest.skip("no docker-registry")
    with running(tmp_path_factory.mktemp("registry")) as found:
        yield found
