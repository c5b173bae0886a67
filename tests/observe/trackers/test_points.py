"""What trackers are told: the values of the events, under names that the page lists, and no secret."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.binding import bind
from seatrial.events import (
    CheckpointLoaded,
    CheckpointSaved,
    EventLog,
    RunEnd,
    RunStart,
    Step,
    Timed,
    Validation,
)
from seatrial.metrics import PHASES
from seatrial.observe.trackers._points import Points, about, outcome
from seatrial.observe.trackers._tracker import Point
from seatrial.runs import Run, State
from tests.test_binding import CASE, LOCAL, TINY

ROOT = Path(__file__).parents[3]
RESTARTED = Run(ROOT / "tests/recorded_runs/restarted")
JOB = bind(CASE, TINY, LOCAL)
START = RunStart(
    attempt=0,
    start_step=0,
    steps=10,
    world_size=2,
    device="cpu",
    backend="gloo",
    flops_per_token={"full": 12.0, "causal": 6.0},
    peak_flops=1000.0,
    versions={"torch": "2.13"},
)
STEP = Step(step=3, loss=2.5, learning_rate=0.1, grad_norm=1.5, count=100, seconds=2.0, memory_bytes=7)
WHOLE = replace(STEP, phases=dict.fromkeys(PHASES, 0.25), printed={"mfu": 0.4, "flops": 1e9})
SAVED = CheckpointSaved(step=4, path="c", bytes=9, seconds=1.0, stall_seconds=0.5)


def told(*events: object) -> list[Point]:
    points = Points(JOB)
    return [point for event in events for point in points.take(Timed(100.0, event))]


def test_a_step_is_told_with_what_follows_from_it():
    restart, step = told(START, WHOLE)
    assert restart == Point(step=0, time=100.0, values={}, restart=True)
    assert (step.step, step.time) == (3, 100.0)
    assert step.values == {
        "train/loss": 2.5,
        "train/learning_rate": 0.1,
        "train/grad_norm": 1.5,
        "throughput/tokens_per_second": 50.0,
        "throughput/mfu_full": 50 * 12 / 2000,
        "throughput/mfu_causal": 50 * 6 / 2000,
        "throughput/printed_mfu": 0.4,
        "throughput/printed_flops": 1e9,
        "time/step": 2.0,
        **{f"time/{phase}": 0.25 for phase in PHASES},
        "memory/peak_bytes": 7.0,
    }


def test_what_nobody_told_is_left_out_and_what_is_no_number_is_not():
    [step] = told(Step(step=1, loss=math.nan, count=4, seconds=0.0))
    assert set(step.values) == {"train/loss", "time/step"} and math.isnan(step.values["train/loss"])


def test_a_step_that_comes_again_begins_anew_there():
    """In a log from elsewhere nothing else tells of a restart."""
    found = told(*(replace(STEP, step=step) for step in (1, 2, 3, 2, 3)))
    assert [(point.step, point.restart) for point in found[2:]] == [(3, False), (1, True), (2, False), (3, False)]
    assert [point.restart for point in told(STEP, STEP)] == [False, True, False]
    found = told(START, STEP, replace(START, start_step=2), STEP)
    assert [point.step for point in found if point.restart] == [0, 2]


def test_samples_are_no_tokens():
    _, step = told(replace(START, unit="samples"), STEP)
    assert step.values["throughput/samples_per_second"] == 50.0
    assert not [name for name in step.values if "tokens" in name or "mfu" in name]


def test_validations_and_checkpoints_are_told():
    found = told(Validation(step=4, metrics={"loss": 2.0}, seconds=0.1), SAVED)
    found += told(CheckpointLoaded(step=4, path="c", seconds=3.0, world_size=2), RunEnd(outcome="failed", step=4))
    assert [(point.step, dict(point.values)) for point in found] == [
        (4, {"validation/loss": 2.0, "validation/seconds": 0.1}),
        (4, {"checkpoint/seconds": 1.0, "checkpoint/stall_seconds": 0.5, "checkpoint/bytes": 9.0}),
        (4, {"checkpoint/load_seconds": 3.0}),
    ]


def test_the_page_lists_every_name_and_no_other():
    page = (ROOT / "docs/track.md").read_text().partition("## What is there")[2].partition("##")[0]
    listed = set(re.findall(r"`([a-z]+/\w+)`", page))
    points = told(START, WHOLE, SAVED, Validation(step=4, metrics={"NAME": 1.0}, seconds=0.1))
    points += told(CheckpointLoaded(step=4, path="c", seconds=3.0, world_size=2))
    assert listed == {name for point in points for name in point.values}


@given(st.text())
def test_a_name_is_one_that_every_tracker_takes(name):
    [point] = told(Validation(step=1, metrics={name: 1.0}, seconds=0.0))
    assert all(re.fullmatch(r"validation/[A-Za-z0-9_./-]*", told) for told in point.values)


def test_secrets_are_masked():
    job = replace(JOB, args={"api_key": "letmein", "dataset": "https://me:letmein@host/x", "note": "x" * 1000})
    found = about(job, START)
    assert "letmein" not in str(found) and found.arguments["api_key"] == "***"
    assert len(found.arguments["note"]) == 500
    assert (found.facts["ranks"], found.facts["version.torch"]) == ("2", "2.13")
    assert about(job, None).facts["ranks"] == str(job.world_size)


def test_the_outcome_of_a_recorded_run():
    found = outcome(RESTARTED.job, RESTARTED.events(), State.COMPLETED)
    assert (found.state, found.verdict, found.step) == ("completed", "WARN", 40)
    assert found.findings["run.rank-died"] == "WARN: rank 1 was killed by SIGKILL"
    assert found.figures["steady/tokens_per_second"] == pytest.approx(5236.6, abs=0.1)


def test_of_a_run_that_began_nothing_is_known():
    found = outcome(JOB, EventLog(), State.LOST)
    assert (found.verdict, found.step, found.figures) == ("UNKNOWN", 0, {})
