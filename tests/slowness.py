"""A case of one file whose ranks train together over gloo, and which is slow for one reason: for tests of diagnosis.

What ends a run, or makes one of four ranks slow, is injected by `tests.faults`; steps that become slow are in
`tests.slow_steps`.
"""

from __future__ import annotations

import gc
import math
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Literal

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from seatrial.arguments import Count, Positive, TrainingArgs
from seatrial.events import Step
from seatrial.rank import announce
from seatrial.spec import Case, Expectations, Recipe
from seatrial.train.timing import StepTimer
from seatrial.train.worker import Worker, start


@dataclass(frozen=True, kw_only=True)
class Args(TrainingArgs):
    """What makes it slow, and whose it is."""

    cause: str = "nothing"
    """One, or several joined by ``+``: ``garbage`` is collected in each step, on one rank; ``precision``: autocast is
    forgotten; ``threads``: one; ``communication``: gradients are reduced three times; ``neighbour``: one takes a rank's
    core; ``attention``: fused kernels are switched off. With ``compiled`` it asks for torch.compile, and nothing is
    wrong; ``uncompiled``: nobody compiles; ``breaks``: its graph breaks; ``again``: each step compiles again, or
    ``gives-up`` after eight times. ``stage``: of a
    pipeline's two stages one computes more."""
    faulty_rank: int = 0
    """Whose it is, where it is one rank's."""
    width: Count = 100_000
    """Numbers in a gradient."""
    size: Count = 64
    """Rows and columns of the matrices of a product; from 512 on eight products are a step's work."""
    seconds: Positive = 0.03
    """Seconds of a step's work."""
    dtype: Literal["fp32", "bf16"] = "bf16"
    """What matrices are multiplied in."""

    def has(self, *causes: str) -> bool:
        """Whether one of these is one of its causes."""
        return not {*causes}.isdisjoint(self.cause.split("+"))

    @property
    def compiles(self) -> bool:
        """Whether it asks for torch.compile."""
        return self.has("compiled", "uncompiled", "breaks", "again", "gives-up")


CASE = Case(
    name="slowness",
    title="Slow for one reason",
    framework="PyTorch, gloo",
    Args=Args,
    recipes=(
        Recipe(
            name="tiny", title="", args=Args(steps=30, global_batch_size=4, log_every=1, checkpoint_every=0),
            processes_per_node=2, expectations=Expectations(loss_decrease=0.1),
        ),
    ),
    program=__file__,
)  # fmt: skip


class Layer(torch.nn.Module):
    """A product, and attention over its rows in four heads."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(size, size, bias=False)
        self.name = ""
        self.looks = False
        """Whether it looks at its numbers, which no graph can."""

    def forward(self, rows: Tensor) -> Tensor:
        """rows: [S, H]. Returns the same shape."""
        rows = self.linear(rows)
        if self.looks and rows.sum() == 7:
            rows = -rows
        if self.name == "none":
            rows = 2 * rows
        heads = rows.unflatten(1, (4, -1)).transpose(0, 1)[None]
        mixed = F.scaled_dot_product_attention(heads, heads, heads, is_causal=True)
        return mixed[0].transpose(0, 1).flatten(1)


def main() -> None:
    """One rank."""
    with start() as worker, ExitStack() as neighbours:
        args = Args(**worker.args)
        layer = Layer(args.size)
        kept = prepare(args, worker, layer, neighbours)
        worker.watch(layer)
        needed = {"all_reduce": 4.0 * args.width} if worker.world_size > 1 else {}
        announce.run_start(
            worker,
            steps=args.steps,
            unit="samples",
            dtype=args.dtype,
            collective_bytes=needed,
            compiled=args.compiles,
            stages=range(2) if args.has("stage") else (),
        )
        timer = StepTimer(worker.device, compiles=args.compiles)
        for step in range(1, args.steps + 1):
            with timer.phase("forward"):
                if args.has("again", "gives-up"):
                    layer.name = f"step {step}"  # what is compiled holds for one name
                work(args, layer)
                if args.has("stage") and worker.rank == args.faulty_rank:
                    compute(args.seconds)
                if kept:
                    gc.collect()
            with timer.phase("backward"), timer.waiting():
                for _ in range(3 if args.has("communication") else 1):
                    dist.all_reduce(torch.ones(args.width))
            timer.step()
            worker.after_step(step)
            log_step(args, worker, timer, step)
        worker.end("completed", args.steps, ranks_agree=True)


def prepare(args: Args, worker: Worker, layer: Layer, neighbours: ExitStack) -> list[list[int]]:
    """What is there before the first step: threads, neighbours, objects that a collector of garbage has to visit."""
    mine = worker.rank == args.faulty_rank
    if args.compiles and not args.has("uncompiled"):
        layer.looks = args.has("breaks")
        layer.compile(backend="eager", dynamic=False)  # its graphs are all real, and no C++ is built
        if args.has("again"):
            torch._dynamo.config.recompile_limit = 1000
    if args.has("threads"):
        torch.set_num_threads(1)
    if args.has("neighbour"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[worker.rank % len(cores)]})
        for _ in range(3 if mine else 0):
            other = subprocess.Popen([sys.executable, "-c", "while True: pass"])  # on the same core
            neighbours.callback(other.wait)
            neighbours.callback(other.kill)
    return [[] for _ in range(600_000 if args.has("garbage") and mine else 0)]


def work(args: Args, layer: Layer) -> None:
    """A step's own work: sleeping, so that it takes as long on a busy machine; or computing."""
    if args.has("neighbour"):
        compute(args.seconds)
    elif args.size < 512:
        time.sleep(args.seconds)
    autocast = args.dtype == "bf16" and not args.has("precision")
    kernels = [SDPBackend.MATH] if args.has("attention") else [SDPBackend.FLASH_ATTENTION, SDPBackend.MATH]
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast), sdpa_kernel(kernels):
        for _ in range(1 if args.size < 512 else 8):
            layer(torch.ones(args.size, args.size))


def compute(seconds: float) -> None:
    """Take so much time of a CPU."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def log_step(args: Args, worker: Worker, timer: StepTimer, step: int) -> None:
    """Write the step's event. A collective."""
    mine = timer.so_far()
    ranks = worker.gather([*mine.values()])
    seconds, phases = timer.collect()
    told = {name: [rank[i] for rank in ranks] for i, name in enumerate(mine)}
    loss = 2.0 / math.sqrt(step)
    worker.emit(Step(step=step, loss=loss, count=args.global_batch_size, seconds=seconds, phases=phases, ranks=told))


if __name__ == "__main__":
    main()
