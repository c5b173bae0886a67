"""Images that are really built, each once for all tests that look at it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from seatrial import catalog
from seatrial.images import containers
from seatrial.images._image import Choice
from seatrial.images.building.context import Context
from seatrial.images.containers import locks
from seatrial.images.records import Record
from seatrial.plan import Plan
from seatrial.versions import TORCH
from tests.trials.images.containers import stand_ins
from tests.trials.images.containers.engine import Engine, engine, missing, torch_is_here

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

    def words(self, name: str, **other: str) -> list[str]:
        """What the command is given to build an image here: every build argument stands for what is elsewhere."""
        arguments = {"BASE": self.engine.base}
        if name == "cpu-ddp":
            arguments |= NOT_PYTORCHS if torch_is_here(TORCH) else {}
        else:
            arguments |= stand_ins.arguments(self.engine.given, "EFA_")
        if name == "nccl-tests":
            arguments |= stand_ins.arguments(self.engine.given, "NCCL_TESTS_")
        words = [word for key, value in (arguments | other).items() for word in ("--build-arg", f"{key}={value}")]
        return ["--builder", "buildah", *words]

    def build(self, name: str, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """``seatrial image build``"""
        return self.seatrial("image", "build", name, *words, "--json", "--", *self.engine.words(), check=check)


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    if lack := missing():
        pytest.skip(f"no image can be built here: {lack}")
    return Place(engine(), tmp_path_factory.mktemp("state"))
