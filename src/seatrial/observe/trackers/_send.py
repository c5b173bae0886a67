"""The process that sends a run to one tracker: python -m seatrial.observe.trackers._send FOLDER TRACKER [SECONDS]

What it has to send is events.jsonl, and how far it is stands beside it, so nothing is lost with this process, and
nothing waits for it. It goes on until its standard input ends, as it does when the command that follows the run is
over or killed; then it sends what is left, what the run came to, and ends: with 0, with 1 if the tracker lacks
something, with 2 if another process sends the run there. SECONDS are what it has for that: whatever happens to the
command, a client that hangs does not stay.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import sys
import time
import traceback
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from seatrial import tracked
from seatrial.errors import ExitCode, UserError
from seatrial.events import RunStart, read_piece
from seatrial.masking import mask
from seatrial.observe import trackers
from seatrial.observe.trackers._points import Points, about, outcome
from seatrial.observe.trackers._senders import stand_back
from seatrial.observe.trackers._tracker import Sink, Tracker
from seatrial.runs import Run

PERIOD = 1.0
"""Seconds between two looks at events.jsonl."""
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 60.0
"""Seconds before a tracker that failed is tried again; twice as long after each failure."""
PIECE = 1 << 18
"""Bytes of events that are sent at once. More is never in memory."""
NICENESS = 19
"""Ranks come first wherever they share this machine's cores."""
LONGEST_PROBLEM = 300
"""Characters."""


class Sender:
    """Sends a run to a tracker, and keeps account of what that has."""

    def __init__(self, run: Run, tracker: Tracker) -> None:
        found = tracked.read(run, tracker.name)
        assert found is not None  # written by whoever started this
        self._run, self._tracker, self._has = run, tracker, found
        self._points = Points(run.job)
        self._sink: Sink | None = None

    def send(self) -> None:
        """Send all that is new. Raises what the tracker raises."""
        sink = self._opened()
        while True:
            piece = read_piece(self._run.events_path, self._has.offset, PIECE)
            if piece.end == self._has.offset:
                break
            for timed in piece.events:
                if isinstance(timed.event, RunStart):
                    sink.describe(about(self._run.job, timed.event))
            points = [point for timed in piece.events for point in self._points.take(timed)]
            sink.log(points)
            self._keep(offset=piece.end, points=self._has.points + len(points), problem="")
        if self._has.problem:
            self._keep(problem="")

    def conclude(self) -> None:
        """Send what the run came to, unless it goes on."""
        sink, log = self._opened(), self._run.events()
        state = self._run.state(log)
        if not state.live:
            sink.conclude(outcome(self._run.job, log, state))

    def close(self) -> None:
        """Let go of the record; what it raises, too, means that the tracker lacks something."""
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.close()

    def failed(self, error: Exception) -> None:
        """Keep why the tracker did not take something, and begin anew with it the next time."""
        traceback.print_exception(error)
        said = " ".join(str(error).split())
        self._keep(problem=mask(f"{type(error).__name__}: {said}")[:LONGEST_PROBLEM])
        with contextlib.suppress(Exception):
            self.close()

    def _opened(self) -> Sink:
        if self._sink is None:
            self._points = self._taken()
            self._sink = self._tracker.open(self._run, self._has)
            self._keep(record=self._sink.record, address=self._sink.address)
            self._sink.describe(about(self._run.job, self._points.start))
        return self._sink

    def _taken(self) -> Points:
        """What follows from the events that were sent before, for those that are sent next."""
        points, offset = Points(self._run.job), 0
        while offset < self._has.offset:
            piece = read_piece(self._run.events_path, offset, min(PIECE, self._has.offset - offset))
            if piece.end == offset:
                break
            offset = piece.end
            for timed in piece.events:
                deque(points.take(timed), maxlen=0)
        return points

    def _keep(self, **changes: object) -> None:
        self._has = replace(self._has, **changes)  # type: ignore[arg-type]
        tracked.save(self._run, self._has)


def serve(sender: Sender, seconds: int = 0, period: float = PERIOD) -> int:
    """Send until the standard input ends, then the rest; `seconds` for that, 0: as long as it takes. Returns an
    ExitCode."""
    pause, due = FIRST_PAUSE, 0.0
    while not _ended(period):
        if time.monotonic() >= due:
            try:
                sender.send()
                pause = FIRST_PAUSE
            except Exception as error:  # whatever somebody else's client raises: it is tried again
                sender.failed(error)
                due, pause = time.monotonic() + pause, min(2 * pause, LONGEST_PAUSE)
    signal.alarm(seconds)
    stand_back(os.getpid(), 0)  # nobody trains any more, and the command that says so may have been killed
    try:
        sender.send()
        sender.conclude()
        sender.close()
    except Exception as error:
        sender.failed(error)
        return ExitCode.FAILED
    return ExitCode.PASSED


def main() -> int:
    """The program."""
    run, tracker = Run(Path(sys.argv[1])), trackers.find(sys.argv[2])
    os.nice(NICENESS)
    stand_back(os.getpid(), NICENESS)
    with _alone(run, tracker.name) as alone:
        return serve(Sender(run, tracker), int(sys.argv[3]) if sys.argv[3:] else 0) if alone else ExitCode.USAGE


@contextlib.contextmanager
def _alone(run: Run, name: str) -> Iterator[bool]:
    """Whether no other process sends the run there; none will until the end."""
    with tracked.path(run, name, "lock").open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _ended(seconds: float) -> bool:
    """Whether the standard input has ended; waits so long for that."""
    waiting = select.poll()  # select() takes no descriptor above 1023
    waiting.register(sys.stdin, select.POLLIN | select.POLLHUP)
    return bool(waiting.poll(seconds * 1000)) and not os.read(sys.stdin.fileno(), 4096)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(ExitCode.USAGE)
