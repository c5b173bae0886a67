"""Training runs, live from their events: those of a folder that go on, and those that ended a short while ago.

A pass looks at the size of each live run's events, and reads what is new. What else tells how a run does (whether its
processes live, heartbeats, findings) it looks at where there was news, and elsewhere at `TURN` runs a pass, in turn.
Runs that are over are forgotten, and looked at again when their turn comes: a resume renews their job.json.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Collection
from pathlib import Path

from seatrial.errors import UserError
from seatrial.observe.exporter.collecting import Collected
from seatrial.observe.exporter.collectors.one_run import OneRun
from seatrial.observe.exporter.exposition import line
from seatrial.runs import Run
from seatrial.standing import Phase

KEEP = 900.0
"""Seconds for which a run that ended is still told: longer than a Prometheus that is started again is away."""
PASS = 2.0
"""Seconds after which a pass begins to read no other run: over long events the first one becomes several."""
TURN = 100
"""Live runs without news that a pass looks at: each takes 0.1 ms."""
BROKEN = (OSError, ValueError, LookupError, TypeError, UserError)
"""What reading the files of a run may raise, where they are not what they should be."""
TURN_OVER = 1000
"""Runs that are over of which a pass asks whether they were resumed: each takes 2 microseconds."""


class Runs:
    """The collector."""

    def __init__(self, folder: Path, keep: float = KEEP, clock: Callable[[], float] = time.time) -> None:
        """`keep`: see `KEEP`."""
        self._folder, self._keep, self._clock = folder, keep, clock
        self._root = os.fspath(folder)
        self._live: dict[str, OneRun] = {}
        self._over: dict[str, int] = {}
        """Name -> mtime of its job.json when it was found to be over, nanoseconds."""
        self._told: dict[str, str] = {}
        """Families of all runs, as of the newest pass in which something was new."""
        self._turns: deque[str] = deque()
        self._turns_over: deque[str] = deque()

    def collect(self) -> Collected:
        """Reads what is new of every run that goes on."""
        problems: list[str] = []
        try:
            names = {name for name in os.listdir(self._folder) if name[0] != "."}
        except OSError as error:
            return Collected({}, (f"{self._folder}: {error.strerror}",))
        now = self._clock()
        news = self._come_and_go(names, now, problems)
        due = _next(self._turns, self._live.keys(), TURN)
        begin = time.monotonic()
        # Those that were never read come first.
        waiting = deque(sorted(self._live, key=lambda name: bool(self._live[name].families)))
        while waiting:
            name = waiting.popleft()
            news |= self._look(name, now, name in due, problems)
            if time.monotonic() - begin > PASS and waiting:
                problems.append("not all runs are read yet: their events are long")
                break
        if news:
            self._told = self._families()
        return Collected(self._told | self._goodput(now), tuple(problems), unfinished=bool(waiting))

    def _look(self, name: str, now: float, closely: bool, problems: list[str]) -> bool:
        """Whether anything of a run is new."""
        run, news, over = self._live[name], False, False
        try:
            news = run.look(closely=closely)
            over = run.over(now, self._keep)
        except BROKEN as error:
            if not os.path.isdir(f"{self._root}/{name}"):  # it vanished
                del self._live[name]
                return True
            problems.append(f"{name}: {_words(error)}")
        if run.unreadable:
            problems.append(f"{name}: {run.unreadable} lines of its events cannot be read")
        if over:
            self._over[name] = _renewed(f"{self._root}/{name}")
            del self._live[name]
            return True
        return news

    def _come_and_go(self, names: set[str], now: float, problems: list[str]) -> bool:
        """Whether the runs that are told are others than before."""
        before = set(self._live)
        for gone in self._live.keys() - names:
            del self._live[gone]
        for gone in self._over.keys() - names:
            del self._over[gone]
        unknown = names - self._live.keys() - self._over.keys()
        for name in sorted(unknown | _next(self._turns_over, self._over.keys(), TURN_OVER)):
            renewed = _renewed(f"{self._root}/{name}")
            if not renewed or renewed == self._over.get(name):
                continue
            self._over[name] = renewed
            try:
                run = Run(self._folder / name)
                if not _quiet(run, now - self._keep):
                    self._live[name] = OneRun(run)
                    del self._over[name]
            except BROKEN as error:
                del self._over[name]  # so that it is tried, and told, again
                problems.append(f"{name}: {_words(error)}")
        return before != self._live.keys()

    def _families(self) -> dict[str, str]:
        runs = list(self._live.values())
        names = dict.fromkeys(name for run in runs for name in run.families)
        return {name: "".join([run.families.get(name, "") for run in runs]) for name in names}

    def _goodput(self, now: float) -> dict[str, str]:
        """What is another with every second that passes."""
        name = "train_goodput_ratio"
        values = [(run.about, run.tally.goodput(now)) for run in self._live.values()]
        return {name: "".join(line(name, about, round(value, 6)) for about, value in values if value is not None)}


def _renewed(folder: str) -> int:
    """When its job.json was written, nanoseconds; 0 for a folder that is no run."""
    try:
        return os.stat(f"{folder}/job.json").st_mtime_ns
    except OSError:
        return 0


def _quiet(run: Run, since: float) -> bool:
    """Whether nothing has happened since then, and nobody has the run: its events need not be read."""
    try:
        newest = os.stat(run.events_path).st_mtime
    except FileNotFoundError:
        newest = os.stat(run.path / "job.json").st_mtime
    if newest > since or run.supervisor() is not None:
        return False
    submission = run.submission()
    standing = submission.standing if submission else None
    return standing is None or standing.phase not in (Phase.QUEUED, Phase.RUNNING)


def _next(turns: deque[str], among: Collection[str], count: int) -> set[str]:
    """The next names in turn, of those that there are now."""
    known = {name for name in turns if name in among}
    if len(known) < len(turns):
        kept = [name for name in turns if name in known]
        turns.clear()
        turns.extend(kept)
    turns.extend(name for name in among if name not in known)
    found = {turns[i] for i in range(min(count, len(turns)))}
    turns.rotate(-count)
    return found


def _words(error: Exception) -> str:
    if isinstance(error, UserError):
        return "; ".join(f"{problem.where}: {problem.what}" for problem in error.problems)
    return f"{type(error).__name__}: {error}"
