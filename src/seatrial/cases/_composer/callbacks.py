"""What hangs in Composer's loop: the log, the norm of the gradients, checkpoints, requests to stop.

Its base classes have no types where types are checked: Composer is not installed there.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from composer import Algorithm, Callback, Event, Logger, State
from composer.callbacks import CheckpointSaver, LRMonitor
from composer.loggers import LoggerDestination
from torch.distributed.tensor import DTensor

from seatrial.rank import announce
from seatrial.train.worker import Worker

COMPLETE = "complete-ba{batch}-rank{rank}"
"""Names of the links that Composer makes when all files of a checkpoint are written. Rank 0's count; it needs a rank
in the name, because each rank first removes the link of that name."""


class Console(LoggerDestination):  # type: ignore[misc]
    """Prints rank 0's metrics as Composer's ConsoleLogger does, but with all digits and a blank line after a block.

    Composer itself rounds to 4 decimals, which hides a learning rate of 1e-5 and most differences between losses.
    """

    def __init__(self, worker: Worker, steps: int, log_every: int) -> None:
        self.worker, self.steps, self.log_every = worker, steps, log_every
        self.metrics: dict[str, Any] = {}

    def log_metrics(self, metrics: dict[str, Any], step: int | None = None) -> None:
        """Keep them until the block is printed."""
        self.metrics.update(metrics)

    def batch_end(self, state: State, logger: Logger) -> None:
        """Print the block of a step that is logged."""
        step = state.timestamp.batch.value
        if not is_logged(step, self.steps, self.log_every):
            return
        metrics, self.metrics = self.metrics, {}
        if self.worker.rank == 0:
            lines = (f"\n\t Train {name}: {_exact(value)}" for name, value in metrics.items())
            print(f"[batch={step}/{self.steps}]:{''.join(lines)}\n", flush=True)


class Clip(Algorithm):  # type: ignore[misc]
    """Clips the global norm of the gradients, as Composer's GradientClipping does, and logs what it was before."""

    def __init__(self, limit: float) -> None:
        self.limit = limit or math.inf

    def match(self, event: Event, state: State) -> bool:
        """After the backward pass of the last micro-batch."""
        return event == Event.AFTER_TRAIN_BATCH

    def apply(self, event: Event, state: State, logger: Logger) -> None:
        """Clip in place."""
        norm = torch.nn.utils.clip_grad_norm_(state.model.parameters(), self.limit)
        whole = norm.full_tensor() if isinstance(norm, DTensor) else norm
        logger.log_metrics({"l2_norm/grad/global": whole})  # left on its device: whoever prints it waits for it


class LearningRate(LRMonitor):  # type: ignore[misc]
    """Logs the learning rate that a step was taken with; Composer's monitor logs the next step's."""

    def after_train_batch(self, state: State, logger: Logger) -> None:
        """The schedule has not moved on yet."""
        super().batch_end(state, logger)

    def batch_end(self, state: State, logger: Logger) -> None:
        """Too late."""


class Measure(Callback):  # type: ignore[misc]
    """Logs the mean seconds of a step since the last block, and the peak of memory."""

    def __init__(self, worker: Worker, steps: int, log_every: int) -> None:
        self.worker, self.steps, self.log_every = worker, steps, log_every
        self.seconds, self.step = 0.0, 0

    def fit_start(self, state: State, logger: Logger) -> None:
        """Time that a checkpoint brings along is not this attempt's."""
        self.seconds, self.step = state.timestamp.total_wct.total_seconds(), state.timestamp.batch.value

    def batch_end(self, state: State, logger: Logger) -> None:
        """Log, before the block is printed."""
        step, seconds = state.timestamp.batch.value, state.timestamp.total_wct.total_seconds()
        if is_logged(step, self.steps, self.log_every):
            name = "peak_allocated_mem" if self.worker.device.type == "cuda" else "peak_resident_mem"
            logger.log_metrics(
                {
                    "time/seconds_per_batch": (seconds - self.seconds) / (step - self.step),
                    f"memory/{name}": self.worker.peak_memory() / 1e9,
                }
            )
            self.seconds, self.step = seconds, step


class Checkpoints(CheckpointSaver):  # type: ignore[misc]
    """Composer's own checkpoints, at regular steps and when the run is asked to stop."""

    def __init__(self, worker: Worker, *, steps: int, every: int, keep: int, log_every: int) -> None:
        self.worker, self.steps, self.every, self.log_every = worker, steps, every, log_every
        self.stopping = False
        super().__init__(
            folder=str(folder(worker)),
            remote_file_name=None,
            latest_filename=COMPLETE,
            latest_remote_file_name=None,
            save_interval=self._is_wanted,
            overwrite=True,
            num_checkpoints_to_keep=keep,
        )
        # Composer forgets at a restart what it saved before, and would keep it for ever.
        self.saved_checkpoints = [_first_file(link(worker, step)) for step in complete(worker)]

    def batch_checkpoint(self, state: State, logger: Logger) -> None:
        """After each step: a sign of life, and what the ranks are asked to do. A collective."""
        step = state.timestamp.batch.value
        self.worker.after_step(step)
        request = self.worker.request() if is_logged(step, self.steps, self.log_every) else None
        if request == "give up":
            self.worker.leave(request, step, saved=False)
        self.stopping = request == "stop"
        saved = self._is_wanted(state, Event.BATCH_CHECKPOINT)
        if saved:
            with announce.saving(self.worker, link(self.worker, step), step):
                super().batch_checkpoint(state, logger)
            self._remove_dead_links()
        if request == "stop" and step < self.steps:
            self.worker.leave(request, step, saved=saved)

    def _is_wanted(self, state: State, event: Event) -> bool:
        step = state.timestamp.batch.value
        regular = self.every and (step % self.every == 0 or step == self.steps)
        return event == Event.BATCH_CHECKPOINT and self.worker.keeps_checkpoints and bool(regular or self.stopping)

    def _remove_dead_links(self) -> None:
        if self.worker.rank == 0:
            for found in _links(self.worker):
                if not found.exists():
                    found.unlink()


def folder(worker: Worker) -> Path:
    """Where checkpoints are."""
    return worker.run / "checkpoints"


def link(worker: Worker, step: int) -> Path:
    """The link to the complete checkpoint of a step."""
    return folder(worker) / COMPLETE.format(batch=step, rank=0)


def complete(worker: Worker) -> list[int]:
    """Steps of complete checkpoints, oldest first."""
    return sorted(int(found.name.split("-")[1].removeprefix("ba")) for found in _links(worker) if found.exists())


def _links(worker: Worker) -> list[Path]:
    return list(folder(worker).glob(COMPLETE.format(batch="*", rank=0)))


def is_logged(step: int, steps: int, log_every: int) -> bool:
    """Whether a step is printed: the first, the last, and each `log_every`-th."""
    return step == 1 or step == steps or step % log_every == 0


def _first_file(found: Path) -> str:
    """The name under which Composer knows a saved checkpoint: its file, or the first one in its folder."""
    target = found.resolve()
    return str(target / "__0_0.distcp" if target.is_dir() else target)


def _exact(value: Any) -> str:
    return repr(value.item() if isinstance(value, torch.Tensor) else value)
