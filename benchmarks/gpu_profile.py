"""The fsdp trainer with torch.profiler around three of its steps. Started by gpu.py; prints a line of JSON.

argv[1]: layers of the model to keep, 0: all. Shares are of wall time: on a GPU its kernels' time, and the rest is
idle; on a CPU the operators' own time of the main thread and those that it feeds.
"""

from __future__ import annotations

import json
import re
import sys
import time
from dataclasses import replace
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile, schedule

from seatrial.cases.fsdp import train
from seatrial.models import LLAMA

SKIPPED, ACTIVE = 8, 3
TOP = 12
KINDS = {
    "attention": r"flash|fmha|attention|sdpa",
    "communication": r"nccl|all_?gather|reduce_?scatter|all_?reduce",
    "matrix products": r"gemm|cutlass|nvjet|xmma|cublas|aten::(mm|addmm|bmm)\b",
    "optimizer": r"adam|multi_tensor|foreach|vector_norm",
    "copies": r"memcpy|memset|copy|aten::cat|CatArray|split_with_sizes",
}
"""Kind -> pattern of the names of its kernels and operators, tried in this order; all others are elementwise."""
REST = "elementwise, norms, loss and other"


def kind_of(name: str) -> str:
    """What a kernel or operator is for."""
    return next((kind for kind, pattern in KINDS.items() if re.search(pattern, name, re.IGNORECASE)), REST)


class Trace:
    """Profiles some steps of the trainer, which tells it about each step through `log_step`."""

    def __init__(self, cuda: bool) -> None:
        self.cuda = cuda
        activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * cuda
        plan = schedule(wait=SKIPPED, warmup=1, active=ACTIVE, repeat=1)
        self.profiler = profile(activities=activities, schedule=plan, on_trace_ready=self.summarise)
        self.steps = 0
        self.begin = self.wall = 0.0

    def step(self) -> None:
        """The trainer has done one more step."""
        self.steps += 1
        if self.steps == SKIPPED + 1 + ACTIVE:
            self.wall = time.perf_counter() - self.begin  # before the profiler evaluates its records
        self.profiler.step()
        if self.steps == SKIPPED + 1:
            self.begin = time.perf_counter()

    def summarise(self, _: Any) -> None:
        """Print what the profiled steps were made of."""
        wall = self.wall
        times: dict[str, float] = {}
        for event in self.profiler.key_averages():
            on_device = event.device_type != torch.autograd.DeviceType.CPU
            # Annotations such as FSDP's and the profiler's own span the kernels under them: they are no kernels.
            if on_device != self.cuda or event.is_user_annotation or event.key.startswith(("ProfilerStep", "FSDP::")):
                continue
            seconds = (event.self_device_time_total if self.cuda else event.self_cpu_time_total) / 1e6
            times[event.key] = times.get(event.key, 0.0) + seconds
        shares: dict[str, float] = {}
        for name, seconds in times.items():
            shares[kind_of(name)] = shares.get(kind_of(name), 0.0) + seconds / wall
        shares["idle"] = max(0.0, 1.0 - sum(shares.values()))
        largest = sorted(times.items(), key=lambda item: -item[1])[:TOP]
        found = {"shares": shares, "top": [(name, seconds / wall) for name, seconds in largest], "wall": wall}
        print(json.dumps({"profile": found}), flush=True)


def main() -> None:
    """Train as the case's program does."""
    layers = int(sys.argv[1])
    if layers:
        LLAMA.update({name: replace(model, num_layers=layers) for name, model in LLAMA.items()})
    trace = Trace(torch.cuda.is_available())
    log_step = train.log_step

    def logged(*arguments: Any) -> tuple[float, bool]:
        answer = log_step(*arguments)
        trace.step()
        return answer

    train.log_step = logged
    trace.profiler.start()
    train.main()


if __name__ == "__main__":
    main()
