"""A framework's log, read while it is written: its metric lines become events, in the process that prints them."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterable, Iterator
from typing import Any, TextIO, cast

from seatrial.events import Event
from seatrial.rank.core import Rank
from seatrial.rank.lines import Reader
from seatrial.rank.reading import Reading

LONGEST = 65_536
"""Characters of one line that are kept: a progress bar may never end its line."""


@contextlib.contextmanager
def console(worker: Rank, reader: Reader) -> Iterator[None]:
    """Read everything that this process prints inside. Enter before the framework sets up its logging.

    Only rank 0's events are kept, as with `Rank.emit`. Everything still goes to where it went, and at once. A metric
    line that cannot be read becomes an UNKNOWN finding, so that the run does not pass without it. Read is what goes
    through sys.stdout and sys.stderr: not what C code, child processes or ``sys.stdout.buffer`` write.
    """
    log = _Log(worker, reader)
    before = sys.stdout, sys.stderr
    streams = [_Stream(stream, log) for stream in before]
    sys.stdout, sys.stderr = (cast(TextIO, stream) for stream in streams)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for stream in streams:
            stream.end()
        log.close()


class _Log:
    """What both streams have in common."""

    def __init__(self, worker: Rank, reader: Reader) -> None:
        self.worker = worker
        self.log = Reading(reader, survives=Exception)
        self.lock = threading.RLock()  # the thread that holds it may print: an event, a warning
        self.reading = False
        self.closed = False
        self.process = os.getpid()

    def listens(self) -> bool:
        """Not in a forked process, which may have inherited the lock from a thread that it does not have."""
        return not self.closed and os.getpid() == self.process

    def line(self, raw: str) -> None:
        self.reading = True
        try:
            self._emit(self.log.line(raw, prefixed=False))
        finally:
            self.reading = False

    def close(self) -> None:
        with self.lock:
            self.closed = True
            self._emit(self.log.end(self.worker.rank))

    def _emit(self, events: Iterable[Event]) -> None:
        for event in events:
            self.worker.emit(event)


class _Stream:
    """Passes on what is written, and hands whole lines to the log. For all else it is the stream that it stands for."""

    def __init__(self, target: TextIO, log: _Log) -> None:
        self.target, self.log = target, log
        self.rest = ""
        """A line that has begun."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.target, name)

    def write(self, text: str) -> int:
        if not self.log.listens():
            return self.target.write(text)
        with self.log.lock:
            if self.log.reading:  # printed by reading itself
                return self.target.write(text)
            whole, end, begun = text.rpartition("\n")
            if end:
                self.target.write(whole + end)
                lines, self.rest = self.rest + whole, ""
                for line in lines.split("\n"):
                    self.log.line(line)
            if begun:  # after the events of the lines before, which may be printed too, each on a line of its own
                self.target.write(begun)
                self.rest = (self.rest + begun)[-LONGEST:]
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)

    def end(self) -> None:
        """Read what stands after the last line's end: a log may stop in the middle."""
        with self.log.lock:
            rest, self.rest = self.rest, ""
            if rest:
                self.log.line(rest)
