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


def between(values: Sequence[float | None], smallest: float = SMALLEST) -> Between | None:
    """Of the figures of runs of one configuration, in the order of time; what is unknown is left out.

    Where they change their level, each is held against its own. None of fewer than LEAST.
    """
    known = finite(values)
    if len(known) < LEAST:
        return None
    parts = levels(known, smallest, LEAST) if min(known) > 0 else [range(len(known))]
    means = [statistics.fmean(known[index] for index in part) for part in parts]
    squares = [(known[index] - mean) ** 2 for part, mean in zip(parts, means, strict=True) for index in part]
    freedom = len(known) - len(parts)
    return Between(deviation=math.sqrt(math.fsum(squares) / freedom), freedom=freedom, runs=len(known))


def difference(a: Between, b: Between) -> float:
    """By how much a run of each may differ by chance: as rare as three standard deviations that are known."""
    return sigmas(min(a.freedom, b.freedom)) * math.hypot(a.deviation, b.deviation)
