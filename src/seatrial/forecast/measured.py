"""What parts of a step take on some ranks, as the case `rates` measured it: curves over shapes, and whose they are."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
HEADS = 8
"""Of attention, which are measured at once."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Seconds of a part over the shapes of a grid, whose far corner may be missing."""

    axes: tuple[tuple[int, ...], ...]
    """Of each number of a shape, the values that were measured, ascending."""
    logs: Floats
    """Logarithms of seconds, forward and backward: of the axes' shape, and 2."""

    @classmethod
    def of(cls, shapes: Sequence[Sequence[int]], forward: Sequence[float], backward: Sequence[float]) -> Curve:
        """ValueError for what is no such grid, or where a part took no time."""
        points = {tuple(shape): seconds for shape, *seconds in zip(shapes, forward, backward, strict=True)}
        axes = tuple(tuple(sorted(set(values))) for values in zip(*points, strict=True))
        if not points or not all(0 < ahead < math.inf and 0 <= back < math.inf for ahead, back in points.values()):
            raise ValueError("holds a part that took no time")
        table = np.empty((*(len(axis) for axis in axes), 2))
        for place in itertools.product(*(range(len(axis)) for axis in axes)):
            table[place] = points.get(tuple(axis[i] for axis, i in zip(axes, place, strict=True)), np.nan)
            if np.isnan(table[place][0]):
                table[place] = _beyond(table, axes, place)
        return cls(axes, np.log(np.maximum(table, 1e-12)))

    def seconds(self, *shape: float) -> Floats:
        """Forward and backward, of any shape: a straight line in logarithms between those that were measured.

        Below the first as long as the first. Beyond the last the longer of two: a straight line through the last two,
        for what starts late and then grows in proportion, and a power law, for what grows faster.
        """
        for at, (axis, value) in enumerate(zip(self.axes, shape, strict=True)):
            if value > axis[-1] and len(axis) > 1:
                last, before = (self.seconds(*shape[:at], axis[place], *shape[at + 1 :]) for place in (-1, -2))
                line = last + (last - before) * (value - axis[-1]) / (axis[-1] - axis[-2])
                power = np.log(last / before) / math.log(axis[-1] / axis[-2])
                found: Floats = np.maximum(line, last * (value / axis[-1]) ** power)
                return found
        corners = [_around(axis, value) for axis, value in zip(self.axes, shape, strict=True)]
        logs = np.zeros(2)
        for corner in itertools.product(*corners):
            weight = math.prod(share for _, share in corner)
            logs += weight * self.logs[tuple(index for index, _ in corner)]
        seconds: Floats = np.exp(logs)
        return seconds


def _beyond(table: Floats, axes: tuple[tuple[int, ...], ...], place: tuple[int, ...]) -> Floats:
    """Of a shape that is too large to be measured: in proportion to one that is smaller along its longest side."""
    longest = max(range(len(place)), key=lambda i: axes[i][place[i]])
    smaller = tuple(at - (i == longest) for i, at in enumerate(place))
    if place[longest] == 0:
        raise ValueError("is no grid")
    found: Floats = table[smaller] * axes[longest][place[longest]] / axes[longest][smaller[longest]]
    return found


def _around(axis: tuple[int, ...], value: float) -> tuple[tuple[int, float], ...]:
    """The places on an axis that a value lies between, each with its weight."""
    value = min(max(value, axis[0]), axis[-1])
    above = next(i for i, known in enumerate(axis) if known >= value)
    if above == 0 or axis[above] == value:
        return ((above, 1.0),)
    share = math.log(value / axis[above - 1]) / math.log(axis[above] / axis[above - 1])
    return ((above - 1, 1 - share), (above, share))


@dataclass(frozen=True, kw_only=True, slots=True)
class Rates:
    """All curves of one measurement."""

    source: str
    """Who measured them, where and when, for people."""
    ranks: int
    dtype: str
    curves: Mapping[str, Curve]

    def seconds(self, part: str, *shape: float) -> Floats:
        """Forward and backward. ValueError for a part that was not measured."""
        if part not in self.curves:
            raise ValueError(f"{part} is not among what was measured")
        return self.curves[part].seconds(*shape)
