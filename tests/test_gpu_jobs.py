"""Which job has which GPU: what prolog and epilog write, as the DCGM exporter reads it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from seatrial import gpu_jobs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "gpu-jobs").mkdir()
    return tmp_path / "gpu-jobs"


def hook(text: str, folder: Path, job: str, gpus: str | None) -> None:
    env = {"PATH": "/usr/bin:/bin", "SLURM_JOB_ID": job} | ({} if gpus is None else {"SLURM_JOB_GPUS": gpus})
    script = text.replace(gpu_jobs.FOLDER, str(folder))
    done = subprocess.run(["sh", "-eu"], input=script, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not done.stderr, done.stderr


def jobs(folder: Path) -> dict[str, list[str]]:
    return {path.name: path.read_text().split() for path in sorted(folder.iterdir())}


def test_a_job_is_written_for_each_of_its_gpus_and_taken_out_again(folder: Path) -> None:
    hook(gpu_jobs.BEGIN, folder, "17", "0,3")
    for other in ("171", "217"):
        hook(gpu_jobs.BEGIN, folder, other, "3")
    assert jobs(folder) == {"0": ["17"], "3": ["17", "171", "217"]}
    hook(gpu_jobs.END, folder, "17", "0,3")
    assert jobs(folder) == {"0": [], "3": ["171", "217"]}


@pytest.mark.parametrize("gpus", [None, ""])
def test_a_job_without_gpus_writes_nothing(folder: Path, gpus: str | None) -> None:
    for text in (gpu_jobs.BEGIN, gpu_jobs.END):
        hook(text, folder, "17", gpus)
    assert jobs(folder) == {}


def test_without_an_exporter_nothing_happens(folder: Path) -> None:
    folder.rmdir()
    for text in (gpu_jobs.BEGIN, gpu_jobs.END):
        hook(text, folder, "17", "0,1")
    assert not folder.exists()
