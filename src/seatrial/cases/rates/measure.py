"""Measure every part of a step on all ranks at once, so that what they share is in the times."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from statistics import mean, median

import torch
import torch.distributed as dist

from seatrial.cases.rates import Args
from seatrial.cases.rates.parts import AXES, Maker, Part, Shape, copies, shapes
from seatrial.cases.rates.sharding import Sharded
from seatrial.cases.rates.sharding import shapes as units
from seatrial.events import PartTimes, Step, encode
from seatrial.metrics import PHASES
from seatrial.rank import announce
from seatrial.train.parallel import DTYPES
from seatrial.train.worker import Worker, start

Times = dict[str, tuple[float, float]]
"""Part -> seconds forward and backward."""
Round = Callable[[], Times]
FEWEST = 3
"""Rounds that a median is of."""


def main() -> None:
    """Measure, tell, and exit with a code of ExitCode."""
    with start() as worker:
        args = Args(**worker.args)
        torch.manual_seed(worker.rank)
        announce.run_start(worker, steps=args.sweeps, unit="samples", dtype=args.dtype)
        found: dict[str, dict[Shape, list[tuple[float, float]]]] = {}
        for sweep in range(args.sweeps):
            worker.stage(f"sweep {sweep + 1} of {args.sweeps}")
            for shape, once in rounds(worker, args):
                for part, seconds in measured(worker, once, args.seconds).items():
                    found.setdefault(part, {}).setdefault(shape, []).append(seconds)
                worker.alive()
            request = worker.request()
            if request is not None:
                worker.leave("stop", sweep + 1, saved=False)
        for part, times in found.items():
            worker.emit(event(part, times))
        worker.end("completed", args.sweeps)


def rounds(worker: Worker, args: Args) -> Iterator[tuple[Shape, Round]]:
    """Everything that is measured, made when its turn has come."""
    maker = Maker(worker.device, DTYPES[args.dtype])
    for name in AXES:
        for shape in shapes(name, args.largest):
            yield shape, passes(worker, name, copies(maker, name, shape))
    for tensors, numbers in units(args.largest):
        unit = Sharded(tensors, numbers, worker.device, maker.dtype, worker.world_size)
        yield (tensors, numbers), partial(unit.round, partial(now, worker))
    yield (worker.world_size,), partial(host, worker)


def passes(worker: Worker, name: str, parts: Sequence[Part]) -> Round:
    """All forward, then all backward."""

    def once() -> Times:
        begin = now(worker)
        results = [part.run() for part in parts]
        forward = now(worker)
        for part, result in zip(parts, results, strict=True):
            if part.gradient is not None:
                result.backward(part.gradient)
        backward = now(worker)
        for part in parts:
            for tensor in part.inputs:
                tensor.grad = None
        return {name: ((forward - begin) / len(parts), (backward - forward) / len(parts))}

    return once


def host(worker: Worker) -> Times:
    """What a step does beside its parts: its numbers are gathered and told, and a sign of life is given."""
    begin = now(worker)
    ranks = worker.gather([0.0] * 5)
    encode(
        Step(step=1, loss=0.0, count=1, seconds=1.0, phases=dict.fromkeys(PHASES, 0.0), ranks={"cpu": ranks[0]}), begin
    )
    worker.alive()
    return {"host": (now(worker) - begin, 0.0)}


def now(worker: Worker) -> float:
    """Seconds, once the device has done what it was given."""
    if worker.device.type == "cuda":
        torch.cuda.synchronize(worker.device)
    return time.perf_counter()


def measured(worker: Worker, once: Round, least: float) -> Times:
    """Seconds of a round, after one that warms up: a median over at least so long, and the ranks' mean. A collective.

    The median: memory that is touched for the first time takes up to ten times as long, in a round and not in a step.
    The mean: which rank is late is chance, and in each part another's. No step is a sum of the latest.
    """
    begin = time.perf_counter()
    once()
    taken = torch.tensor([time.perf_counter() - begin], dtype=torch.float64)
    dist.all_reduce(taken.to(worker.device), op=dist.ReduceOp.MAX)
    count = max(FEWEST, min(1000, round(least / taken.item())))
    times = [once() for _ in range(count)]
    mine = [median(one[part][way] for one in times) for part in times[0] for way in (0, 1)]
    ranks = worker.gather(mine)
    all_ranks = [mean(values) for values in zip(*ranks, strict=True)]
    return {part: (all_ranks[2 * i], all_ranks[2 * i + 1]) for i, part in enumerate(times[0])}


def event(part: str, times: dict[Shape, list[tuple[float, float]]]) -> PartTimes:
    """Of all sweeps the median."""
    axes = AXES.get(part, ("ranks",) if part == "host" else ("tensors", "numbers"))
    return PartTimes(
        part=part,
        axes=list(axes),
        shapes=[list(shape) for shape in times],
        forward=[median(one[0] for one in seconds) for seconds in times.values()],
        backward=[median(one[1] for one in seconds) for seconds in times.values()],
    )


if __name__ == "__main__":
    main()
