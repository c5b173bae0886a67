"""What a profile comes to: plain values, which a file can keep. All times are seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from seatrial.profiles.classes import COMPUTE
from seatrial.profiles.trace import Kind
from seatrial.profiling import Tool


class Kernel(NamedTuple):
    """All that ran under one name."""

    name: str
    kind: str
    """Of `seatrial.profiles.classes.CLASSES`."""
    calls: int
    seconds: float


class Messages(NamedTuple):
    """Collectives of one operation and one size."""

    operation: str
    at_least: int | None
    """Bytes that a rank puts in, a power of two; twice as many are the next row. None: not recorded."""
    calls: int
    bytes: int
    seconds: float | None
    """None: not recorded."""


class Gaps(NamedTuple):
    """Time in which nothing ran at all."""

    number: int
    seconds: float
    longest: float
    launch_bound: float | None
    """The part of it before the host had even asked for what ran next; None: not recorded."""


class Lane(NamedTuple):
    """A row of the picture."""

    name: str
    spans: tuple[tuple[float, float], ...]
    """Start and end, from the window's beginning; what the picture could not show is closed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """One rank's profile."""

    source: str
    """Name of the file."""
    label: str
    rank: int | None
    tool: Tool
    kind: Kind
    steps: tuple[int, ...]
    """Numbers of the steps in the window; empty: none were marked."""
    window: float
    time: Mapping[str, float]
    """Class -> time charged to it; together they are the window. Of communication that is what nothing hides."""
    busy: Mapping[str, float]
    """Class -> time in which any of it ran."""
    waiting: Mapping[str, float]
    """Collective operation -> its part of the communication that nothing hides."""
    calls: tuple[tuple[str, float], ...]
    """Each collective with its duration, in order: what ranks are matched by. Empty: durations were not recorded."""
    gaps: Gaps
    kernels: tuple[Kernel, ...]
    """The longest first."""
    messages: tuple[Messages, ...]
    memory: tuple[tuple[float, int], ...]
    """Moment and allocated bytes, of the device where they are known of it."""
    lanes: tuple[Lane, ...]
    events: int
    unread: str
    """What of the file could not be read; empty: nothing."""

    @property
    def step(self) -> float:
        """Seconds of a step, or of the whole window where none was marked."""
        return self.window / max(1, len(self.steps))

    def share(self, seconds: float) -> float:
        """Of the window."""
        return seconds / self.window if self.window else 0.0

    @property
    def compute(self) -> float:
        """Seconds charged to computing."""
        return sum(self.time[name] for name in COMPUTE)

    @property
    def hidden(self) -> float | None:
        """Share of the communication that ran while something was computed; None if there was none."""
        total = self.busy["communication"]
        return 1 - self.time["communication"] / total if total else None

    @property
    def peak_memory(self) -> int | None:
        """Bytes."""
        return max((size for _, size in self.memory), default=None)

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Figures:
        """The figures of what JSON made of some. Raises TypeError or KeyError for what is none."""
        values = dict(record)
        for name, kind in (("kernels", Kernel), ("messages", Messages)):
            values[name] = tuple(kind(*row) for row in values[name])
        values["gaps"] = Gaps(*values["gaps"])
        values["lanes"] = tuple(Lane(name, tuple(map(tuple, spans))) for name, spans in values["lanes"])
        for name in ("steps", "calls", "memory"):
            values[name] = tuple(tuple(row) if isinstance(row, list) else row for row in values[name])
        return cls(**values)


@dataclass(frozen=True, kw_only=True, slots=True)
class Skew:
    """How far ranks are apart."""

    compute: Mapping[str, float]
    """Label -> seconds charged to computing."""
    waits: Mapping[str, float] = field(default_factory=dict)
    """Label -> seconds of its collectives beyond the shortest that any rank took for the same: waiting for others.
    Empty: they could not be matched."""

    @property
    def spread(self) -> float:
        """(largest - smallest) / largest of the computing."""
        values = list(self.compute.values())
        return (max(values) - min(values)) / max(values) if max(values) else 0.0

    @property
    def slowest(self) -> str:
        """Whom the others wait for: who waits least, or else who computes longest."""
        if self.waits:
            return min(self.waits, key=self.waits.__getitem__)
        return max(self.compute, key=self.compute.__getitem__)


def skew(ranks: tuple[Figures, ...]) -> Skew | None:
    """How far they are apart; None of a single one.

    The k-th collective of one rank is the k-th of the others: needs no clocks that agree, only the same calls.
    """
    if len(ranks) < 2:
        return None
    compute = {figures.label: figures.compute for figures in ranks}
    orders = {tuple(operation for operation, _ in figures.calls) for figures in ranks}
    if len(orders) != 1 or not ranks[0].calls:
        return Skew(compute=compute)
    shortest = [min(seconds) for seconds in zip(*([s for _, s in f.calls] for f in ranks), strict=True)]
    waits = {f.label: sum(s for _, s in f.calls) - sum(shortest) for f in ranks}
    return Skew(compute=compute, waits=waits)
