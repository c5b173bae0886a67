"""A rank's own watch over its steps, where no launcher looks after it: on clusters.

The launcher of this machine sees that ranks wait without end, asks all of them for their stacks and what they know of
their collectives, and ends them. An engine does not; so a thread of each rank does. The first that has taken no step
for SEATRIAL_HANG_SECONDS asks the others, by a line in a file of the run's folder, which all of them look at. Whoever
is asked writes, waits until the others must have written, too, and ends with the code of a failure: the engine ends the
job, or starts it again from its last checkpoint.

Watched is the time from one step to the next, nothing else: not the way to the first step, which may compile for
hours, no other stage, no checkpoint. Counted are the thread's own ticks, so that a job that was suspended is not taken
for one that hangs. A step costs the addition of 1.
"""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import sys
import threading
from collections.abc import Mapping

from seatrial.errors import ExitCode
from seatrial.rank import flight
from seatrial.rank.core import Rank

TICK = 10.0
"""Seconds between two looks, at most: a look opens one file of a file system that many ranks share."""
TICKS = 10
"""Looks within SEATRIAL_HANG_SECONDS, at least."""
LAST_WORDS = 5.0
"""Seconds that ranks get at least to write, beyond the two ticks after which all have looked: they may be busy."""


class Watchdog:
    """Watches a rank from a thread of its own; `start` begins it."""

    def __init__(self, rank: Rank, hang_seconds: float) -> None:
        self._rank, self._hang_seconds = rank, hang_seconds
        self._tick = min(TICK, hang_seconds / TICKS)
        self._asks = rank.run / "stacks" / "asked.txt"
        self._asks.touch()  # so that a file system on the network never remembers that there is none
        self._known = self._size()
        self.asked = False
        """Whether the ranks were asked: what this one knew is written, and what it meets from now on only follows."""

    @classmethod
    def start(cls, rank: Rank, environ: Mapping[str, str]) -> Watchdog | None:
        """Watch a rank if its launcher says after how long it hangs."""
        seconds = environ.get("SEATRIAL_HANG_SECONDS")
        if not seconds:
            return None
        watchdog = cls(rank, float(seconds))
        threading.Thread(target=watchdog._watch, name="watchdog", daemon=True).start()
        return watchdog

    def _watch(self) -> None:
        rank, silent, seen = self._rank, 0.0, -1
        pause = threading.Event()
        while not self._others_ask():
            if silent >= self._hang_seconds:
                self._ask(silent)
                break
            pause.wait(self._tick)
            silent = silent + self._tick if rank.in_steps and rank.signs == seen else 0.0
            seen = rank.signs
        self.asked = True
        # In a thread of its own: a log that nobody reads any more, or a file system that hangs, must not keep it here.
        threading.Thread(target=self._tell, name="last words", daemon=True).start()
        pause.wait(2 * self._tick + LAST_WORDS)
        for child in multiprocessing.active_children():
            child.kill()
        os._exit(ExitCode.FAILED)  # the main thread may wait inside C code, and with the lock of a stream

    def _size(self) -> int:
        """Opened, since a file system on the network may only then ask its server."""
        try:
            with self._asks.open("rb") as file:
                return os.fstat(file.fileno()).st_size
        except OSError:
            return 0

    def _others_ask(self) -> bool:
        return self._size() > self._known

    def _ask(self, silent: float) -> None:
        try:
            with self._asks.open("a") as file:
                file.write(f"rank {self._rank.rank} gave no sign of life for {silent:.0f} s\n")
        except OSError as error:  # a full disk: the others have watchdogs of their own
            print(f"warning: {self._asks}: {error.strerror}", file=sys.stderr, flush=True)

    def _reason(self) -> str:
        """What the first who asked said."""
        with self._asks.open() as file:
            file.seek(self._known)
            return file.readline().strip() or f"rank {self._rank.rank} gave no sign of life"

    def _tell(self) -> None:
        """The reason into the run, stacks and recorders into its folder, or into the log where only that comes back."""
        rank, folder, reason = self._rank, self._rank.run / "stacks", self._reason()
        rank.end("failed", rank.last_step, reason=reason)
        flight.dump(folder, rank.rank)
        with (folder / f"rank-{rank.rank}.txt").open("a+") as file:
            begin = file.seek(0, os.SEEK_END)
            faulthandler.dump_traceback(file, all_threads=True)
            file.seek(begin)
            stacks = file.read() if os.environ.get("SEATRIAL_PRINT_EVENTS") == "1" else ""
        # In one piece, each line with its rank: ranks of a node may share a log.
        lines = [reason, *stacks.splitlines()]
        print("".join(f"[rank{rank.rank}]:{line}\n" for line in lines), end="", file=sys.stderr, flush=True)
