"""Statistics over steps: means and medians, their spread over ranks, and how far chance alone can move a figure."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import TypeVar

MIN_SAMPLES = 8
"""Fewer samples than this say nothing about their own noise; see `standard_error`."""
SIGMAS = 3.0
"""A difference counts as larger than noise beyond this many standard errors, or deviations."""
BATCHES = 10
"""Into so many batches samples are cut: few enough that each outlasts what makes neighbours alike. Ten to thirty are
recommended by Schmeiser, Batch size effects in the analysis of simulation output, Operations Research 30, 1982."""

T = TypeVar("T")


def finite(values: Iterable[float | None]) -> list[float]:
    """The values that are numbers."""
    return [value for value in values if value is not None and math.isfinite(value)]


def median(values: Iterable[float | None]) -> float | None:
    """Median of the values that are numbers; None if there are none."""
    numbers = finite(values)
    return statistics.median(numbers) if numbers else None


def mean(values: Iterable[float | None], weights: Iterable[float]) -> float | None:
    """Weighted mean of the values that are numbers; None if there are none."""
    pairs = [(v, w) for v, w in zip(values, weights, strict=True) if v is not None and math.isfinite(v)]
    weight = math.fsum(w for _, w in pairs)
    return math.fsum(v * w for v, w in pairs) / weight if weight else None


def spread(values: Sequence[float | None]) -> float | None:
    """(max - min) / median; None without values or with a median of 0."""
    numbers, middle = finite(values), median(values)
    return (max(numbers) - min(numbers)) / middle if middle else None


def standard_error(samples: Sequence[T], figure: Callable[[Sequence[T]], float | None]) -> float | None:
    """Standard error of a mean, or of a ratio of sums, over `samples`, which stand in the order they were taken.

    By the jackknife over BATCHES batches of neighbours: how far the figure moves as one of them is left out. So
    neighbours that resemble each other do not count as independent, and what recurs in every batch, as checkpoints do,
    is no noise. For a mean it is the standard deviation of the batches' means over the square root of their number.

    None below MIN_SAMPLES: simulated with normal samples, a bound of three standard errors is crossed by chance in
    1.0 % of comparisons of 8 with 8 samples, and in 0.8 % of 20 with 20 or 100 with 100.
    """
    size, count = len(samples), min(BATCHES, len(samples))
    if size < MIN_SAMPLES:
        return None
    bounds = [i * size // count for i in range(count + 1)]
    figures = finite(figure([*samples[:a], *samples[b:]]) for a, b in itertools.pairwise(bounds))
    if len(figures) < count:
        return None
    return math.sqrt((count - 1) * statistics.pvariance(figures))


@cache
def sigmas(freedom: int, known: float = SIGMAS) -> float:
    """What `known` deviations are where the deviation is known, for one that is estimated with `freedom` degrees of
    freedom: as rarely crossed by chance.

    Student's t for whole degrees, as a sum (Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and
    26.7.4), turned around by bisection: 19.2 with 2, 6.6 with 4, 4.0 with 10, 3.3 with 30.
    """
    within = math.erf(known / math.sqrt(2))
    low, high = known, 1e6
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < within else (low, middle)
    return high


def _within(t: float, freedom: int) -> float:
    """How often |Student's t| is less than `t`."""
    angle = math.atan(t / math.sqrt(freedom))
    odd, cosine = freedom % 2, math.cos(angle)
    term = cosine if odd else 1.0
    total = 0.0
    for power in range(odd, freedom - 1, 2):
        total += term
        term *= cosine**2 * (power + 1) / (power + 2)
    return 2 / math.pi * (angle + math.sin(angle) * total) if odd else math.sin(angle) * total
