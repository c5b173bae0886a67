"""The collectors of Slurm and of health, on a real controller."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from seatrial import guarding
from seatrial.checks import last
from seatrial.checks.quarantine import Mark
from seatrial.observe.exporter.collectors.health import Health
from seatrial.observe.exporter.collectors.slurm import Slurm as Collector
from tests.observe.exporter.reading import samples, value
from tests.trials.slurm.harness import Slurm


def test_nodes_and_jobs_are_told_as_they_are(slurm: Slurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in slurm.env.items():
        monkeypatch.setenv(name, text)
    sick, down = slurm.names[-2:]
    mark = str(Mark("deep", "gpu.xid", "Xid 79 on 0000:0f:00"))
    slurm.run("scontrol", "update", f"nodename={sick}", "state=drain", f"reason={mark}")
    slurm.down(down, "bad | memory")
    job = slurm.sbatch("#!/bin/sh\nsleep 300\n", "--nodes=1")
    slurm.wait(job, "RUNNING")
    collected = Collector().collect()
    found = samples(collected.families)
    assert collected.problems == ()
    assert value(found, "slurm_nodes_drained") == value(found, "slurm_nodes_down") == 1
    assert value(found, "slurm_node_reason_info", node=down, reason="bad | memory", user="root") == 1
    assert value(found, "slurm_jobs_running") == 1 and (value(found, "slurm_sdiag_jobs_submitted") or 0) >= 1
    last.keep("here", "quick", [], tmp_path)
    health = Health(tmp_path, partial(guarding.guard_of("slurm").reasons, guarding.on_node("slurm"))).collect()
    assert health.problems == ()
    assert value(samples(health.families), "seatrial_node_quarantined", node=sick, check="gpu.xid", level="deep") == 1
    slurm.run("scancel", job)


def test_a_controller_that_is_gone_is_said(slurm: Slurm, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in slurm.env.items():
        monkeypatch.setenv(name, text)
    slurm.stop_controller()
    try:
        collected = Collector().collect()
    finally:
        slurm.start_controller()
    assert collected.families == {} and len(collected.problems) == 3, collected.problems
