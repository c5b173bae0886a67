"""Sweep collective operations over sizes, or search for what makes them slow or wrong. Reads from top to bottom."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import fmean

import torch

from seatrial.cases.collectives import Args, names
from seatrial.cases.collectives.measure import row
from seatrial.cases.collectives.operations import Operation, Ranks
from seatrial.cases.collectives.search import search
from seatrial.checks.collectives import baselines, judging, rules, telling
from seatrial.checks.collectives.fit import of_sweep
from seatrial.checks.collectives.sweep import Sweep, sizes
from seatrial.checks.collectives.writing import Setting, program, to_json, to_text
from seatrial.checks.profile import detect
from seatrial.findings import Finding, Verdict
from seatrial.rank import announce
from seatrial.train.worker import Worker, start

FOLDER = "collectives"
"""Of the run, with a text and a JSON of each operation."""


def main() -> None:
    """Measure, judge, and exit with a code of ExitCode."""
    with start() as worker:
        args = Args(**worker.args)
        operations = ["all_reduce"] if args.search else names(args.operations)
        steps = 1 if args.search else len(operations) * len(planned(args))
        announce.run_start(worker, steps=steps, unit="samples")
        worker.stage("measure")
        if args.search:
            worker.emit(search(worker, args))
        else:
            unjudged = [
                not sweep_one(worker, args, name, number * len(planned(args))) for number, name in enumerate(operations)
            ]
            if any(unjudged):
                observed = f"nothing is known of gloo on CPUs such as these; to judge them, {judging.RECORD}"
                worker.emit(rules.SPEED.finding(Verdict.SKIP, observed))
        worker.end("completed", steps)


def planned(args: Args) -> list[int]:
    """All sizes, from the smallest."""
    return sizes(args.min_bytes, args.max_bytes, by_factor=args.step_factor)


def sweep_one(worker: Worker, args: Args, name: str, done: int) -> bool:
    """Measure one operation, write its files, judge it. Whether its speed could be. A collective."""
    started = now()
    ranks = Ranks(worker.rank, worker.world_size)
    sweep = Sweep(
        tool="torch.distributed",
        operation=name,
        ranks=worker.world_size,
        hosts=tuple(worker.hosts()),
        planned=len(planned(args)),
        checked=args.check,
        versions={key: value for key, value in worker.versions().items() if key in ("torch", "nccl", "cuda")},
    )
    wrong_by_rank = [0] * worker.world_size
    for size in planned(args):
        operation = Operation.of(name, size, getattr(torch, args.dtype), worker.device, ranks)
        made, wrong = row(worker, args, operation)
        sweep.rows.append(made)
        wrong_by_rank = [a + b for a, b in zip(wrong_by_rank, wrong, strict=True)]
        worker.alive()
        done += 1
        request = worker.request()
        if request is not None:
            worker.leave("stop", done, saved=False)
    sweep.out_of_bounds, sweep.concluded = sum(wrong_by_rank), True
    sweep.average = fmean(row.main.busbw for row in sweep.rows if row.main)
    pids = [int(rank[0]) for rank in worker.gather([float(os.getpid())])]
    if worker.rank != 0:
        return True
    write(worker, args, sweep, pids, started)
    own = baselines.own(worker.run.parent / baselines.FILE)
    told = telling.event(sweep, instance_type(worker), own)
    if told is not None:
        worker.emit(told)
    speed = [*speeds(worker, sweep, own)]
    for finding in (*data(sweep, wrong_by_rank), *speed, line(sweep)):
        observed, evidence = f"{name}: {finding.observed}", f"{FOLDER}/{program(name)}.txt"
        worker.emit(replace(finding, observed=observed, evidence=evidence))
    return bool(speed)


def instance_type(worker: Worker) -> str:
    """Of this rank's node, or its device where it is no EC2 instance."""
    return detect().name or worker.device_name()


def now() -> str:
    """Local time, as nccl-tests writes it."""
    return time.strftime("%Y-%m-%d %H:%M:%S")


def write(worker: Worker, args: Args, sweep: Sweep, pids: list[int], started: str) -> None:
    """The operation's text and JSON."""
    setting = Setting(
        min_bytes=args.min_bytes,
        max_bytes=args.max_bytes,
        step_factor=args.step_factor,
        warmup=args.warmup,
        iterations=args.iterations,
        validation=args.check,
        pids=pids,
        device=worker.device_name(),
        instance_type=instance_type(worker),
        started=started,
        ended=now(),
    )
    folder = worker.run / FOLDER
    folder.mkdir(exist_ok=True)
    (folder / f"{program(sweep.operation)}.txt").write_text(to_text(sweep, setting), encoding="utf-8")
    (folder / f"{program(sweep.operation)}.json").write_text(to_json(sweep, setting), encoding="utf-8")


def data(sweep: Sweep, wrong_by_rank: list[int]) -> Iterator[Finding]:
    """Are the elements right, and if not, on which ranks."""
    where = [f"rank {rank} on {sweep.hosts[rank]}" for rank, wrong in enumerate(wrong_by_rank) if wrong]
    for finding in judging.data(rules.DATA, sweep):
        yield replace(finding, observed=f"{finding.observed} ({', '.join(where[:8])})") if where else finding


def speeds(worker: Worker, sweep: Sweep, own: Sequence[baselines.Baseline]) -> Iterator[Finding]:
    """Is it as fast as it should be. Nothing on CPUs without a baseline: a laptop is not asked to be a cluster."""
    for finding in judging.speed(rules.SPEED, sweep, instance_type(worker), own):
        if finding.verdict is not Verdict.UNKNOWN or worker.device.type != "cpu":
            yield finding


def line(sweep: Sweep) -> Finding:
    """Latency and bandwidth that it comes to."""
    found, scope = of_sweep(sweep), judging.scope_of(sweep)
    if found is None:
        observed = "too few sizes, or times that do not grow with the size"
        return rules.LINE.finding(Verdict.SKIP, observed, scope=scope)
    told = f"{found.alpha_us:.4g} us and {found.beta_gbps:.4g} GB/s on the bus"
    observed = f"{told}; at the size that is furthest from it by {found.furthest:.0%}"
    return rules.LINE.finding(
        Verdict.PASS, observed, scope=scope | {"alpha_us": found.alpha_us, "beta_gbps": found.beta_gbps}
    )


if __name__ == "__main__":
    main()
