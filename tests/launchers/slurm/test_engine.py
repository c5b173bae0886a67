"""What a submission does to the shared file system, above all where Slurm refuses it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.cluster import Cluster
from seatrial.errors import UserError
from seatrial.launchers import slurm
from seatrial.launchers.slurm import engine
from seatrial.plan import Plan
from tests.launchers import shapes
from tests.launchers.slurm.test_render import CPU, job


@pytest.fixture
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """A cluster whose Slurm refuses every job."""
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, text in {
        "sbatch": "echo 'sbatch: error: invalid account' >&2; exit 1",
        "squeue": "",
        "sacct": "",
    }.items():
        (commands / name).write_text(f"#!/bin/sh\n{text}\n")
        (commands / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "shared").mkdir()
    return replace(CPU, shared=str(tmp_path / "shared"))


def submit(where: Cluster) -> str:
    plan: Plan = slurm.render(job(where), where, "run")
    with pytest.raises(UserError) as refused:
        engine.submit(plan, "run", where)
    return str(refused.value)


def test_nothing_is_left_of_a_job_that_is_refused(where: Cluster) -> None:
    assert "invalid account" in submit(where)
    assert list(Path(where.shared or "").iterdir()) == []


def test_the_files_of_a_case_are_in_the_folder_where_the_job_looks_for_them(where: Cluster) -> None:
    (Path(where.shared or "").parent / "bin/sbatch").write_text("#!/bin/sh\necho 7\n")
    plan = slurm.render(job(where, **shapes.MINE), where, "run")
    assert engine.submit(plan, "run", where) == "7"
    there = Path(where.shared or "") / "run"
    assert {path: (there / "program" / path).read_text() for path in shapes.FILES} == {
        path: file.text for path, file in shapes.FILES.items()
    }
    assert "program/mine.py" in (there / "start.sh").read_text()


def test_a_folder_of_somebody_else_is_neither_used_nor_touched(where: Cluster) -> None:
    there = Path(where.shared or "") / "run"
    (there / "thesis").mkdir(parents=True)
    (there / "thesis" / "chapter-1").write_text("the only copy")
    said = submit(where)
    assert "run is no run of Seatrial and holds something: take another --name" in said
    assert [path.name for path in there.rglob("*")] == ["thesis", "chapter-1"]


@pytest.mark.parametrize("of_a_run", ["job.sbatch", "job.id"])  # the latter of a task of an array
def test_checkpoints_of_an_earlier_submission_stay(where: Cluster, of_a_run: str) -> None:
    there = Path(where.shared or "") / "run"
    (there / "checkpoints").mkdir(parents=True)
    (there / of_a_run).write_text("before")
    (there / "checkpoints" / "step-10").write_text("weights")
    assert "invalid account" in submit(where)
    assert (there / "checkpoints" / "step-10").read_text() == "weights"


def test_an_empty_folder_that_was_there_stays(where: Cluster) -> None:
    there = Path(where.shared or "") / "run"
    there.mkdir()
    assert "invalid account" in submit(where)
    assert there.is_dir()
