"""Runs collectors side by side, each within the time that a scrape has; one that hangs holds up no other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from seatrial import __version__
from seatrial.observe.exporter.exposition import Families, labels, line, text

BUDGET = 5.0
"""Seconds that a scrape waits for collectors. Prometheus gives up after 10 by default."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What one pass of a collector gave."""

    families: Families = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    """What could not be read, in words."""
    unfinished: bool = False
    """Whether the next pass goes on where this one ended, and need not wait for a scrape."""


class Collector(Protocol):
    """Looks at one kind of thing. Called by one thread at a time."""

    def collect(self) -> Collected:
        """What there is now. What cannot be read is a problem, and does not keep the rest from being told."""
        ...


class _Passes:
    """The passes of one collector: at most one at a time, in a thread that nobody has to wait for."""

    def __init__(self, name: str, collector: Collector, tell: Callable[[str], None]) -> None:
        self._name, self._collector, self._tell = name, collector, tell
        self._lock = threading.Lock()
        self._busy = False
        self._done = threading.Event()
        self._last = Collected(problems=("its first pass is not over yet",))
        self._ended, self._seconds = 0.0, 0.0
        self._told: tuple[str, ...] = ()

    def begin(self) -> threading.Event:
        """The end of the pass that goes on; a new one, if none does. Of several, since there is much to read, that of
        the first: what they have until then is served."""
        with self._lock:
            if not self._busy:
                self._busy, self._done = True, threading.Event()
                threading.Thread(target=self._run, args=(self._done,), daemon=True, name=self._name).start()
            return self._done

    def _run(self, done: threading.Event) -> None:
        unfinished = True
        while unfinished:
            unfinished = self._pass()
            if not unfinished:
                with self._lock:
                    self._busy = False
            done.set()

    def _pass(self) -> bool:
        begin = time.monotonic()
        try:
            collected = self._collector.collect()
        except Exception as error:  # a bug of ours must not end the exporter; what was known before is served on
            collected = Collected(self._last.families, (f"{type(error).__name__}: {error}",))
        self._last, self._ended, self._seconds = collected, time.time(), time.monotonic() - begin
        if collected.problems != self._told:
            self._told = collected.problems
            for problem in collected.problems:
                self._tell(f"{self._name}: {problem}")
        return collected.unfinished

    def result(self, late: bool) -> Families:
        """What the newest pass gave, and what is to be said of it. `late`: it does not end within the budget."""
        last, about = self._last, labels(collector=self._name)
        problems = len(last.problems) + late
        own = {
            "seatrial_collector_success": line("seatrial_collector_success", about, int(problems == 0)),
            "seatrial_collector_problems": line("seatrial_collector_problems", about, problems),
        }
        if self._ended:
            for name, value in (("duration", self._seconds), ("timestamp", self._ended)):
                metric = f"seatrial_collector_{name}_seconds"
                own[metric] = line(metric, about, round(value, 6))
        return last.families | own


class Exporter:
    """All collectors that were chosen."""

    def __init__(
        self, collectors: Mapping[str, Collector], budget: float = BUDGET, tell: Callable[[str], None] = lambda _: None
    ) -> None:
        """`tell` is told what a collector lacks, whenever that changes."""
        self._passes = [_Passes(name, collector, tell) for name, collector in collectors.items()]
        self._budget = budget

    def scrape(self) -> bytes:
        """The text of all metrics, within the budget: what is late is served as it was before, and marked."""
        deadline = time.monotonic() + self._budget
        waits = [passes.begin() for passes in self._passes]
        families: Families = {}
        for passes, done in zip(self._passes, waits, strict=True):
            late = not done.wait(max(0.0, deadline - time.monotonic()))
            for name, lines in passes.result(late).items():
                families[name] = families.get(name, "") + lines
        families["seatrial_exporter_info"] = line("seatrial_exporter_info", labels(version=__version__), 1)
        return text(families)
