"""A case with a framework of its own on a real Slurm: the environment's Python is the cluster's."""

from __future__ import annotations

from pathlib import Path

from seatrial.events import RunStart
from tests.trials.frameworks.conftest import frameworks
from tests.trials.slurm.harness import Slurm
from tests.trials.slurm.project import Project

__all__ = ["frameworks"]


def test_torchtitan_trains_on_two_nodes(slurm: Slurm, frameworks: str, tmp_path: Path):
    project = Project.make(tmp_path / "project", slurm, python=frameworks)
    said = project("run", "torchtitan", "--nodes", "2", "--processes", "1", "--on", "sea", "--name", "two")
    assert "torchtitan/tiny completed: PASS" in said
    start = project.run("two").events().last(RunStart)
    assert start.hosts == ["p5-1", "p5-2"] and start.versions["torchtitan"] == "0.2.2"
