"""A run's file of events: appended to by its writers, read while it grows."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seatrial.events.lines import Timed, decode, encode
from seatrial.events.schema import Event, Heartbeat, Restart, RunEnd, RunStart, Step


class EventWriter:
    """Appends events to a file. One write call a line, so that writers on one machine never mix their lines."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self._torn = False
        """Whether the line before may be half there."""
        self._end_torn_line(path)

    def _end_torn_line(self, path: Path) -> None:
        # A writer that was killed may have left half a line; without this the next event would be lost with it.
        with path.open("rb") as file:
            if file.seek(0, os.SEEK_END) and file.seek(-1, os.SEEK_END) is not None and file.read(1) != b"\n":
                os.write(self._file, b"\n")

    def write(self, event: Event) -> None:
        """Append one event, stamped with the time of now."""
        self.append(encode(event, time.time()))

    def append(self, line: bytes) -> None:
        """Append a line that `encode` made. Raises OSError if that cannot be; the next line is whole all the same."""
        if self._torn:
            line = b"\n" + line
        self._torn = True
        written = os.write(self._file, line)
        if written < len(line):  # the disk is full
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._path)
        self._torn = False

    def close(self) -> None:
        """Close the file; closing twice is allowed."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


@dataclass(slots=True)
class EventLog:
    """All events of a run, and how much of the file could not be read."""

    events: list[Timed] = field(default_factory=list)
    unreadable: int = 0
    """Lines in the middle of the file that are no events. A torn last line is not counted."""

    def of(self, kind: type[Any]) -> list[Any]:
        """All events of one type, oldest first."""
        return [timed.event for timed in self.events if isinstance(timed.event, kind)]

    def last(self, kind: type[Any]) -> Any | None:
        """The newest event of one type."""
        return next((t.event for t in reversed(self.events) if isinstance(t.event, kind)), None)

    def end(self) -> RunEnd | None:
        """How the newest attempt ended; None if it is going on, or was killed."""
        for timed in reversed(self.events):
            if isinstance(timed.event, RunEnd):
                return timed.event
            if isinstance(timed.event, RunStart | Heartbeat | Restart):
                return None
        return None

    def attempts(self) -> int:
        """Attempts that were started."""
        return max((event.attempt + 1 for event in self.of(RunStart) + self.of(Restart)), default=0)

    def steps(self) -> list[Step]:
        """Logged steps, one for each step number: where a restart repeated a step, the repetition counts."""
        return [by for _, by in sorted({step.step: step for step in self.of(Step)}.items())]


class EventReader:
    """Reads a growing file: each call to `read` adds the complete lines that have come since the last."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log = EventLog()
        self._offset = 0

    def read(self) -> list[Timed]:
        """The events that are new since the last call."""
        piece = read_piece(self.path, self._offset)
        self._offset = piece.end
        self.log.unreadable += piece.unreadable
        self.log.events += piece.events
        return piece.events


@dataclass(frozen=True, slots=True)
class Piece:
    """What stands in a part of a file of events."""

    events: list[Timed]
    unreadable: int
    """Complete lines that are no events."""
    end: int
    """Where the next part begins, in bytes."""


def read_piece(path: Path, offset: int, at_most: int = -1) -> Piece:
    """The complete lines from `offset` on, of `at_most` bytes, or one line that is longer; -1: all there are."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            block = file.read(at_most)
            if len(block) == at_most:
                block += file.readline()
    except FileNotFoundError:
        block = b""
    complete = block[: block.rfind(b"\n") + 1]
    events, unreadable = [], 0
    for line in filter(bytes.strip, complete.splitlines()):
        try:
            timed = decode(line)
        except ValueError:
            unreadable += 1
        else:
            if timed is not None:
                events.append(timed)
    return Piece(events, unreadable, offset + len(complete))


_Stamp = tuple[str, int, int, int]
_kept: tuple[_Stamp, EventLog] | None = None
"""The file that was read or written last, and what is in it: a verdict and its page ask for it one after the other."""


def read_events(path: Path) -> EventLog:
    """All events of a file; an empty log if there is none. A file that has not changed since is not read again."""
    global _kept
    stamp = _stamp(path)
    if stamp is None or _kept is None or _kept[0] != stamp:
        reader = EventReader(path)
        reader.read()
        if stamp is None:
            return reader.log
        _kept = stamp, reader.log
    return EventLog([*_kept[1].events], _kept[1].unreadable)


def write_events(path: Path, events: Iterable[tuple[float, Event]]) -> None:
    """Write a whole file of events, each with its time."""
    global _kept
    log = EventLog()
    with path.open("wb") as file:
        for moment, event in events:
            file.write(encode(event, moment))
            log.events.append(Timed(round(moment, 6), event))
    if stamp := _stamp(path):
        _kept = stamp, log


def _stamp(path: Path) -> _Stamp | None:
    """What changes when a file does; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return str(path), found.st_ino, found.st_size, found.st_mtime_ns
