"""Collect the facts around this rank, gather those of all, and say what is wrong. Reads from top to bottom."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from typing import Any

import torch
import torch.distributed as dist

from seatrial.cases.env import Args
from seatrial.checks.environment import clocks, collectives, framework, system
from seatrial.checks.environment.comparing import EVIDENCE
from seatrial.checks.environment.facts import Collector, Facts
from seatrial.checks.environment.judging import Expected, judge
from seatrial.rank import announce
from seatrial.train.worker import Worker, start

SETTLING = 4
"""Barriers before those that count: the first ones make connections."""


def main() -> None:
    """Look, and exit with a code of ExitCode."""
    environ = dict(os.environ)  # before the worker chooses what nobody has set
    with start() as worker:
        args = Args(**worker.args)
        announce.run_start(worker, steps=1, unit="samples")
        worker.stage("collect facts")
        found = collect(worker, environ)
        worker.stage("verify collectives")
        verify(worker, args.elements, found)
        worker.stage("compare clocks")
        host = dist.new_group(backend="gloo")
        entered, left = barriers(args.barriers, host)
        facts = Facts(
            rank=worker.rank,
            local_rank=worker.local_rank,
            host=socket.gethostname(),
            values=found.values,
            problems=found.problems,
        )
        everyone = gather((facts.to_json(), entered, left), worker, host)
        if worker.rank == 0:
            report(worker, args, everyone)
        worker.end("completed", 1)


def collect(worker: Worker, environ: Mapping[str, str]) -> Collector:
    """What is around this process, and of the first one on a node what is around all of them."""
    found = Collector()
    system.of_process(found, environ)
    framework.collect(found, worker.device)
    if worker.local_rank == 0:
        system.of_node(found, worker.run / "checkpoints")
    return found


def verify(worker: Worker, elements: int, found: Collector) -> None:
    """Notes how many elements were wrong in an all-reduce and an all-to-all, over every backend. A collective."""
    devices = {"gloo": torch.device("cpu"), "nccl": worker.device}
    rank, size = worker.rank, worker.world_size
    for backend in collectives.backends(worker.device_kind):
        device = devices[backend]
        group = dist.new_group(backend=backend)
        numbers = (rank + 1) * torch.arange(1, elements + 1, dtype=torch.int64, device=device)
        dist.all_reduce(numbers, group=group)
        expected = torch.tensor(collectives.reduced(elements, size), device=device)
        found.values[collectives.fact("all-reduce", backend)] = int((numbers != expected).sum())
        mine = torch.tensor(collectives.sent(elements, rank, size), device=device)
        theirs = torch.empty_like(mine)
        dist.all_to_all_single(theirs, mine, group=group)
        expected = torch.tensor(collectives.received(elements, rank, size), device=device)
        found.values[collectives.fact("all-to-all", backend)] = int((theirs != expected).sum())
        worker.alive()


def barriers(count: int, group: Any) -> tuple[list[float], list[float]]:
    """Unix seconds at which this rank entered and left each barrier. A collective."""
    entered, left = [], []
    token = torch.zeros(1)
    for number in range(SETTLING + count):
        before = time.time()
        dist.all_reduce(token, group=group)  # its result needs all ranks, so that it is a barrier
        after = time.time()
        if number >= SETTLING:
            entered.append(before)
            left.append(after)
    return entered, left


def gather(mine: Any, worker: Worker, group: Any) -> list[Any]:
    """What every rank gave, by rank; on rank 0, and nothing elsewhere. A collective."""
    everyone: list[Any] | None = [None] * worker.world_size if worker.rank == 0 else None
    dist.gather_object(mine, everyone, dst=0, group=group)
    return everyone or []


def report(worker: Worker, args: Args, everyone: list[Any]) -> None:
    """Keep the facts, and say what follows from them."""
    texts, entered, left = zip(*everyone, strict=True)
    (worker.run / EVIDENCE).write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    ranks = [Facts.from_json(text) for text in texts]
    expected = Expected(
        device=worker.device_kind,
        world_size=worker.world_size,
        per_node=worker.processes_per_node,
        keeps_checkpoints=worker.keeps_checkpoints,
        free_bytes=args.free_gib * 2**30,
        pins=dict(text.split("==") for text in args.pins.split(",") if text),
    )
    for finding in (*judge(ranks, expected), *clocks.judge(ranks, clocks.skews(entered, left))):
        worker.emit(finding)


if __name__ == "__main__":
    main()
