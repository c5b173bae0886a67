"""A framework's log, read while it is written: its metric lines become events, in the process that prints them."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator
from typing import TextIO

from seatrial.findings import Finding, Verdict
from seatrial.train.lines import Reader, clean
from seatrial.train.worker import Worker

LONGEST = 65_536
"""Characters of one line that are looked at: a progress bar may never end its line."""


@contextlib.contextmanager
def console(worker: Worker, reader: Reader) -> Iterator[None]:
    """Read everything that this process prints inside. Enter before the framework sets up its logging.

    Only rank 0's events are kept, as with `Worker.emit`. Everything still goes to where it went, and at once. A metric
    line that cannot be read becomes an UNKNOWN finding, so that the run does not pass without it.
    """
    log = _Log(worker, reader)
    out, err = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _Stream(out, log), _Stream(err, log)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, _Stream):
                stream.end()
        sys.stdout, sys.stderr = out, err
        log.close()


class _Log:
    def __init__(self, worker: Worker, reader: Reader) -> None:
        self.worker, self.reader = worker, reader
        self.unreadable: list[str] = []

    def line(self, raw: str) -> None:
        try:
            for event in self.reader.read(clean(raw)):
                self.worker.emit(event)
        except ValueError as error:
            self.unreadable.append(f"{raw.strip()[:200]!r}: {error}")

    def close(self) -> None:
        if not self.unreadable:
            return
        self.worker.emit(
            Finding(
                check="run.log-readable",
                verdict=Verdict.UNKNOWN,
                observed=f"{len(self.unreadable)} metric lines could not be read, first {self.unreadable[0]}",
                expected="every metric line of the framework can be read",
                evidence="logs/rank-0.log",
                action="look whether the framework's version is the pinned one",
            )
        )


class _Stream(io.TextIOBase):
    """Passes on what is written, and hands whole lines to the log."""

    def __init__(self, target: TextIO, log: _Log) -> None:
        self.target, self.log = target, log
        self.rest = ""

    def write(self, text: str) -> int:
        self.target.write(text)
        self.rest += text
        *lines, self.rest = self.rest.split("\n")
        self.rest = self.rest[-LONGEST:]
        for line in lines:
            self.log.line(line)
        return len(text)

    def flush(self) -> None:
        self.target.flush()

    def end(self) -> None:
        """Read what stands after the last line's end: a log may stop in the middle."""
        if self.rest:
            self.log.line(self.rest)
            self.rest = ""

    def fileno(self) -> int:
        return self.target.fileno()

    def isatty(self) -> bool:
        return self.target.isatty()

    @property
    def encoding(self) -> str:  # type: ignore[override] # a plain attribute in typeshed
        return self.target.encoding

    def writable(self) -> bool:
        return True
