"""Steady throughput, defined once: progress line, verdict, report, comparison and exporters all take it from here.

A logged line stands for the steps since the line before it, or since its attempt began; its count and seconds are means
per step. It is steady unless one of those steps is among the first WARM_UP of the attempt. Over steady lines

    throughput = sum(steps * count) / sum(steps * seconds)

so that a slow step weighs as much as the time that it took: it is what the whole stretch was worth. The seconds include
the wait for data and for checkpoints. Time between two attempts belongs to neither.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

WARM_UP = 2
"""Steps at the beginning of each attempt that no steady figure includes: they carry compilation, the first allocation
of memory and the connection of the ranks. The first alone is not enough, since with asynchronous input and checkpoint
restore the second still waits for what the first one set going."""


@dataclass(frozen=True, slots=True)
class Steady:
    """Totals over steady steps; empty where there are none. Parts of a run can be added up, and taken away again."""

    steps: int = 0
    count: int = 0
    """Tokens or samples, all ranks together."""
    seconds: float = 0.0

    def __add__(self, other: Steady) -> Steady:
        return Steady(self.steps + other.steps, self.count + other.count, self.seconds + other.seconds)

    def __sub__(self, other: Steady) -> Steady:
        return Steady(self.steps - other.steps, self.count - other.count, self.seconds - other.seconds)

    @property
    def throughput(self) -> float | None:
        """Tokens or samples per second of the whole job; None if no step was steady."""
        return self.count / self.seconds if self.steps else None

    @property
    def step_seconds(self) -> float | None:
        """Seconds of a step; None if no step was steady."""
        return self.seconds / self.steps if self.steps else None


def of_line(step: int, *, before: int, start: int, count: int, seconds: float) -> Steady:
    """What a line adds: empty during the warm-up, and where the seconds are not known.

    `before`: the step of the line before it in its attempt; `start`: steps that were done when the attempt began.
    """
    if before < start + WARM_UP or not (math.isfinite(seconds) and seconds > 0):
        return Steady()
    steps = max(step - before, 1)
    return Steady(steps, steps * count, steps * seconds)


def total(parts: Iterable[Steady]) -> Steady:
    """All parts together."""
    return sum(parts, Steady())
