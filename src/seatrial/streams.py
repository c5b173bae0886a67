"""Standard streams that may break: a closed pipe, a terminal that is gone and a full disk never end a run."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TextIO

NOBODY_READS = (errno.EPIPE, errno.EIO)
"""A pipe whose reader has ended, as in ``| head``; a terminal that is gone."""


class Stream(io.TextIOWrapper):
    """Loses what cannot be written, and remembers why; one that `gives_up` falls silent at the first failure."""

    error: OSError | None = None
    gives_up = True

    def write(self, text: str, /) -> int:
        """As any stream's, but never an OSError."""
        try:
            return super().write(text)
        except OSError as error:
            self._fail(error)
            return len(text)

    def flush(self) -> None:
        """As any stream's, but never an OSError."""
        try:
            super().flush()
        except OSError as error:
            self._fail(error)

    @property
    def lost(self) -> OSError | None:
        """Why somebody who does read has not got all of it."""
        return None if self.error is None or self.error.errno in NOBODY_READS else self.error

    def _fail(self, error: OSError) -> None:
        self.error = self.error or error
        if not self.gives_up:
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())  # what is still buffered goes there, too
        os.close(nowhere)


def guard(*, gives_up: bool) -> None:
    """Make stdout and stderr such streams. `gives_up`: nobody is there any more; else a disk may have space again."""
    sys.stdout, sys.stderr = (_guarded(stream, gives_up=gives_up) for stream in (sys.stdout, sys.stderr))


def _guarded(stream: TextIO, *, gives_up: bool) -> TextIO:
    if type(stream) is not io.TextIOWrapper:  # whoever put another thing there knows better
        return stream
    found = Stream(
        stream.detach(),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
    found.gives_up = gives_up
    return found
