"""What a tool measured of one operation over sizes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """One size, out of place or in place."""

    time_us: float
    """Of one operation."""
    algbw: float
    """GB/s (10**9), as the tool says."""
    busbw: float
    """GB/s (10**9), as the tool says."""
    wrong: int | None = None
    """Elements that were not what they should be; None: nobody looked, or only the footer tells."""
    rounding_us: float = 0.0
    """By how much `time_us` may be rounded."""
    rounding_gbps: float = 0.0
    """By how much the bandwidths may be rounded."""
    iterations_us: tuple[float, ...] = ()
    """Of each iteration, the slowest rank's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One size."""

    size: int
    """Bytes."""
    count: int
    """Elements; see formulas.PER_RANK."""
    type: str
    redop: str = "none"
    root: int = -1
    out_of_place: Timing | None = None
    in_place: Timing | None = None

    def timings(self) -> Iterator[tuple[str, Timing]]:
        """Those that there are, with their names."""
        for name, timing in (("out of place", self.out_of_place), ("in place", self.in_place)):
            if timing is not None:
                yield name, timing

    @property
    def main(self) -> Timing | None:
        """What a bound is held against: out of place, as published figures are, if there is that."""
        return self.out_of_place or self.in_place


@dataclass(kw_only=True, slots=True)
class Sweep:
    """One run of a program. Grows while its output is read."""

    tool: str
    """``nccl-tests``, ``nccom-test``, ``torch.distributed``."""
    operation: str = ""
    """One of formulas.OPERATIONS; empty: not told."""
    ranks: int | None = None
    """That take part in one group; None: not told."""
    groups: int = 1
    """That ran at the same time (NCCL_TESTS_SPLIT)."""
    hosts: tuple[str, ...] = ()
    """Of each rank of the first group, if told."""
    rows: list[Row] = field(default_factory=list)
    planned: int | None = None
    """Sizes that were asked for; None: not told."""
    checked: bool | None = None
    """Whether the data were looked at; None: not told."""
    counts_wrong: bool = True
    """Whether its rows tell how many elements are wrong; otherwise only the footer does."""
    out_of_bounds: int | None = None
    """What the footer says; None: there is none."""
    concluded: bool | None = None
    """Whether the last line is there by which the tool says that it ended; None: its version has none."""
    average: float | None = None
    """Bus bandwidth over all sizes, GB/s: it depends on the sizes, so it is no bound."""
    below_minimum: bool = False
    """Whether the tool itself says that the average is below what its user asked for."""
    errors: list[str] = field(default_factory=list)
    """What the tool says went wrong."""
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def nodes(self) -> int | None:
        """Hosts that take part; None: not told."""
        return len(set(self.hosts)) or None

    def doubt(self) -> str:
        """Why what is here may not be all; empty if it is."""
        unfinished = self.out_of_bounds is None and self.tool != "nccom-test"  # which has no such line
        if self.average is None or self.concluded is False or unfinished:
            return "it is cut off before its last line"
        if self.planned is None:
            return "its head is missing, so that nothing tells how many sizes there were"
        if not self.rows or len(self.rows) % self.planned:
            return f"{len(self.rows)} of {self.planned} sizes are there"
        return f"it says {self.errors[0]!r}" if self.errors else ""


def sizes(smallest: int, largest: int, *, by_factor: int = 0, by_bytes: int = 0) -> list[int]:
    """Sizes of a sweep as nccl-tests steps through them: times a factor, or plus some bytes."""
    found = []
    size = smallest
    while 0 < size <= largest:
        found.append(size)
        following = size * by_factor if by_factor > 1 else size + by_bytes
        if following <= size:
            break
        size = following
    return found
