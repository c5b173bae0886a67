"""What became slow while a run went on, and what only looks like it."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import pytest

from seatrial.diagnose.judging import Diagnosis, judge
from seatrial.events import CheckpointSaved, Step
from seatrial.findings import Verdict
from seatrial.runs import State
from tests.diagnose.made import left
from tests.stories import Events, start

HOSTS = ["ip-0", "ip-1"]


def attempt(seconds: Sequence[float], *, number: int = 0, first: int = 1, **phases: Sequence[float]) -> Events:
    """An attempt whose steps take so long, with what their phases take."""
    events: Events = [(float(first), start(attempt=number, start_step=first - 1, world_size=2, hosts=HOSTS))]
    for index, value in enumerate(seconds):
        split = {name: values[index] for name, values in phases.items()}
        events.append((first + 0.1, Step(step=first + index, loss=1.0, count=8, seconds=value, phases=split)))
    return events


def slowed(events: Events) -> Diagnosis:
    return judge(left(state=State.COMPLETED, events=events))


def name(found: Diagnosis) -> str:
    return found.cause.check.removeprefix("diagnose.")


def test_slow_since_a_step_names_the_step_and_the_phase() -> None:
    seconds = [1.0] * 20 + [1.5] * 20
    found = slowed(attempt(seconds, forward=[0.4] * 40, backward=[0.6] * 20 + [1.1] * 20))
    assert name(found) == "slow-since"
    assert found.cause.verdict is Verdict.WARN
    assert found.cause.observed == "from step 21 on a step takes 1.5 s, before 1 s, most of it in backward"


def test_a_phase_that_is_not_most_of_it_is_not_named() -> None:
    half = [0.5] * 20 + [0.7] * 20
    found = slowed(attempt([1.0] * 20 + [1.5] * 20, forward=half, backward=half))
    assert name(found) == "slow-since" and "most of it" not in found.cause.observed


@pytest.mark.parametrize(
    "seconds",
    [
        pytest.param([9.0, 5.0] + [1.0] * 30, id="the warm-up"),
        pytest.param([1.0] * 20 + [1.15] * 20, id="a little"),
        pytest.param([1.0] * 90 + [1.5] * 20, id="it may pass"),
        pytest.param([1.5] * 20 + [1.0] * 20, id="it became faster"),
        pytest.param([1.0] * 20 + [1.5] * 12 + [1.0] * 20, id="it has passed"),
        pytest.param([1.0] * 20 + [1.5] * 4, id="too short to say"),
    ],
)
def test_what_is_no_slowing_down(seconds: list[float]) -> None:
    assert not slowed(attempt(seconds)).named


@pytest.mark.parametrize("count", [40, 60, 200, 1000])
def test_steps_that_take_longer_and_longer(count: int) -> None:
    chance = random.Random(count)
    found = slowed(attempt([(1 + 1.5 * i / count) * math.exp(chance.gauss(0, 0.02)) for i in range(count)]))
    assert name(found) == "growing" and found.slowed_by == ()
    assert found.share == pytest.approx(0.75 / 1.75, abs=0.05)


def test_slow_after_a_resume_whose_warm_up_does_not_count() -> None:
    events = attempt([9.0, 2.0] + [1.0] * 18) + attempt([9.0, 2.0] + [1.5] * 18, number=1, first=21)
    found = slowed(events)
    assert name(found) == "slow-after-resume"
    assert found.cause.observed == "a step takes 1.5 s, before the resume 1 s"
    assert "attempt 1" in found.cause.evidence


def test_as_fast_after_a_resume_as_before() -> None:
    assert not slowed(attempt([9.0, 2.0] + [1.0] * 18) + attempt([9.0, 2.0] + [1.0] * 18, number=1, first=21)).named


def test_what_became_slow_long_after_the_resume_is_not_the_resume_s() -> None:
    found = slowed(attempt([1.0] * 20) + attempt([1.0] * 20 + [1.5] * 20, number=1, first=21))
    assert name(found) == "slow-since" and found.slowed_by == ()
    assert found.cause.observed.startswith("from step 41 on")


def test_the_fastest_level_before_is_what_was_possible() -> None:
    found = slowed(attempt([1.0] * 20 + [1.8] * 20 + [1.4] * 20))
    assert found.cause.observed == "from step 41 on a step takes 1.4 s, before 1 s"


def test_what_was_slow_before_the_resume_is_not_the_resume_s() -> None:
    found = slowed(attempt([1.0] * 20 + [1.5] * 20) + attempt([9.0, 2.0] + [1.5] * 18, number=1, first=41))
    assert name(found) == "slow-since" and found.slowed_by == ()


def test_faster_after_a_resume_is_no_fault() -> None:
    assert not slowed(attempt([1.5] * 20) + attempt([1.0] * 20, number=1, first=21)).named


def test_stalls_with_their_rhythm_and_their_phase() -> None:
    seconds = [5.0 if step % 10 == 0 else 1.0 for step in range(1, 61)]
    other = [4.0 if step % 10 == 0 else 0.0 for step in range(1, 61)]
    found = slowed(attempt(seconds, forward=[1.0] * 60, other=other))
    assert name(found) == "stalls"
    assert "6 of 58 logged steps took more than 2 times as long as the others, every 10 steps" in found.cause.observed
    assert found.cause.observed.endswith("most of it in other")


def test_stalls_without_rhythm() -> None:
    seconds = [5.0 if step in (7, 19, 40, 44) else 1.0 for step in range(1, 61)]
    found = slowed(attempt(seconds))
    assert name(found) == "stalls" and "every" not in found.cause.observed


def test_what_are_no_stalls() -> None:
    assert not slowed(attempt([9.0 if step in (20, 40, 50) else 1.0 for step in range(1, 61)])).named, "an accident"
    cheap = [2.5 if step % 30 == 0 else 1.0 for step in range(1, 121)]
    assert not slowed(attempt(cheap)).named, "they cost a twentieth"
    saving = [4.0 if step % 10 == 0 else 0.0 for step in range(1, 61)]
    events = attempt([1.0 + value for value in saving], checkpoint=saving)
    saved = [(70.0, CheckpointSaved(step=9, path="", bytes=1, seconds=4.0, stall_seconds=4.0))]
    assert not slowed([*events, *saved]).named, "checkpoints have a sign of their own"


def test_nothing_is_named_on_clean_runs() -> None:
    """A hundred of them, as noisy as a shared machine's, with a heavy tail and a resume in half of them."""
    chance = random.Random(18)

    def clean(count: int, spread: float) -> list[float]:
        tail = [1.0 + (chance.random() < 0.02) * chance.random() * 2 for _ in range(count)]
        return [8.0, 2.0] + [0.3 * math.exp(chance.gauss(0, spread)) * more for more in tail]

    for index in range(100):
        spread = chance.choice([0.01, 0.03, 0.1])
        events = attempt(clean(chance.randint(10, 150), spread))
        if index % 2:
            events += attempt(clean(chance.randint(10, 150), spread), number=1, first=len(events))
        found = slowed(events)
        assert not found.named, (index, found.cause.observed)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("cause", ["slow-since", "slow-after-resume", "stalls"])
def test_each_is_named_in_noise(cause: str, seed: int) -> None:
    """Injected into runs whose steps vary by a twentieth."""
    chance = random.Random(seed)
    seconds = [0.3 * math.exp(chance.gauss(0, 0.05)) for _ in range(120)]
    place, factor = chance.randint(20, 90), chance.uniform(1.3, 2.0)
    if cause == "stalls":
        events = attempt([value * (5 if index % 12 == 6 else 1) for index, value in enumerate(seconds)])
    else:
        slow = [value * (factor if index >= place else 1) for index, value in enumerate(seconds)]
        events = attempt(slow)
        if cause == "slow-after-resume":
            events = attempt(slow[:place]) + attempt(slow[place:], number=1, first=place + 1)
    found = slowed(events)
    assert name(found) == cause, found.cause.observed
