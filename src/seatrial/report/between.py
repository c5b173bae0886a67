"""How far a figure moves from run to run where nothing was changed: more than the steps within one run can tell."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from seatrial.changes import levels
from seatrial.samples import finite, sigmas

LEAST = 3
"""Runs that make a level, and that tell how far they lie apart."""
SURE = 4.0
"""Standard errors by which two levels of few runs differ at least. More than the usual three, since the best of all
places is taken: with it none of 8,000 series of 6 to 25 normal values was divided, without it 0.1 to 0.2 %."""
SMALLEST = 0.03
"""Difference of two levels, relative, that is looked for; a bound of ours."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Between:
    """Noise between runs."""

    deviation: float
    """Standard deviation of a run about its level, in the unit of the figure."""
    freedom: int
    """Degrees of freedom that it rests on: runs without one for each level."""
    runs: int


def stretches(values: Sequence[float], smallest: float = SMALLEST) -> list[range]:
    """The runs that are on one level each: as seatrial.changes.levels, for so few that their noise is hardly known."""
    found: list[range] = []
    for part in levels(values, smallest, LEAST):
        if found and not _apart([values[i] for i in found[-1]], [values[i] for i in part]):
            part = range(found.pop().start, part.stop)
        found.append(part)
    return found


def _apart(before: Sequence[float], after: Sequence[float]) -> bool:
    """Whether the two levels differ by more than chance; one run may lie anywhere."""
    sides = [[math.log(value) for value in side] for side in (before, after)]
    low, high = map(statistics.median, sides)
    *rest, _ = sorted([*(abs(value - low) for value in sides[0]), *(abs(value - high) for value in sides[1])])
    freedom = len(rest) - 2
    error = math.sqrt(math.fsum(value**2 for value in rest) / freedom * (1 / len(before) + 1 / len(after)))
    return abs(high - low) > sigmas(freedom, SURE) * error


def between(values: Sequence[float | None], smallest: float = SMALLEST) -> Between | None:
    """Of the figures of runs of one configuration, in the order of time; what is unknown is left out.

    Where they change their level, each is held against its own. None of fewer than LEAST.
    """
    known = finite(values)
    if len(known) < LEAST:
        return None
    parts = stretches(known, smallest) if min(known) > 0 else [range(len(known))]
    means = [statistics.fmean(known[index] for index in part) for part in parts]
    squares = [(known[index] - mean) ** 2 for part, mean in zip(parts, means, strict=True) for index in part]
    freedom = len(known) - len(parts)
    return Between(deviation=math.sqrt(math.fsum(squares) / freedom), freedom=freedom, runs=len(known))


def difference(a: Between, b: Between) -> float:
    """By how much a run of each may differ by chance: as rare as three standard deviations that are known."""
    return sigmas(min(a.freedom, b.freedom)) * math.hypot(a.deviation, b.deviation)
