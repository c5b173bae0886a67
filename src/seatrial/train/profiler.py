"""The profilers of a rank with torch: torch.profiler, and the window that it opens for Nsight Systems."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile, record_function

from seatrial.profiling import Profile
from seatrial.rank.window import STEP

COMPRESSION = 1
"""Of gzip. A trace shrinks to a tenth; the usual 9 would keep the ranks waiting several times as long."""


class TorchRecorder:
    """torch.profiler, whose Chrome trace is written into the run."""

    def __init__(self, wanted: Profile, path: Path, device: torch.device) -> None:
        self._path, self._cuda = path, device.type == "cuda"
        self._prepared = False
        self._range: record_function | None = None
        self._profile = profile(
            activities=[ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if self._cuda else [])],
            record_shapes="shapes" in wanted.traces,
            profile_memory="memory" in wanted.traces,
            with_stack="stack" in wanted.traces,
            with_modules="modules" in wanted.traces,
            with_flops="flops" in wanted.traces,
        )

    def prepare(self) -> None:
        """Set CUPTI up, which takes a second that no step shall be charged."""
        self._profile.prepare_trace()
        self._prepared = True

    def start(self, step: int) -> None:
        """See seatrial.rank.window.Recorder."""
        if not self._prepared:
            self.prepare()
        self._wait()
        self._profile.start_trace()
        self.mark(step)

    def mark(self, step: int) -> None:
        """See seatrial.rank.window.Recorder."""
        self._end_range()
        self._range = record_function(STEP.format(step))
        self._range.__enter__()

    def stop(self) -> str:
        """Write the trace: first beside its place, so that none is found that is not whole."""
        self._wait()  # of the last step every kernel
        self._end_range()
        self._profile.stop_trace()
        self._path.parent.mkdir(exist_ok=True)
        plain, packed = (self._path.with_name(f".{self._path.name}.{end}") for end in ("json", "gz"))
        try:
            self._profile.export_chrome_trace(str(plain))
            with plain.open("rb") as trace, gzip.open(packed, "wb", COMPRESSION) as file:
                shutil.copyfileobj(trace, file, 1 << 20)
            os.replace(packed, self._path)
        finally:
            for path in (plain, packed):
                path.unlink(missing_ok=True)
        return f"{self._path.parent.name}/{self._path.name}"

    def _end_range(self) -> None:
        if self._range is not None:
            self._range.__exit__(None, None, None)

    def _wait(self) -> None:
        if self._cuda:
            torch.cuda.synchronize()


class CudaWindow:
    """Tells Nsight Systems, under which the rank runs, when to record: --capture-range=cudaProfilerApi."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open = False

    def prepare(self) -> None:
        """There is nothing to set up."""

    def start(self, step: int) -> None:
        """See seatrial.rank.window.Recorder."""
        torch.cuda.synchronize()
        torch.cuda.profiler.start()
        self.mark(step)

    def mark(self, step: int) -> None:
        """See seatrial.rank.window.Recorder."""
        self._end_range()
        torch.cuda.nvtx.range_push(STEP.format(step))
        self._open = True

    def stop(self) -> str:
        """nsys writes its report when the rank ends."""
        torch.cuda.synchronize()
        self._end_range()
        torch.cuda.profiler.stop()
        return f"{self._path.parent.name}/{self._path.name}, at the end of the rank"

    def _end_range(self) -> None:
        if self._open:
            torch.cuda.nvtx.range_pop()
