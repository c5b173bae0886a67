"""Standard streams that may break: a closed pipe, a terminal that is gone and a full disk never end a run."""

from __future__ import annotations

import errno
import io
import os
import sys

NOBODY_READS = (errno.EPIPE, errno.EIO)
"""A pipe whose reader has ended, as in ``| head``; a terminal that is gone."""


class Stream(io.TextIOWrapper):
    """Falls silent at the first write that fails, and remembers why."""

    error: OSError | None = None

    def write(self, text: str, /) -> int:
        """As any stream's, but never an OSError."""
        try:
            return super().write(text)
        except OSError as error:
            self._fall_silent(error)
            return len(text)

    def flush(self) -> None:
        """As any stream's, but never an OSError."""
        try:
            super().flush()
        except OSError as error:
            self._fall_silent(error)

    @property
    def lost(self) -> OSError | None:
        """Why somebody who does read has not got all of it."""
        return None if self.error is None or self.error.errno in NOBODY_READS else self.error

    def _fall_silent(self, error: OSError) -> None:
        self.error = self.error or error
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())  # what is still buffered goes there, too
        os.close(nowhere)


def guard() -> tuple[Stream, Stream]:
    """Make stdout and stderr such streams."""
    sys.stdout, sys.stderr = (
        Stream(
            stream.detach(),
            encoding=stream.encoding,
            errors=stream.errors,
            line_buffering=stream.line_buffering,
            write_through=stream.write_through,
        )
        for stream in (sys.stdout, sys.stderr)
        if isinstance(stream, io.TextIOWrapper)
    )
    return sys.stdout, sys.stderr
