"""The window of steps that a profiler records, in the rank that takes them."""

from __future__ import annotations

import sys
from typing import Protocol

STEP = "ProfilerStep#{}"
"""Name of a step's range in a trace; torch.profiler's own (2.13), so that every reader of traces knows it."""


class Recorder(Protocol):
    """A profiler, as a rank works it. What it records is in its file when `stop` returns."""

    def prepare(self) -> None:
        """A step is still to be taken before the first: what is slow to set up is set up now."""

    def start(self, step: int) -> None:
        """That step is about to be taken, and is the first of the window."""

    def mark(self, step: int) -> None:
        """That step is about to be taken."""

    def stop(self) -> str:
        """The window is over. Returns where the recording is."""


class Window:
    """Works a recorder: from before the first step of the window to after the last."""

    def __init__(self, first: int, last: int, recorder: Recorder) -> None:
        self._first, self._last = first, last
        self._recorder: Recorder | None = recorder
        self._recording = False

    def at(self, done: int) -> None:
        """Step `done` has been taken; the one before the first, where a run begins there.

        A run that begins inside the window records the rest of it. A profiler that fails ends no training.
        """
        if self._recorder is None:
            return
        try:
            self._move(self._recorder, done)
        except Exception as error:  # CUPTI that another tool holds, a full disk: of several libraries
            self._recorder = None
            print(f"warning: no profile: {type(error).__name__}: {error}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """The run ends here: what was recorded so far is kept."""
        if self._recording:
            self.at(self._last)

    def _move(self, recorder: Recorder, done: int) -> None:
        if done >= self._last:
            if self._recording:
                print(f"profile: {recorder.stop()}", file=sys.stderr, flush=True)
            self._recorder, self._recording = None, False
        elif self._recording:
            recorder.mark(done + 1)
        elif done + 1 >= self._first:
            recorder.start(done + 1)
            self._recording = True
        elif done + 2 == self._first:
            recorder.prepare()
