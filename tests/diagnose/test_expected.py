"""Less than was forecast: the machines or the settings, and nothing where another cause is seen or nobody can tell."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from seatrial.diagnose.expected import SLOWER, UNTUNED
from seatrial.diagnose.judging import Diagnosis, judge
from seatrial.events import EventLog, RunEnd, Step, Timed
from seatrial.expected import Expected, Faster, Range
from seatrial.findings import Verdict
from seatrial.profiling import Profile
from seatrial.runs import State
from tests import stories
from tests.diagnose.made import left
from tests.stories import Events, start

RANKS, TOKENS = 128, 2**20
RATE = Range(low=340e3, expected=400e3, high=460e3, evidence=("llama3.1-8b on 128 H100 SXM, nemo 2025-04",))
ALONE = replace(RATE, evidence=())
MORE = (Faster(setting="recompute=selective", gain=0.31), Faster(setting="compile=true", gain=0.09))


def events(seed: int, rate: float, *, data: float = 0.02, **changes: Any) -> Events:
    """Forty steps of a large job at that many tokens a second, with 3 % of noise."""
    chance, moment = random.Random(seed), 0.0
    told: Events = [(0.0, start(world_size=RANKS, **changes))]
    for number in range(1, 41):
        seconds = TOKENS / rate * (1 + chance.gauss(0, 0.03))
        moment += seconds
        phases = {"data_wait": data * seconds, "forward": (1 - data) * seconds}
        told.append((moment, Step(step=number, loss=2.0, count=TOKENS, seconds=seconds, phases=phases)))
    return [*told, (moment, RunEnd(outcome="completed", step=40))]


def why(told: Events, known: Expected | None, profile: Profile | None = None) -> Diagnosis:
    job = replace(stories.JOB, device="cuda", nodes=16, processes_per_node=8, expected=known, profile=profile)
    log = EventLog(events=[Timed(stories.START + after, event) for after, event in told])
    return judge(replace(left(state=State.COMPLETED), job=job, log=log))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("faster", [(), MORE])
def test_below_what_was_measured_of_such_jobs_the_machines_are_suspected(seed: int, faster: Any) -> None:
    rate = random.Random(seed).uniform(80e3, 320e3)
    found = why(events(seed, rate), Expected(rate=RATE, step_tokens=TOKENS, faster=faster))
    assert found.cause.check == SLOWER.id and found.cause.verdict is Verdict.WARN
    assert "of what was expected, at least 340,000: near llama3.1-8b" in found.cause.observed


@pytest.mark.parametrize("seed", range(20))
def test_below_a_model_that_nothing_measured_is_near_the_arguments_are_named(seed: int) -> None:
    rate = random.Random(seed).uniform(80e3, 320e3)
    found = why(events(seed, rate), Expected(rate=ALONE, faster=MORE))
    assert found.cause.check == UNTUNED.id and found.cause.verdict is Verdict.WARN
    assert found.cause.observed.endswith("by the model of its step would give: recompute=selective 31% more")


def test_nothing_is_named_of_runs_that_give_what_was_expected() -> None:
    for seed in range(100):
        told = events(seed, random.Random(seed).uniform(350e3, 500e3))
        for known in (Expected(rate=RATE, faster=MORE), Expected(rate=ALONE, faster=MORE), Expected(rate=RATE)):
            found = why(told, known)
            assert not found.named and found.cause.verdict is Verdict.PASS, seed
            assert found.cause.check == (UNTUNED.id if known.faster else "diagnose.cause")


def test_what_would_make_a_good_run_faster_is_said_without_blame() -> None:
    found = why(events(0, 400e3), Expected(rate=RATE, faster=MORE))
    assert found.cause.observed == (
        "it completed, with 100% of what was expected of it; by the model of its step would give: "
        "recompute=selective 31% more"
    )
    assert found.cause.remedy == "" and found.consequences == ()


@pytest.mark.parametrize("seed", range(20))
def test_another_cause_explains_it(seed: int) -> None:
    found = why(events(seed, 200e3, data=0.5), Expected(rate=RATE, faster=MORE))
    assert found.cause.check == "diagnose.data"
    assert found.findings == [found.cause]


@pytest.mark.parametrize(
    ("told", "known"),
    [
        (events(0, 200e3), None),
        (events(0, 200e3), Expected()),
        (events(0, 200e3), Expected(rate=ALONE)),
        (events(0, 200e3), Expected(rate=ALONE, faster=MORE[1:])),
        (events(0, 200e3), Expected(rate=RATE, step_tokens=2 * TOKENS)),
        (events(0, 200e3, unit="samples"), Expected(rate=RATE)),
        (events(0, 200e3)[:6] + events(0, 200e3)[-1:], Expected(rate=RATE)),
        (events(0, 400e3), Expected(rate=RATE, faster=MORE[1:])),
    ],
    ids=[
        "no forecast", "no rate", "a model alone", "too little gained", "another batch", "samples", "too few steps",
        "good, and little gained",
    ],
)  # fmt: skip
def test_nothing_is_said_where_nobody_can_tell(told: Events, known: Expected | None) -> None:
    assert why(told, known).cause.check == "diagnose.cause"


def test_a_figure_that_cannot_be_is_no_cause() -> None:
    told = events(0, 200e3, flops_per_token={"causal": 5e10}, peak_flops=1e12)
    assert why(told, Expected(rate=replace(RATE, low=1e9, expected=2e9, high=3e9))).cause.check == "diagnose.cause"


def test_what_a_profiler_takes_is_no_fault() -> None:
    """Setting one up takes seconds, before the window and behind it: this job gives what was expected all the same."""
    told = [
        (moment, replace(event, seconds=30.0) if isinstance(event, Step) and event.step in (18, 20, 22) else event)
        for moment, event in events(0, 400e3)
    ]
    known = Expected(rate=RATE, step_tokens=TOKENS)
    assert why(told, known).named
    assert not why(told, known, profile=Profile(steps=(20, 21))).named
    assert why(told, known, profile=Profile(steps=(30, 31))).named, "of other steps it is one"
