"""What a framework's program tells of itself, beside the metric lines of its log."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from seatrial.events import CheckpointLoaded, CheckpointSaved, RunStart
from seatrial.rank import machine
from seatrial.rank.core import Rank


def run_start(
    worker: Rank,
    *,
    steps: int,
    first_step: int = 0,
    parameters: int | None = None,
    flops_per_token: dict[str, float] | None = None,
    dtype: str = "fp32",
    unit: str = "tokens",
    packages: Iterable[str] = (),
    collective_bytes: Mapping[str, float] | None = None,
    compiled: bool | None = None,
    stages: Sequence[int] = (),
) -> None:
    """Emit RunStart, when the ranks have met and the first step is about to be taken. A collective where there are any.

    `dtype` is what matrices are to be multiplied in, and what the peak is of: ``bf16`` or ``fp32``. `packages` are
    named with their versions besides the pins. `collective_bytes`: what the layout needs, of `Workload`. `compiled`:
    whether the job asks for torch.compile. `stages`: the pipeline stage of each rank, where there are several.
    """
    peak, source = worker.peak_flops(dtype)
    worker.emit(
        RunStart(
            attempt=worker.attempt,
            start_step=first_step,
            steps=steps,
            world_size=worker.world_size,
            device=worker.device_name(),
            backend=worker.backend,
            unit=unit,
            parameters=parameters,
            flops_per_token=flops_per_token or {},
            peak_flops=peak,
            peak_source=source,
            hosts=worker.hosts(),
            versions=worker.versions(packages),
            variables=machine.variables(os.environ),
            dtype=dtype,
            threads=worker.threads(),
            collective_bytes=dict(collective_bytes or {}),
            compiled=compiled,
            stages=list(stages),
        )
    )


@contextlib.contextmanager
def saving(worker: Rank, path: Path, step: int, *, asynchronous: bool = False) -> Iterator[None]:
    """Emit CheckpointSaved if what is inside succeeds; `path` is the checkpoint's file or folder in the run.

    `asynchronous`: it may still be being written, so that its bytes are those that are there by now. Raises
    FileNotFoundError if a checkpoint that should be complete is not there.
    """
    begin = time.perf_counter()
    worker.in_steps = False
    yield
    seconds = time.perf_counter() - begin
    if worker.rank != 0:
        return  # only rank 0's events are kept, and looking at many files costs a shared file system much
    if not asynchronous and not path.exists():
        raise FileNotFoundError(f"the checkpoint of step {step} was not written: {path}")
    written = sum(file.stat().st_size for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file())
    worker.emit(
        CheckpointSaved(
            step=step,
            path=str(path.relative_to(worker.run)),
            bytes=written,
            seconds=seconds,
            stall_seconds=seconds,
            asynchronous=asynchronous,
        )
    )


@contextlib.contextmanager
def loading(worker: Rank, path: Path, step: int, *, world_size: int | None = None) -> Iterator[None]:
    """Emit CheckpointLoaded if what is inside succeeds. `world_size`: of the attempt that wrote it; None: the same."""
    begin = time.perf_counter()
    yield
    worker.emit(
        CheckpointLoaded(
            step=step,
            path=str(path.relative_to(worker.run)),
            seconds=time.perf_counter() - begin,
            world_size=world_size or worker.world_size,
        )
    )
