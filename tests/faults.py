"""A case of one file whose ranks train together over gloo, and in which something goes wrong: for tests of diagnosis.

Each rank has a gradient of its own; they are averaged by an all-reduce that the program calls itself, so that it can
tell how long it waited for the others. What goes wrong, on which rank and at which step, are its arguments.
"""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from dataclasses import dataclass
from typing import Literal, get_args

import torch
import torch.distributed as dist

from seatrial.arguments import Count, Positive, TrainingArgs
from seatrial.events import Step
from seatrial.rank import announce
from seatrial.spec import Case, Expectations, Recipe
from seatrial.train.timing import StepTimer
from seatrial.train.worker import Worker, start

Fault = Literal[
    "none", "absent", "skip", "shape", "nan", "kill", "disk", "loader", "slow", "error", "abort", "imbalance", "oom"
]
FAULTS: tuple[Fault, ...] = get_args(Fault)


@dataclass(frozen=True, kw_only=True)
class Args(TrainingArgs):
    """What goes wrong, where and when."""

    fault: Fault = "none"
    """A rank never comes to a collective, leaves one out, or gives more numbers than the others; has a loss that is not
    a number; is killed; meets a full disk; waits for its data; is slow; raises; aborts; has more to compute; takes
    memory until it is killed."""
    faulty_rank: int = 0
    """Whose fault it is."""
    fault_step: Count = 5
    """Step of the fault; what makes a run slow goes on from there."""
    width: Count = 1000
    """Numbers in a gradient."""
    seconds: Positive = 0.02
    """Seconds of a step's work."""


ARGS = Args(steps=30, global_batch_size=4, log_every=1, checkpoint_every=0)
CASE = Case(
    name="faults",
    title="Something goes wrong",
    framework="PyTorch, gloo",
    Args=Args,
    recipes=(
        Recipe(name="tiny", title="", args=ARGS, processes_per_node=4, expectations=Expectations(loss_decrease=0.1)),
    ),
    program=__file__,
)


def main() -> None:
    """One rank."""
    with start() as worker:
        args = Args(**worker.args)
        announce.run_start(worker, steps=args.steps, unit="samples")
        timer = StepTimer(worker.device)
        for step in range(1, args.steps + 1):
            fault = args.fault if worker.rank == args.faulty_rank and step >= args.fault_step else "none"
            now = fault if step == args.fault_step else "none"
            with timer.phase("data_wait"):
                time.sleep(4 * args.seconds if fault == "loader" else 0.0)
            with timer.phase("forward"):
                work(args, fault)
                happen(now)
            with timer.phase("backward"):
                exchange(args, timer, now)
            timer.step()
            worker.alive()
            log_step(args, worker, timer, step, math.nan if now == "nan" else 2.0 / step)
            request = worker.request()
            if request:
                worker.leave(request, step, saved=False)
        worker.end("completed", args.steps, ranks_agree=True)


def work(args: Args, fault: Fault) -> None:
    """A step's own work: sleeping, so that it takes as long on a busy machine, or computing."""
    time.sleep(args.seconds * (4 if fault == "slow" else 1))
    end = time.process_time() + (4 * args.seconds if fault == "imbalance" else 0.0)
    while time.process_time() < end:
        pass


def happen(fault: Fault) -> None:
    """What goes wrong outside of a collective."""
    if fault == "absent":
        threading.Event().wait()
    if fault == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if fault == "abort":
        os.abort()
    if fault == "oom":
        taken = [b"1" * 2**24 for _ in range(256)]  # 4 GiB, each page written
        raise RuntimeError(f"{len(taken)} x 16 MiB were no problem: no memory cgroup has a limit here")
    if fault == "error":
        raise ValueError("no such column: text")
    if fault == "disk":
        with open("/dev/full", "wb", buffering=0) as file:  # a real refusal of the kernel's
            file.write(b"0" * 512)


def exchange(args: Args, timer: StepTimer, fault: Fault) -> None:
    """Average a gradient over all ranks. A collective."""
    if fault == "skip":
        return
    gradient = torch.ones(args.width * (3 if fault == "shape" else 1))
    with timer.waiting():
        dist.all_reduce(gradient)


def log_step(args: Args, worker: Worker, timer: StepTimer, step: int, loss: float) -> None:
    """Write the step's event. A collective."""
    mine = timer.so_far()
    ranks = worker.gather([loss, *mine.values()])
    seconds, phases = timer.collect()
    told = {name: [rank[i] for rank in ranks] for i, name in enumerate(mine, start=1)}
    mean = sum(rank[0] for rank in ranks) / worker.world_size
    worker.emit(Step(step=step, loss=mean, count=args.global_batch_size, seconds=seconds, phases=phases, ranks=told))


if __name__ == "__main__":
    main()
