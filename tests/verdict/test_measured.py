"""Memory against its forecast, and a throughput that cannot be: each verdict, and what it says."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from seatrial.events import EventLog, Timed
from seatrial.expected import Expected, Range
from seatrial.findings import Finding, Verdict
from seatrial.hardware import GIB
from seatrial.job import Job
from seatrial.spec import Published
from seatrial.verdict import judge_events
from tests import stories
from tests.stories import Events, start, step

NEED = Range(low=54 * GIB, expected=60 * GIB, high=66 * GIB, evidence=("11 published peaks of torchtitan",))
JOB = replace(stories.JOB, device="cuda", expected=Expected(memory=NEED))


def found(events: Events, job: Job) -> dict[str, Finding]:
    log = EventLog(events=[Timed(stories.START + after, event) for after, event in events])
    return {finding.check: finding for finding in judge_events(job, log)}


def steps(*gib: float | None, **changes: object) -> Events:
    told = [step(n, memory_bytes=None if one is None else round(one * GIB)) for n, one in enumerate(gib, 1)]
    return [(0.0, start(**changes)), *((float(n), event) for n, event in enumerate(told, 1))]


@pytest.mark.parametrize(
    ("peak", "near", "verdict"),
    [
        (60.0, True, Verdict.PASS),
        (65.9, True, Verdict.PASS),
        (66.1, True, Verdict.WARN),
        (77.9, True, Verdict.WARN),
        (78.1, True, Verdict.FAIL),
        (20.0, True, Verdict.PASS),
        (65.9, False, Verdict.PASS),
        (66.1, False, Verdict.UNKNOWN),
        (90.0, False, Verdict.UNKNOWN),
        (None, True, Verdict.UNKNOWN),
        (0.0, True, Verdict.UNKNOWN),  # a device that cannot tell
    ],
)
def test_memory_is_held_against_its_interval(peak: float | None, near: bool, verdict: Verdict) -> None:
    need = NEED if near else replace(NEED, evidence=())
    [one] = [f for n, f in found(steps(peak), replace(JOB, expected=Expected(memory=need))).items() if "memory" in n]
    assert one.check == "run.expected-memory" and one.verdict is verdict


def test_it_is_the_peak_of_all_steps_and_says_what_it_rests_on() -> None:
    one = found(steps(40.0, 72.0, 60.0), JOB)["run.expected-memory"]
    assert one.observed == "72 GiB, 120%" and one.verdict is Verdict.WARN
    assert one.expected == "60 GiB (54 to 66) or less, near 11 published peaks of torchtitan"


def test_far_less_than_it_should_need_is_another_job_perhaps() -> None:
    one = found(steps(20.0), JOB)["run.expected-memory"]
    assert one.verdict is Verdict.PASS and one.observed.endswith("are model, batch and recomputation those of the job?")


def test_the_memory_of_other_ranks_is_not_held_against_it() -> None:
    one = found(steps(90.0, world_size=4), JOB)["run.expected-memory"]
    assert one.verdict is Verdict.UNKNOWN and one.observed.endswith(" is of 4 ranks, the figure of 2")


def test_nothing_is_said_of_memory_that_nobody_forecast() -> None:
    for known in (None, Expected()):
        assert "run.expected-memory" not in found(steps(90.0), replace(JOB, expected=known))


def counted(seed: int, count: int) -> Events:
    chance = random.Random(seed)
    told = [step(n, count=count, chance=chance) for n in range(1, 31)]
    return [(0.0, start(flops_per_token={}, peak_flops=None)), *((0.1 * n, one) for n, one in enumerate(told, 1))]


@pytest.mark.parametrize("seed", range(20))
def test_tokens_that_are_counted_twice_are_never_praised(seed: int) -> None:
    figure = Published(
        metric="tokens/s per accelerator", value=20e3, instance_type="p5.48xlarge", nodes=1, source="them, 2025-03"
    )
    rate = Range(low=35e3, expected=41e3, high=50e3, evidence=("a test",))
    job = replace(stories.JOB, published=(figure,), expected=Expected(rate=rate, step_tokens=4096))
    right, wrong = found(counted(seed, 4096), job), found(counted(seed, 8192), job)
    assert right["run.expected"].verdict is right["run.published"].verdict is Verdict.PASS
    assert "run.possible" not in right
    for rule in ("run.possible", "run.expected", "run.published"):
        assert wrong[rule].verdict is Verdict.UNKNOWN and "its steps count 8,192 tokens" in wrong[rule].observed


def test_samples_are_not_held_against_tokens() -> None:
    job = replace(stories.JOB, expected=Expected(rate=Range(low=1, expected=2, high=3, evidence=("a test",))))
    events = [(0.0, start(unit="samples")), *((0.1 * n, step(n)) for n in range(1, 31))]
    assert found(events, job)["run.expected"].observed == "never measured"
