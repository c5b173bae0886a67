"""Where a step's time goes, by the clock of the process."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from seatrial.metrics import PHASES


class _Garbage:
    """How long Python's collector of cyclic garbage has stopped this process since it was first asked."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._begin = 0.0
        gc.callbacks.append(self._called)

    def _called(self, phase: str, _: dict[str, Any]) -> None:
        if phase == "start":
            self._begin = time.perf_counter()
        else:
            self.seconds += time.perf_counter() - self._begin


_garbage = cache(_Garbage)
"""One for the process: callbacks of the collector stay."""


class StepTimer:
    """Adds up the time of each phase between two calls of `collect`."""

    def __init__(self) -> None:
        self._seconds = dict.fromkeys(PHASES, 0.0)
        self._steps = 0
        self._waited: float | None = None
        """Seconds; None until somebody tells."""
        self._begin = time.perf_counter()
        self._cpu = time.process_time()
        self._garbage = _garbage().seconds

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count the body's time as phase `name` of seatrial.metrics.PHASES."""
        begin = time.perf_counter()
        yield
        self._seconds[name] += time.perf_counter() - begin

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the body's time as a wait for other ranks, beside the phase that it belongs to.

        For programs that call their collectives themselves: with it a rank that is slow can be told from those that
        wait for it (`seatrial diagnose`).
        """
        begin = time.perf_counter()
        yield
        self._waited = (self._waited or 0.0) + time.perf_counter() - begin

    def step(self) -> None:
        """One more step is done."""
        self._steps += 1

    def so_far(self) -> dict[str, float]:
        """Its own seconds per step: ``data_wait``, ``busy`` (wall), ``cpu``, ``gc``, and ``wait`` if that was told.

        Call it before the step's last collective, in which a fast rank waits for the slow ones.
        """
        steps = max(1, self._steps)
        told = {} if self._waited is None else {"wait": self._waited / steps}
        return told | {
            "data_wait": self._seconds["data_wait"] / steps,
            "busy": (time.perf_counter() - self._begin) / steps,
            "cpu": (time.process_time() - self._cpu) / steps,
            "gc": (_garbage().seconds - self._garbage) / steps,
        }

    def collect(self) -> tuple[float, dict[str, float]]:
        """Seconds per step and their split, both means since the last call; then start anew."""
        now = time.perf_counter()
        steps = max(1, self._steps)
        total = (now - self._begin) / steps
        phases = {name: seconds / steps for name, seconds in self._seconds.items()}
        phases["other"] += max(0.0, total - sum(phases.values()))
        self._seconds = dict.fromkeys(PHASES, 0.0)
        self._waited = None if self._waited is None else 0.0
        self._steps, self._begin, self._cpu = 0, now, time.process_time()
        self._garbage = _garbage().seconds
        return total, phases
