"""One profile as it was read: what ran when on a device and on its host. All times are microseconds of one clock."""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from seatrial.profiling import Tool

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Kind = Literal["device", "host"]


class Step(NamedTuple):
    """A step's range."""

    number: int
    start: float
    end: float


class Collective(NamedTuple):
    """A collective operation of this rank."""

    operation: str
    """``all_gather``; see `seatrial.profiles.classes.operation`."""
    bytes: int | None
    """That this rank puts in; None: not recorded."""
    start: float
    end: float


class Spans:
    """Kernels and copies of a device, or operators of a host: columns, which grow while a profile is read."""

    def __init__(self) -> None:
        self._rows = array("d")
        self.add = self._rows.extend
        """Takes one more: start, end, name and lane by their numbers in the Trace, and the correlation that joins a
        kernel with its launch, -1 if there is none. No method of ours: millions pass here."""

    def __len__(self) -> int:
        return len(self._rows) // 5

    def columns(self) -> tuple[NDArray[np.float64], ...]:
        """Start, end, name, lane, correlation."""
        import numpy as np

        rows = np.frombuffer(self._rows, dtype=np.float64).reshape(-1, 5) if self._rows else np.empty((0, 5))
        return tuple(rows[:, column] for column in range(5))


class Numbers(dict[object, int]):
    """Name -> number, from 0; a name that is new gets the next."""

    def __missing__(self, name: object) -> int:
        self[name] = number = len(self)
        return number

    def names(self) -> list[str]:
        """All names, by their numbers."""
        return [str(name) for name in self]


@dataclass(kw_only=True)
class Trace:
    """What a profiler recorded of one rank."""

    path: Path
    tool: Tool
    label: str
    """What tells it from others of the same profile: ``rank 0``, ``device 1``."""
    rank: int | None = None
    names: Numbers = field(default_factory=Numbers)
    lanes: Numbers = field(default_factory=Numbers)
    """Streams of the device, threads of the host."""
    device: Spans = field(default_factory=Spans)
    host: Spans = field(default_factory=Spans)
    launches: array[float] = field(default_factory=lambda: array("d"))
    """Correlation and start of each call that launched something, in turn."""
    steps: list[Step] = field(default_factory=list)
    collectives: list[Collective] = field(default_factory=list)
    optimizer: list[tuple[float, float]] = field(default_factory=list)
    """Ranges of the host in which an optimizer steps."""
    memory: dict[str, array[float]] = field(default_factory=dict)
    """``device`` or ``host`` -> moment and allocated bytes, in turn."""
    events: int = 0
    """That were read."""
    unread: str = ""
    """What could not be read, and why; empty: nothing."""

    @property
    def kind(self) -> Kind:
        """Whose time it tells: the device's where it did anything, else the host's."""
        return "device" if len(self.device) else "host"


def rank_in(name: str) -> int | None:
    """The rank that a file's name tells: rank-3.json.gz, rank3_trace.json, profile_…_rank_3_on_….sqlite."""
    found = re.search(r"rank[-_ ]?(\d+)", name, re.IGNORECASE)
    return int(found[1]) if found else None


STEP = re.compile(r"ProfilerStep#(\d+)")
"""How torch.profiler, and our window for nsys, name a step."""
