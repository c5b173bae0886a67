"""A forecast number: what is expected, and between what it lies four times in five."""

from __future__ import annotations

from dataclasses import dataclass

SHARE = 0.8
"""How often the truth lies within an interval."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Low, expected and high, in one unit."""

    low: float
    expected: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __mul__(self, factor: float) -> Interval:
        """In another unit. `factor` is greater than 0."""
        return Interval(self.low * factor, self.expected * factor, self.high * factor)
