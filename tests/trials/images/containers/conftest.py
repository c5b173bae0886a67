"""Images that are really built, each once for all tests that look at it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
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
from tests.trials.images.containers.engine import Engine, engine, missing, torch_is_here
from tests.trials.images.containers.registry import Registry, running

NOT_PYTORCHS = {"TORCH_INDEX": f"file://{stand_ins.SEEN_AS}"}


@dataclass(frozen=True)
class Place:
    """Where images are built, and what was."""

    engine: Engine
    state: Path
    images: dict[str, Record] = field(default_factory=dict)

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
        with self.engine.held():
            return self.seatrial(*command, *self.engine.words(), check=check)

    def build_for_cpus(self, name: str) -> Record:
        """An image for GPUs with torch's CPU build: what torch needs for GPUs is 5 GB, of which NCCL alone stays.

        Everything else is that of its definition, from the base to the test that ends it.
        """
        container = containers.definition(catalog.case(name))
        plan = containers.render(container, Choice())
        nccl = locks.entries(locks.text("cuda"))["nvidia-nccl-cu13"]
        files = {**plan.files, "locks/cuda.txt": f"{nccl}\n{locks.text('torch-cpu')}"}
        context = Context(container=container, choice=Choice(), plan=Plan(files=files), arguments=self.arguments(name))
        with self.engine.held(), pytest.MonkeyPatch.context() as patch:
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
            self._forget_others(self.images[name])
        return self.images[name]

    def _forget_others(self, record: Record) -> None:
        """Those of earlier days, now that what they have in common is this one's, too."""
        listed = self.engine.run("buildah", "images", "--format", "{{.Name}}:{{.Tag}}").stdout.split()
        for reference in listed:
            if f"/{record.reference.partition(':')[0]}:" in reference and not reference.endswith(f":{record.tag}"):
                self.engine.run("buildah", "rmi", reference, check=False)


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    if lack := missing():
        pytest.skip(f"no image can be built here: {lack}")
    return Place(engine(), tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="session")
def registry(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """In which nothing is."""
    if shutil.which("docker-registry") is None:
        pytest.skip("no docker-registry")
    with running(tmp_path_factory.mktemp("registry")) as found:
        yield found
