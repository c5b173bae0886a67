"""Arithmetic of intervals on a time line: sorted, disjoint [start, end) pairs as an array of two columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Intervals = NDArray[np.float64]
    """[n, 2], ascending; no two overlap or touch, and none is empty."""


def merged(start: Any, end: Any) -> Intervals:
    """What any of these spans covers, however they overlap."""
    import numpy as np

    start, end = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    real = end > start
    start, end = start[real], end[real]
    if not len(start):
        return np.empty((0, 2))
    order = np.argsort(start, kind="stable")
    start, reached = start[order], np.maximum.accumulate(end[order])
    apart = start[1:] > reached[:-1]
    return np.column_stack([start[np.r_[True, apart]], reached[np.r_[apart, True]]])


def union(*parts: Intervals) -> Intervals:
    """What is in any of them."""
    import numpy as np

    together = np.concatenate(parts) if parts else np.empty((0, 2))
    return merged(together[:, 0], together[:, 1])


def intersection(one: Intervals, other: Intervals) -> Intervals:
    """What is in both."""
    return _where(one, other, 3)


def difference(one: Intervals, other: Intervals) -> Intervals:
    """What is in `one`, and not in `other`."""
    return _where(one, other, 1)


def clipped(one: Intervals, low: float, high: float) -> Intervals:
    """What lies between two points of time."""
    import numpy as np

    inside = np.clip(one, low, high)
    return inside[inside[:, 1] > inside[:, 0]]


def length(one: Intervals) -> float:
    """All their lengths together."""
    return float((one[:, 1] - one[:, 0]).sum())


def closed(one: Intervals, gap: float) -> Intervals:
    """The same without gaps that are shorter than `gap`: for a picture that could not show them."""
    import numpy as np

    if not len(one):
        return one
    apart = one[1:, 0] - one[:-1, 1] >= gap
    return np.column_stack([one[np.r_[True, apart], 0], one[np.r_[apart, True], 1]])


def _where(one: Intervals, other: Intervals, state: int) -> Intervals:
    """Where the state is that: 1 inside `one` alone, 2 inside `other` alone, 3 inside both."""
    import numpy as np

    moments = np.concatenate([one[:, 0], one[:, 1], other[:, 0], other[:, 1]])
    counts = [len(one), len(one), len(other), len(other)]
    changes = np.repeat(np.array([1, -1, 2, -2]), counts)
    order = np.argsort(moments, kind="stable")
    moments, states = moments[order], np.cumsum(changes[order])
    here = np.flatnonzero(states[:-1] == state) if len(states) else np.empty(0, dtype=np.intp)
    return merged(moments[here], moments[here + 1])
