"""The losses of a run as a curve, and how much of it is noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from seatrial.events import EventLog, Restart, RunStart, Step

NORMAL = 1.4826
"""Standard deviation / median absolute deviation, of normal values."""


def curve(log: EventLog) -> list[Step]:
    """Logged steps in order, those with a loss that is no number left out; where a restart repeated one, the repetition
    counts."""
    newest = {step.step: step for step in log.steps()}
    return [step for _, step in sorted(newest.items()) if math.isfinite(step.loss)]


def attempts(log: EventLog) -> list[list[Step]]:
    """The logged steps of each attempt that logged some. A log whose steps go back has a restart there, whatever else
    it tells."""
    found: list[list[Step]] = [[]]
    for timed in log.events:
        event = timed.event
        if isinstance(event, RunStart | Restart):
            found.append([])
        elif isinstance(event, Step):
            if found[-1] and event.step <= found[-1][-1].step:
                found.append([])
            found[-1].append(event)
    return [steps for steps in found if steps]


def noise(values: Sequence[float], apart: int = 1) -> float:
    """Standard deviation of what is no trend: of second differences of values so far apart, robust; 0 for too few."""
    bends = [abs(a - 2 * b + c) for a, b, c in zip(values, values[apart:], values[2 * apart :], strict=False)]
    return NORMAL * median(bends) / math.sqrt(6) if bends else 0.0
