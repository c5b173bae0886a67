"""Scales and ticks: from values to px, with round numbers beside the axis."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

LARGEST = 1e100
"""Values beyond this are not drawn: the difference of two of them could overflow."""

_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
"""Steps between ticks that a clock's reader calls round."""


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear map of [low, high] onto [start, stop] px."""

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.start + min(max(share, 0.0), 1.0) * (self.stop - self.start)


def drawable(value: float | None) -> bool:
    """Whether a value has a place on an axis."""
    return value is not None and math.isfinite(value) and abs(value) <= LARGEST


def bounds(values: Iterable[float], *, from_zero: bool = False) -> tuple[float, float]:
    """Lowest and highest value, widened where they are so close that ticks could not tell them apart."""
    known = list(values) or [0.0, 1.0]
    low, high = min(known), max(known)
    if from_zero:
        low, high = min(low, 0.0), max(high, 0.0)
    size = max(abs(low), abs(high))
    if high - low <= 1e-9 * size or high - low < 1e-30:
        margin = 0.05 * size if size > 1e-30 else 1.0
        low, high = (low, high + margin) if from_zero else (low - margin, high + margin)
    return low, high


def round_ticks(low: float, high: float, count: int = 5, smallest: float = 0.0) -> list[float]:
    """About `count` multiples of 1, 2 or 5 times a power of ten that span [low, high], at least `smallest` apart."""
    rough = max((high - low) / max(count - 1, 1), smallest)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [index * step for index in range(first, last + 1)]


def tick_texts(ticks: Sequence[float], tick: Callable[[float], str]) -> list[str]:
    """What stands beside the ticks: written by `tick`, or with more digits where that would write two of them alike."""
    texts = [tick(value) for value in ticks]
    digits = 4
    while len(set(texts)) < len(ticks) and digits <= 17:
        texts = [f"{value:.{digits}g}" for value in ticks]
        digits += 1
    return texts


def clock_ticks(seconds: float, count: int = 6) -> list[float]:
    """About `count` round times from 0 up to `seconds`, all within."""
    rough = seconds / count
    if rough < 1:
        return [tick for tick in round_ticks(0.0, seconds, count) if tick <= seconds]
    step = next((s for s in _SECONDS if s >= rough), 86400 * math.ceil(rough / 86400))
    return [float(index * step) for index in range(int(seconds // step) + 1)]


def thin(points: Sequence[tuple[float, float]], limit: int = 600) -> list[tuple[float, float]]:
    """At most `limit` of the points, in order, with the first, the last and every bucket's extremes and a gap of it.

    So no spike is lost, and a stretch that is not a number stays visible as a break of the line.
    """
    if len(points) <= limit:
        return list(points)
    buckets = max((limit - 2) // 3, 1)
    kept = {0, len(points) - 1}
    for bucket in range(buckets):
        indices = range(bucket * len(points) // buckets, (bucket + 1) * len(points) // buckets)
        numbers = [index for index in indices if drawable(points[index][1])]
        if numbers:
            kept |= {min(numbers, key=lambda i: points[i][1]), max(numbers, key=lambda i: points[i][1])}
        kept |= {next((index for index in indices if not drawable(points[index][1])), 0)}
    return [points[index] for index in sorted(kept)]


def every(items: Sequence[float], limit: int) -> list[float]:
    """At most `limit` of the items, evenly spaced: for marks that would run together anyway."""
    stride = max(math.ceil(len(items) / limit), 1)
    return list(items[::stride])
