"""docs/batch.md, as it stands, on moto's AWS. No container runs there: a job waits until it is cancelled."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from moto.batch.models import Job
from moto.batch_simple.models import BatchSimpleBackend

from tests.docs.session import DOCS, play
from tests.launchers.batch import aws


def wait(backend: BatchSimpleBackend, include_start_attempt: bool, job: Any) -> None:
    """Instead of a job's immediate end."""
    backend.backend._jobs[job.job_id] = job
    job.status = "RUNNABLE"


def terminate(job: Any, reason: str) -> None:
    job.status, job.job_stopped_reason = "FAILED", reason


def test_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(BatchSimpleBackend, "_mark_job_as_finished", wait)
    monkeypatch.setattr(Job, "terminate", terminate)
    with aws.opened() as account:
        aws.set_quota(monkeypatch, "L-417A185B", 768.0)
        account.set_resources(launchTemplate=account.launch_template("efa", 32, "near-each-other"))
        env = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        assert play(DOCS / "batch.md", tmp_path / "project", env=env, changes={'"p5"': '"training"'})
