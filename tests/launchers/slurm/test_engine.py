"""What a submission does to the shared file system, with commands of Slurm that answer as they are told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.errors import UserError
from seatrial.launchers import slurm
from seatrial.spec import Cluster
from tests.launchers.shapes import SLURM, Shape


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Shape, Path]:
    """A cluster whose sbatch refuses unless `sbatch.ok` is there, and the folder of the run `trial`."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, text in (("sbatch", f"[ -e {tmp_path}/sbatch.ok ] && echo 7"), ("squeue", "true")):
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    shape = SLURM["node"]
    return replace(shape, cluster=replace(shape.cluster, shared=str(tmp_path / "shared"))), tmp_path / "shared/trial"


def submit(shape: Shape) -> str:
    cluster: Cluster = shape.cluster
    return slurm.submit(slurm.render(shape.job, cluster, "trial"), "trial", cluster)


def test_what_is_refused_leaves_nothing(there):
    shape, folder = there
    with pytest.raises(UserError):
        submit(shape)
    assert folder.parent.is_dir() and not folder.exists()


def test_a_folder_that_was_there_is_neither_removed_nor_written_into(there, tmp_path):
    """Somebody's own, of the name that the run has."""
    shape, folder = there
    folder.mkdir(parents=True)
    (folder / "thesis.tex").write_text("years of work")
    for _ in ("refused by sbatch", "taken by sbatch"):
        with pytest.raises(UserError, match=r"trial is there already and is no run: give the run another name"):
            submit(shape)
        assert [path.name for path in folder.iterdir()] == ["thesis.tex"]
        (tmp_path / "sbatch.ok").touch()


@pytest.mark.parametrize("sign", ["job.json", "job.id", ".lock"])
def test_a_run_that_is_resumed_keeps_its_checkpoints_where_slurm_refuses(there, sign):
    """A task of an array has no job.sbatch in its own folder."""
    shape, folder = there
    (folder / "checkpoints").mkdir(parents=True)
    (folder / sign).touch()
    with pytest.raises(UserError):
        submit(shape)
    assert (folder / "checkpoints").is_dir()


def test_an_empty_folder_will_do_and_stays(there, tmp_path):
    shape, folder = there
    folder.mkdir(parents=True)
    with pytest.raises(UserError):
        submit(shape)
    assert folder.is_dir()
    (tmp_path / "sbatch.ok").touch()
    assert submit(shape) == "7" and (folder / "job.id").read_text() == "7\n"
