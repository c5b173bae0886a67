"""Where a series changes its level: a step time that rises and stays, a throughput that fell with a release."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median

LEAST = 10
"""Values that make a level; what lasts less long is a disturbance."""
MOST = 512
"""Values that are looked at: of a longer series medians of neighbours, so that it takes no longer."""
SIGMAS = 5.0
"""Standard errors by which two levels differ at least: the best of all places is taken, so that chance reaches more
than the usual three."""
_OF_DEVIATION = 1.4826
"""Standard deviation / median absolute deviation, of normal values."""
_OF_MEDIAN = math.sqrt(math.pi / 2)
"""Standard error of a median / that of a mean, of normal values."""


def levels(values: Sequence[float], smallest: float, least: int = LEAST) -> list[range]:
    """The stretches of `values` that are on one level each, in order: indices; they cover all values.

    The medians of neighbours differ by a factor of 1 + `smallest` at least, and by more than chance; each lasts for
    `least` values. Single values may lie anywhere. Values are greater than 0. Windows of many widths are
    moved over the series (MOSUM: Eichinger and Kirch, Bernoulli 24, 2018), with medians for means; where their halves
    differ the most it is divided, and so on.
    """
    block = math.ceil(len(values) / MOST) or 1
    logs = [median(map(math.log, values[i : i + block])) for i in range(0, len(values), block)]
    noise = _OF_DEVIATION / math.sqrt(2) * median([abs(b - a) for a, b in pairwise(logs)] or [0.0])
    places = [block * place for place in _divide(logs, 0, noise, math.log1p(smallest), least)]
    return [range(a, b) for a, b in pairwise([0, *places, len(values)])] if values else []


def _divide(logs: Sequence[float], offset: int, noise: float, smallest: float, least: int) -> Iterator[int]:
    """The places, counted from `offset`, where levels begin after the first."""
    best = max(_apart(logs, noise, smallest, least), default=(0.0, 0))
    if place := best[1]:
        yield from _divide(logs[:place], offset, noise, smallest, least)
        yield offset + place
        yield from _divide(logs[place:], offset + place, noise, smallest, least)


def _apart(logs: Sequence[float], noise: float, smallest: float, least: int) -> Iterator[tuple[float, int]]:
    """Where the values after differ from those before by more than chance, and by how many standard errors."""
    for width in (least * 2**power for power in range(16)):
        for place in range(least, len(logs) - least + 1):
            before, after = logs[max(place - width, 0) : place], logs[place : place + width]
            low, high = median(before), median(after)
            if abs(high - low) < smallest:
                continue
            rests = [abs(value - low) for value in before], [abs(value - high) for value in after]
            rest = [*rests[0], *rests[1]]
            deviation = max(noise, _OF_DEVIATION * median(rest))
            error = deviation * _OF_MEDIAN * math.sqrt(1 / len(before) + 1 / len(after))
            on_level = min(sum(value <= abs(high - low) / 2 for value in side) for side in rests)
            if abs(high - low) > SIGMAS * error and on_level >= least:
                # Of places that are as good the one that leaves the least over is where it changes.
                yield abs(high - low) / (error + math.fsum(rest) / len(rest) + smallest * 1e-3), place
        if 2 * width >= len(logs):
            return
