"""What a kernel's log says: which faults, when and how often, kept in memory that does not grow with the log."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from seatrial.checks.node.kernel_signatures import Signature, Subject
from seatrial.checks.node.kernel_times import Clock, message, told

WINDOW = 2 * 3600.0
"""Seconds for which an event counts that needs no reboot. Azure's health check looks back as far."""
DAY = 24 * 3600.0
BURST = 180.0
"""Seconds within which events of one kind are one incident. NVSentinel 1.31, health-events-analyzer."""
Place = tuple[Clock, str]
"""A clock of a host."""


@dataclass(slots=True)
class Incident:
    """Events of one kind about one thing within `BURST`."""

    first: float | None
    last: float | None
    boot: int
    """Which boot of that host: they are counted while the log is read."""
    count: int = 1
    reported: bool = False
    """A look before this one has told of it already."""


@dataclass(slots=True)
class Trace:
    """All events of one kind about one thing, by one clock."""

    signature: Signature
    subject: Subject
    host: str
    clock: Clock
    line: str = ""
    """The latest of them."""
    number: int = 0
    """Its number in the log."""
    total: int = 0
    incidents: deque[Incident] = field(default_factory=lambda: deque(maxlen=int(DAY / BURST) + 32))
    """The latest: as many as a day can have."""

    @property
    def said(self) -> str:
        """The latest of them, without what dates it, and its place in the log."""
        return f"line {self.number}: {message(self.line)[:200]}"


@dataclass(frozen=True, slots=True)
class Cursor:
    """Up to where a log has been told of."""

    line: str
    """The last line that was, without what dates it."""
    time: float
    """Its time."""


@dataclass(slots=True)
class Log:
    """What a kernel's log says."""

    taken: float = 0.0
    """When it was taken, Unix seconds; 0: not known, or captured by somebody else."""
    count: int = 0
    """Lines."""
    first: dict[Place, float] = field(default_factory=dict)
    """The earliest time of each clock of each host."""
    newest: dict[Place, float] = field(default_factory=dict)
    boots: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Host -> boots that the log shows the beginning of."""
    from_boot: set[str] = field(default_factory=set)
    """Hosts whose first line is the first one of a boot."""
    kernel: bool = False
    """Whether some line has the form of a kernel's."""
    mark: Cursor | None = None
    """Its last line that is dated."""
    traces: dict[tuple[str, Subject, str, Clock], Trace] = field(default_factory=dict)
    full: bool = False
    """More different faults than `KINDS`, so that some were not kept."""

    def end(self, place: Place) -> float | None:
        """The moment that the log is judged for: when it was taken, or its newest line if somebody else took it."""
        newest = self.newest.get(place)
        if place[0] == "wall" and self.taken:
            return max(self.taken, newest or 0.0)
        return newest

    def of(self, rule: str) -> list[Trace]:
        """Traces of a rule's signatures."""
        return [trace for trace in self.traces.values() if trace.signature.rule == rule]

    def within(self, trace: Trace, seconds: float = WINDOW, *, again: bool = False) -> list[Incident]:
        """Incidents of the last `seconds`, `again` with those that were told of before; what has no time counts, since
        it may be recent."""
        end = self.end((trace.clock, trace.host))
        return [
            incident
            for incident in trace.incidents
            if (again or not incident.reported)
            and (incident.last is None or end is None or incident.last > end - seconds)
        ]

    def since_boot(self, trace: Trace) -> list[Incident]:
        """Incidents since the latest boot that the log shows; all if it shows none."""
        boot = self.boots[trace.host]
        return [incident for incident in trace.incidents if incident.boot == boot]

    def reaches(self) -> bool:
        """Whether the log goes back to the beginning of the window, or to that of the boot, for every host in it."""
        return bool(self.first) and all(
            place[1] in self.from_boot or ((end := self.end(place)) is not None and first <= end - WINDOW)
            for place, first in self.first.items()
        )

    def since(self) -> str:
        """Since when it tells, for people."""
        if not self.first:
            return "an unknown time"
        place = min(self.first, key=lambda place: (place[0] != "wall", -self.first[place]))
        start = "boot, " if place[1] in self.from_boot else ""
        relative = "" if self.taken else f", judged as of its end, {told(place[0], self.end(place))}"
        return f"{start}{told(place[0], self.first[place])}{relative}"


def separate(incidents: Iterable[Incident], gap: float = BURST) -> list[Incident]:
    """Incidents with those that follow each other within `gap` as one."""
    found: list[Incident] = []
    for incident in incidents:
        previous = found[-1].last if found else None
        if found and (previous is None or incident.first is None or incident.first - previous <= gap):
            found[-1] = Incident(found[-1].first, incident.last, incident.boot, found[-1].count + incident.count)
        else:
            found.append(Incident(incident.first, incident.last, incident.boot, incident.count))
    return found
