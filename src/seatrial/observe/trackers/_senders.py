"""The senders of a run: a process for each tracker, so that no tracker can slow or end anything."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

from seatrial import tracked
from seatrial.errors import ExitCode
from seatrial.runs import Run
from seatrial.tracked import Tracked

PATIENCE = 30
"""Seconds that trackers get, when a run is over, to take what is left and what it came to."""


SILENT = 2.0
"""Seconds of them that nobody is told of."""
TRIES = 20
"""To change the niceness of a session."""
PROGRAM = (sys.executable, "-P", "-m", "seatrial.observe.trackers._send")
"""-P: a file called wandb.py in the user's folder is none of ours."""


def _nothing(tracker: str) -> None:
    """Who waits says nothing."""


@dataclass(frozen=True, slots=True)
class _Sender:
    tracker: str
    process: subprocess.Popen[bytes]


class Senders:
    """Sends a run to its trackers from the beginning of a block to its end."""

    def __init__(
        self, run: Run, wanted: Sequence[Tracked], patience: int = PATIENCE, on_wait: Callable[[str], None] = _nothing
    ) -> None:
        """`patience`: seconds at the end; 0: as long as it takes. `on_wait` is told whom the end waits for."""
        self._run, self._patience, self._on_wait = run, patience, on_wait
        self._wanted = [one.tracker for one in wanted]
        self._senders: list[_Sender] = []
        self.busy: list[str] = []
        """Trackers to which another process sends the run; known at the end."""

    def __enter__(self) -> Senders:
        for name in self._wanted:
            with tracked.path(self._run, name, "log").open("ab") as log:
                process = subprocess.Popen(
                    [*PROGRAM, str(self._run.path.resolve()), name, str(self._patience)],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # Ctrl-C is meant for the ranks
                )
            self._senders.append(_Sender(name, process))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for sender in self._senders:
            assert sender.process.stdin is not None  # it is a pipe
            sender.process.stdin.close()
            stand_back(sender.process.pid, 0)  # nobody trains any more
        deadline = time.monotonic() + (self._patience or math.inf)
        try:
            for sender in self._senders:
                self._see_off(sender, deadline)
        finally:
            for sender in self._senders:
                _kill(sender.process)

    def _see_off(self, sender: _Sender, deadline: float) -> None:
        try:
            code = self._wait(sender, deadline)
        except subprocess.TimeoutExpired:
            _kill(sender.process)
            self._note(sender.tracker, f"it did not take the rest within {self._patience} s")
            return
        if code == ExitCode.USAGE:
            self.busy.append(sender.tracker)
        elif code not in (ExitCode.PASSED, ExitCode.FAILED):
            log = tracked.path(self._run, sender.tracker, "log").relative_to(self._run.path)
            self._note(sender.tracker, f"its sender ended with exit code {code}: {log}")

    def _wait(self, sender: _Sender, deadline: float) -> int:
        left = deadline - time.monotonic()
        try:
            return sender.process.wait(max(min(SILENT, left), 0.0))
        except subprocess.TimeoutExpired:
            self._on_wait(sender.tracker)
            return sender.process.wait(None if math.isinf(left) else max(left - SILENT, 0.0))

    def _note(self, tracker: str, problem: str) -> None:
        """Keep why it lacks something, unless the sender said that itself."""
        with contextlib.suppress(OSError, ValueError):
            found = tracked.read(self._run, tracker)
            if found is not None and not found.problem:
                tracked.save(self._run, replace(found, problem=problem))


def stand_back(pid: int, niceness: int) -> None:
    """Let other sessions go first, by the niceness of the one that a process leads.

    Where Linux shares cores out by sessions, niceness of a process counts within its own one only (sched(7), "The
    autogroup feature"), and ranks and senders have one each.
    """
    for _ in range(TRIES):
        try:
            if os.getsid(pid) == pid:
                Path(f"/proc/{pid}/autogroup").write_text(str(niceness))
            return
        except BlockingIOError:  # ordinary users may change ten a second, all together: there is nothing to wait on
            time.sleep(0.1)
        except OSError:  # it has ended, or cores are shared out otherwise
            return


def _kill(process: subprocess.Popen[bytes]) -> None:
    """With whatever it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def unwritable(run: Run) -> Path | None:
    """The folder that keeps the run from being tracked, since nothing can be written there; None if it can."""
    folder = next(place for place in (run.path / tracked.FOLDER, run.path) if place.is_dir())
    return None if os.access(folder, os.W_OK | os.X_OK) else folder
