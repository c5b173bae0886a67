"""Where a step's time goes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from seatrial.metrics import PHASES


class StepTimer:
    """Adds up the time of each phase between two calls of `collect`.

    On a GPU the forward and backward passes return before their kernels ran, so phases are bracketed by CUDA events,
    which cost no synchronisation until they are read.
    """

    def __init__(self, device: torch.device) -> None:
        self._cuda = device.type == "cuda"
        self._seconds = dict.fromkeys(PHASES, 0.0)
        self._pending: list[tuple[str, torch.cuda.Event, torch.cuda.Event]] = []
        self._steps = 0
        self._begin = time.perf_counter()
        self._cpu = time.process_time()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count the body's time as phase `name` of seatrial.metrics.PHASES."""
        if self._cuda and name in ("forward", "backward", "optimizer"):
            first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            first.record()
            yield
            last.record()
            self._pending.append((name, first, last))
            return
        begin = time.perf_counter()
        yield
        self._seconds[name] += time.perf_counter() - begin

    def step(self) -> None:
        """One more step is done."""
        self._steps += 1

    def so_far(self) -> dict[str, float]:
        """This rank's own seconds per step: ``data_wait``, ``busy`` (wall) and ``cpu``.

        Call it before the step's last collective, in which a fast rank waits for the slow ones.
        """
        steps = max(1, self._steps)
        return {
            "data_wait": self._seconds["data_wait"] / steps,
            "busy": (time.perf_counter() - self._begin) / steps,
            "cpu": (time.process_time() - self._cpu) / steps,
        }

    def collect(self) -> tuple[float, dict[str, float]]:
        """Seconds per step and their split, both means since the last call; then start anew.

        Waits for the device, so call it where the loss is read anyway.
        """
        if self._pending:
            torch.cuda.synchronize()
            for name, first, last in self._pending:
                self._seconds[name] += first.elapsed_time(last) / 1e3  # ms
            self._pending.clear()
        now = time.perf_counter()
        steps = max(1, self._steps)
        total = (now - self._begin) / steps
        phases = {name: seconds / steps for name, seconds in self._seconds.items()}
        phases["other"] += max(0.0, total - sum(phases.values()))
        self._seconds = dict.fromkeys(PHASES, 0.0)
        self._steps, self._begin, self._cpu = 0, now, time.process_time()
        return total, phases
