"""Where a step's time goes, on a GPU too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from seatrial.rank import timing
from seatrial.rank.clocks import Clocks, load
from seatrial.train import compiler


class StepTimer(timing.StepTimer):
    """Adds up the time of each phase between two calls of `collect`.

    On a GPU the forward and backward passes return before their kernels ran, so phases are bracketed by CUDA events,
    which cost no synchronisation until they are read. `compiles`: the job asks for torch.compile, on all ranks.
    """

    def __init__(self, device: torch.device, *, compiles: bool = False) -> None:
        super().__init__()
        self._compiles = compiles
        self._compiled = compiler.seconds()
        self._cuda = device.type == "cuda"
        self._clocks = Clocks(_uuid(device), load()) if self._cuda else None
        self._pending: list[tuple[str, torch.cuda.Event, torch.cuda.Event]] = []

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count the body's time as phase `name` of seatrial.metrics.PHASES."""
        if not (self._cuda and name in ("forward", "backward", "optimizer")):
            with super().phase(name):
                yield
            return
        first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        first.record()
        yield
        last.record()
        self._pending.append((name, first, last))

    def so_far(self) -> dict[str, float]:
        """The same as on a CPU; of a GPU that holds its clocks down now also ``throttled``, all of its time, else 0;
        ``compile`` of a job that asks for it."""
        told = super().so_far()
        if self._compiles:
            told["compile"] = (compiler.seconds() - self._compiled) / max(1, self._steps)
        return told if self._clocks is None else told | {"throttled": told["busy"] * self._clocks.held_down()}

    def collect(self) -> tuple[float, dict[str, float]]:
        """Seconds per step and their split, both means since the last call; then start anew.

        Waits for the device, so call it where the loss is read anyway.
        """
        if self._pending:
            torch.cuda.synchronize()
            for name, first, last in self._pending:
                self._seconds[name] += first.elapsed_time(last) / 1e3  # ms
            self._pending.clear()
        self._compiled = compiler.seconds()
        return super().collect()


def _uuid(device: torch.device) -> str:
    """As nvidia-smi has it; older versions of torch do not tell."""
    return f"GPU-{getattr(torch.cuda.get_device_properties(device), 'uuid', 'unknown')}"
