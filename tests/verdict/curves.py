"""Losses of trainings that never ran: a power law, noise of batches, what a seed decides; and events of them."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence

from seatrial.events import Event, EventLog, RunEnd, RunStart, Step, Timed

Losses = dict[int, float]


def course(seed: int, steps: int = 200, *, every: int = 1, noise: float = 0.01, floor: float = 2.0) -> Losses:
    """Losses from 11 nats on, as a seed has them: 3 % sooner or later, 0.2 % above or below, in the standard deviation.

    `noise`: the standard deviation of a batch, as a share of the loss, a third of it shared by neighbours.
    """
    chance = random.Random(seed)
    pace, level, slow = math.exp(chance.gauss(0, 0.03)), math.exp(chance.gauss(0, 0.002)), 0.0
    found = {}
    for step in range(1, steps + 1):
        slow = 0.8 * slow + 0.6 * chance.gauss(0, noise / 3)
        batch = chance.gauss(0, noise) * min(step / 20, 1)  # while nothing is known, batches hardly differ
        if step % every == 0 or step == 1:
            found[step] = level * (floor + 9 * (1 + step * pace / 10) ** -0.7) * math.exp(batch + slow)
    return found


def log(*attempts: Losses, steps: int = 200, rates: Losses | None = None) -> EventLog:
    """Events of a run that was resumed so often, from the step before the first of each; the last completed."""
    events: list[Event] = []
    for number, losses in enumerate(attempts):
        first = min(losses) - 1
        events.append(RunStart(attempt=number, start_step=first, steps=steps, world_size=2, device="", backend=""))
        events += [
            Step(step=s, loss=loss, count=8, seconds=1.0, learning_rate=(rates or {}).get(s))
            for s, loss in losses.items()
        ]
    events.append(RunEnd(outcome="completed", step=steps, ranks_agree=True))
    found = EventLog()
    found.events = [Timed(1.7e9 + at, event) for at, event in enumerate(events)]
    return found


def part(losses: Losses, steps: Iterable[int]) -> Losses:
    """Some of the steps."""
    wanted = set(steps)
    return {step: loss for step, loss in losses.items() if step in wanted}


def share(right: Sequence[bool]) -> float:
    """Of what is right."""
    return sum(right) / len(right)
