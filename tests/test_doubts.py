"""Figures that cannot be are rejected with their reason, and figures with the noise of real runs are not."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from seatrial import doubts
from seatrial.attempts import Attempts
from seatrial.events import EventLog, Timed, Validation
from seatrial.expected import Expected
from seatrial.job import Job
from tests import stories
from tests.stories import Events, start, step

RANKS, BATCH, FLOPS, PEAK = 64, 1_048_576, 5e10, 989.4e12
MOST = 0.8 * PEAK * RANKS / FLOPS
"""Tokens a second: 1.01 million."""
JOB = replace(
    stories.JOB,
    device="cuda",
    nodes=8,
    processes_per_node=8,
    expected=Expected(step_tokens=BATCH, most=MOST),
)


def told(
    seed: int, *, seconds: float = 2.5, count: int = BATCH, clock: float = 1.0, unit: str = "tokens", **changes: object
) -> Events:
    """Sixty steps of a large job with noise, a validation after each tenth; `clock` seconds pass for each told one."""
    chance, moment = random.Random(seed), 0.0
    events: Events = [
        (
            0.0,
            start(**{"flops_per_token": {"causal": FLOPS}, "peak_flops": PEAK, **changes}, world_size=RANKS, unit=unit),
        )
    ]
    for number in range(1, 61):
        took = seconds * (1 + abs(chance.gauss(0, 0.03)))
        moment += clock * took
        events.append((moment, step(number, seconds=took, count=count, phases={}, ranks={})))
        if number % 10 == 0:
            moment += 20.0
            events.append((moment, Validation(step=number, metrics={"loss": 2.0}, seconds=20.0)))
    return events


def why(events: Events, job: Job = JOB) -> list[str]:
    log = EventLog(events=[Timed(stories.START + after, event) for after, event in events])
    return doubts.impossible(job, Attempts(log.events), log)


def compared(events: Events, job: Job = JOB) -> str:
    log = EventLog(events=[Timed(stories.START + after, event) for after, event in events])
    return doubts.incomparable(job, Attempts(log.events), log)


def test_runs_that_can_be_are_not_doubted() -> None:
    for seed in range(100):
        fast = told(seed, seconds=BATCH / MOST / random.Random(seed).uniform(0.05, 0.98))
        assert why(fast) == [] and compared(fast) == "", seed


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (lambda seed: told(seed, seconds=0.9), "times what the accelerators give if they do nothing but the best"),
        (lambda seed: told(seed, seconds=0.5), "times the peak of the hardware"),
        (lambda seed: told(seed, seconds=300.0, count=8 * BATCH), "its steps count 8,388,608 tokens, and the global"),
        (lambda seed: told(seed, seconds=25.0, clock=10.0), "10 s pass for each second that its steps say"),
        (lambda seed: told(seed, seconds=25.0, clock=0.5), "0.5 s pass for each second that its steps say"),
    ],
    ids=["above what products reach", "above the peak", "tokens of each rank", "too fast a clock", "too slow a clock"],
)
def test_what_cannot_be_is_named(wrong: Callable[[int], Events], reason: str) -> None:
    for seed in range(20):
        [found] = why(wrong(seed))
        assert reason in found, seed
        assert compared(wrong(seed)) == f" cannot be: {found}", seed


def test_all_reasons_are_told_at_once() -> None:
    assert len(why(told(0, seconds=0.5, count=8 * BATCH, clock=10.0))) == 3


@pytest.mark.parametrize(
    ("events", "job"),
    [
        (told(0, seconds=0.9), replace(JOB, expected=None)),  # between what is reached and the peak: nobody computed it
        (told(0, seconds=300.0, count=8 * BATCH), replace(JOB, expected=Expected())),
        (told(0, seconds=300.0, count=8 * BATCH, unit="samples"), JOB),
        (told(0, count=round(1.04 * BATCH), seconds=3.0), JOB),
        (told(0, clock=1.4, seconds=25.0), JOB),
        (told(0, clock=0.005), JOB),  # less than a second in all: such stretches are too short
    ],
)
def test_what_nobody_can_tell_is_not_doubted(events: Events, job: Job) -> None:
    assert why(events, job) == []


def test_seconds_of_a_logged_step_are_those_of_each_since_the_one_before() -> None:
    events: Events = [(0.0, start(world_size=RANKS))]
    events += [(3.0 * n, step(n, seconds=3.0, count=BATCH, phases={}, ranks={})) for n in range(10, 210, 10)]
    assert why(events) == []
    assert why([(when / 2, event) for when, event in events]) != []


def test_a_few_stretches_tell_nothing() -> None:
    few = told(0, seconds=25.0, clock=10.0)[:6]
    assert why(few) == [] and why(told(0, seconds=25.0, clock=10.0)[:7]) != []


def test_more_than_the_peak_in_one_convention_alone_can_be() -> None:
    """Attention that a mask halves counts whole in the other: at long sequences that is more than the peak."""
    events = told(0, seconds=2 * BATCH / MOST, flops_per_token={"causal": FLOPS, "full": 3 * FLOPS})
    assert why(events) == []


def test_another_number_of_ranks_has_other_figures_and_is_said_to_have_them() -> None:
    fewer = replace(JOB, nodes=4)
    assert compared(told(0), fewer) == " is of 64 ranks, the figure of 32"
    assert why(told(0, seconds=300.0, count=8 * BATCH), fewer) == []


def test_steps_of_fewer_tokens_are_not_compared_and_can_be() -> None:
    short = told(0, count=BATCH // 2)
    assert why(short) == []
    assert compared(short) == " is of steps of 524,288 tokens, the figure of 1,048,576"
    assert compared(told(0, count=round(0.96 * BATCH))) == ""


def test_time_in_which_something_else_was_done_is_no_time_of_steps() -> None:
    events: Events = [(0.0, start(world_size=RANKS))]
    for number in range(1, 41):
        events.append((number * 12.0, step(number, seconds=2.0, count=BATCH, phases={}, ranks={})))
        events.append((number * 12.0 + 10.0, Validation(step=number, metrics={}, seconds=10.0)))
    assert why(events) == []
    [found] = why([one for one in events if not isinstance(one[1], Validation)])
    assert "pass for each second" in found
