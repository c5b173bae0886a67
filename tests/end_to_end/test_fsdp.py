"""fsdp/tiny as a user runs it: undisturbed, and killed in the middle."""

from __future__ import annotations

import os
import random
import signal

import pytest

from seatrial.events import CheckpointSaved, Restart, RunStart, Step
from seatrial.runs import State
from tests.command import SHORT, checkpoints, is_gone, losses, rank_pid, settings, wait_for_step

pytestmark = [pytest.mark.torch, pytest.mark.slow]


def test_an_undisturbed_run_passes_and_tells_everything(undisturbed):
    log = undisturbed.events()
    assert log.unreadable == 0
    assert undisturbed.state() is State.COMPLETED
    assert {f.verdict for f in undisturbed.findings()} == {"PASS"}
    assert list(losses(undisturbed)) == list(range(1, 25))
    assert checkpoints(undisturbed) == ["step-00000018", "step-00000024"]  # the two newest of four
    assert [saved.step for saved in log.of(CheckpointSaved)] == [6, 12, 18, 24]
    assert undisturbed.report_path.read_text().startswith("<!doctype html>")
    for step in log.of(Step):
        assert sum(step.phases.values()) == pytest.approx(step.seconds, rel=1e-6)
        assert step.count == 8 * 128
        assert all(len(values) == 2 for values in step.ranks.values())
    start = log.last(RunStart)
    assert start.peak_flops is None and start.peak_source.startswith("not stated")
    assert start.versions["torch"].startswith("2.")
    assert is_gone(undisturbed)


def test_a_killed_rank_costs_nothing_but_time(command, undisturbed):
    """SIGKILL of a random rank at a random step: the same losses, bit for bit."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    rank, step = dice.randrange(2), dice.randrange(1, 23)
    process, run = command.begin("run", "fsdp", *settings(*SHORT), name="killed")
    wait_for_step(run, step)
    os.kill(rank_pid(run, rank), signal.SIGKILL)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    log = run.events()
    assert log.of(Restart)[0].reason == f"rank {rank} was killed by SIGKILL"
    assert losses(run) == losses(undisturbed)
    assert is_gone(run)
