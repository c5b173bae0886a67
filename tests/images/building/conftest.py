"""Builders that are none, a place for records, and an image to build."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from seatrial.images._image import Choice, Container
from seatrial.images.building.context import Context
from seatrial.plan import Plan

PROGRAM = Path(__file__).with_name("program.py")


@dataclass(frozen=True)
class Programs:
    """The stand-ins that are on the PATH, which holds nothing else."""

    folder: Path
    state: Path

    def install(self, *names: str) -> None:
        for name in names:
            text = f"#!/bin/sh\nexec {shlex.quote(sys.executable)} -S -c 'import sys; path = sys.argv.pop(1); "
            text += f'sys.argv[0] = "{name}"; exec(compile(open(path).read(), path, "exec"))\' {PROGRAM} "$@"\n'
            (self.folder / name).write_text(text)
            (self.folder / name).chmod(0o755)

    def fail(self, name: str, verb: str, said: str) -> None:
        """From now on."""
        (self.state / f"fails-{name}-{verb}").write_text(said)

    @property
    def calls(self) -> list[list[str]]:
        path = self.state / "calls.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def called(self, *words: str) -> list[list[str]]:
        """Calls that begin so."""
        return [call for call in self.calls if call[: len(words)] == list(words)]

    @property
    def images(self) -> dict[str, str]:
        """Reference -> id."""
        return dict(json.loads((self.state / "images.json").read_text()))

    def forget(self) -> None:
        """The images."""
        (self.state / "images.json").write_text("{}")


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    found = Programs(folder=tmp_path / "bin", state=tmp_path / "stand-ins")
    found.folder.mkdir()
    found.state.mkdir()
    found.forget()
    monkeypatch.setenv("STAND_IN_STATE", str(found.state))
    monkeypatch.setenv("PATH", str(found.folder))
    return found


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where records are."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state/seatrial/images"


IMAGE = Container(
    name="fsdp", title="Fsdp", stack="cuda13", base="ubuntu", lock="command", environment=None, requires=("torch",)
)
PLAN = Plan(
    files={"Dockerfile": "FROM base\nCOPY seatrial /opt\n", "locks/command.txt": "torch\n", "seatrial/__init__.py": ""}
)


@pytest.fixture
def context() -> Context:
    return Context(container=IMAGE, choice=Choice(), plan=PLAN)


class Told(list[tuple[str, str]]):
    """What was told of a build."""

    def __call__(self, step: str, line: str) -> None:
        self.append((step, line))


@pytest.fixture
def told() -> Told:
    return Told()
