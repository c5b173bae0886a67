"""A framework's log while it is read: what its lines say, and what of it could not be read.

Standard library only, as `seatrial.rank.lines`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from seatrial.findings import Rule, Verdict
from seatrial.rank.lines import Line, Reader, clean

if TYPE_CHECKING:
    from seatrial.events import Event

_GLUED = re.compile(  # where the print of another rank, or of another logger, may begin within a line
    r"(?=\[(?:rank|default)\d+\]:|\[titan\] \d{4}-| iteration +\d+/ *\d+ \||\[\d{4}-\d\d-\d\d |\[rank \d+\] Step:"
    r"|\[(?:epoch=\d+\]\[)?batch=\d+/|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} - |\[NeMo [IWE] |Training epoch \d+, )"
    r"|(?<=\|)(?=Number of parameters|\(min, max\) time)"
)
_NARROWEST = 72
"""Characters of a line that a terminal may have wrapped: 80 columns, less what is cut off between two words."""

LOG_READABLE = Rule(
    id="run.log-readable",
    verdicts=(Verdict.UNKNOWN,),
    reads="the framework's log",
    expected="every metric line of the framework can be read",
    why="what stands in a line that cannot be read may be what fails the run",
    remedy="look whether the framework's version is the pinned one",
    source="docs/environments.md",
    good="step: 10  loss: 5.25",
    bad="step: 10  loss: 5.",
)


class Reading:
    """A log while it is read: the events of its lines, and what could not be read of it.

    A metric line that is refused is tried again in parts, where another rank's print runs into it, and together with
    its neighbour, where a terminal wrapped it.
    """

    def __init__(self, reader: Reader, *, survives: type[Exception] = ValueError) -> None:
        """`survives`: what a reader may raise. Who only watches a training must not end it for a reader's mistake."""
        self._reader, self._survives = reader, survives
        self._before = ""
        """The line before, if it said nothing."""
        self._torn: tuple[Line, str] | None = None
        """The line before, if it was refused, and why."""
        self.unreadable = 0
        """Lines that could not be read, so far."""
        self.first = ""
        """The first line that could not be read, and why; empty if all could."""

    def line(self, raw: str, *, prefixed: bool = True) -> list[Event]:
        """The events of one more line; `prefixed` as in `clean`."""
        line = clean(raw, prefixed=prefixed)
        torn, self._torn = self._torn, None
        events: list[Event] = []
        try:
            events.extend(self._reader.read(line))
        except self._survives as error:
            return self._refused(line, error, torn, events)
        if torn is not None:
            whole = None if events else self._together(torn[0], line)
            if whole is None:
                self._give_up(*torn)
            events = whole or events
        self._before = "" if events else raw
        return events

    @property
    def waits(self) -> bool:
        """Whether the next line is needed, whatever it holds: the one before it was refused."""
        return self._torn is not None

    def passed_over(self, raw: str) -> None:
        """A line that the reader was spared stands before the next one."""
        self._before = raw

    def end(self, rank: int = 0) -> Iterator[Event]:
        """What was still waited for, and a finding about what could not be read: a run must not pass without it."""
        if self._torn is not None:
            self._give_up(*self._torn)
        try:
            yield from self._reader.end()
        except self._survives as error:
            self._give_up(Line("the end of the log"), _said(error))
        if self.unreadable:
            observed = f"{self.unreadable} metric lines could not be read, first {self.first}"
            yield LOG_READABLE.finding(Verdict.UNKNOWN, observed, evidence=f"logs/rank-{rank}.log")

    def _refused(self, line: Line, error: Exception, torn: tuple[Line, str] | None, told: list[Event]) -> list[Event]:
        if told:
            for one in (*([torn] if torn else []), (line, _said(error))):
                self._give_up(*one)
            return told
        events = self._in_parts(line)
        if events is None:
            events = self._together(torn[0] if torn else clean(self._before), line)
            torn = None if events is not None else torn
        if torn is not None:
            self._give_up(*torn)
        self._torn = (line, _said(error)) if events is None else None
        self._before = ""
        return events or []

    def _in_parts(self, line: Line) -> list[Event] | None:
        """What a line says that several prints make; None if it is one, or a part of it is refused, too."""
        parts = [part for part in _GLUED.split(line.text) if part]
        if len(parts) < 2:
            return None
        return self._read([clean(parts[0], prefixed=False), *(clean(part) for part in parts[1:])])

    def _together(self, line: Line, rest: Line) -> list[Event] | None:
        """What two lines say that were one; None if they were not."""
        if len(line.prefix + line.text) < _NARROWEST or not rest.text:
            return None
        for between in ("", " ", "  "):
            events = self._read([Line(f"{line.text}{between}{rest.text}", line.rank, line.prefix)])
            if events:
                return events
        return None

    def _read(self, lines: list[Line]) -> list[Event] | None:
        try:
            return [event for line in lines for event in self._reader.read(line)]
        except self._survives:
            return None

    def _give_up(self, line: Line, why: str) -> None:
        self.unreadable += 1
        self.first = self.first or f"{(line.prefix + line.text).strip()[:200]!r}: {why}"


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
