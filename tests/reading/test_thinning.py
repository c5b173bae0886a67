"""A long log keeps its throughput, its ends and what was not finite."""

from __future__ import annotations

import math
from dataclasses import replace

from seatrial import steady
from seatrial.attempts import Attempts
from seatrial.events import RunStart, Step, Timed
from seatrial.reading.thinning import ENDS, TOGETHER, thinned

STEPS = [Step(step=n, loss=5.0 - n / 1e4, count=8, seconds=1.0 + n % 3) for n in range(1, 4001)]
START = RunStart(attempt=0, start_step=0, steps=4000, world_size=1, device="", backend="")


def throughput(steps: list[Step]) -> float | None:
    return Attempts(Timed(0.0, event) for event in [START, *steps]).steady().throughput


def test_the_ends_stay_and_the_middle_becomes_fewer() -> None:
    found = thinned(STEPS, 0)
    assert found[:ENDS] == STEPS[:ENDS] and found[-ENDS:] == STEPS[-ENDS:]
    assert len(found) == 2 * ENDS + math.ceil((len(STEPS) - 2 * ENDS) / TOGETHER)


def test_throughput_stays_also_when_it_is_thinned_again() -> None:
    assert steady.WARM_UP < ENDS
    once = thinned(STEPS, 0)
    assert throughput(thinned(once, 0)) == throughput(once) == throughput(STEPS)


def test_a_loss_that_is_no_number_is_kept() -> None:
    steps = [replace(step, loss=math.nan) if step.step == 1001 else step for step in STEPS]
    assert sum(math.isnan(step.loss) for step in thinned(steps, 0)) == 1
