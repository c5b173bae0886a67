"""Times of an operation, and what they come to over all ranks."""

from __future__ import annotations

import time
from statistics import fmean

import torch

from seatrial.cases.collectives import Args
from seatrial.cases.collectives.operations import IN_PLACE, Operation
from seatrial.checks.collectives.sweep import Row, Timing
from seatrial.forecast import bus
from seatrial.train.worker import Worker

TYPES = {"float32": "float", "bfloat16": "bfloat16", "float16": "half"}
"""torch's names -> nccl-tests'."""


def timed(operation: Operation, warmup: int, iterations: int, device: torch.device) -> list[float]:
    """Seconds of each of this rank's iterations. A collective."""
    found = []
    for _ in range(warmup + iterations):
        begin = time.perf_counter()
        operation.run()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        found.append(time.perf_counter() - begin)
    return found[warmup:]


def row(worker: Worker, args: Args, operation: Operation) -> tuple[Row, list[int]]:
    """A size's row, and how many elements are wrong on each rank. A collective."""
    mine = timed(operation, args.warmup, args.iterations, worker.device)
    wrong = operation.wrong() if args.check else 0
    ranks = worker.gather([float(wrong), *mine])
    seconds = fmean(fmean(rank[1:]) for rank in ranks)  # nccl-tests' -a 1: the mean of the ranks
    name, count = operation.name, operation.ranks.count
    busbw = bus.bandwidth(name, count, operation.size, seconds)
    timing = Timing(
        time_us=seconds * 1e6,
        algbw=busbw / bus.factor(name, count),
        busbw=busbw,
        wrong=sum(int(rank[0]) for rank in ranks) if args.check else None,
        iterations_us=tuple(max(rank[i] for rank in ranks) * 1e6 for i in range(1, args.iterations + 1)),
    )
    in_place = name in IN_PLACE
    made = Row(
        size=operation.size,
        count=operation.elements,
        type=TYPES[args.dtype],
        redop="sum" if "reduce" in name else "none",
        root=0 if name == "broadcast" else -1,
        out_of_place=None if in_place else timing,
        in_place=timing if in_place else None,
    )
    return made, [int(rank[0]) for rank in ranks]
