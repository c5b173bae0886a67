"""Logs that were written elsewhere, read as runs: by the same readers that read a framework's log while it trains."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import replace

from seatrial import hardware, launchers, loading
from seatrial.errors import Problem, UserError
from seatrial.events import Event, RunEnd, RunStart, Step
from seatrial.rank.lines import Reader, Reading
from seatrial.spec import ELSEWHERE, Case, Cluster, Device, Job, Layout, Recipe

BACKENDS: dict[Device, str] = {"cpu": "gloo", "cuda": "nccl", "neuron": "xla"}


def reader(case: Case, job: Job) -> Reader:
    """The reader of a case's log. Raises UserError if the case has none."""
    if case.log_reader is None:
        remedy = "its programs write events themselves: seatrial report"
        raise UserError(Problem(f"{case.name} prints no metric lines that could be read", remedy=remedy))
    module, _, name = case.log_reader.partition(":")
    with loading.guarded(loading.origin(module), case.log_reader, f"repair the log_reader of {case.name}"):
        made: Reader = getattr(importlib.import_module(module), name)(case.Args(**job.args), job.world_size)
    return made


def elsewhere(recipe: Recipe, instance_type: str | None, nodes: int | None, processes: int | None) -> Cluster:
    """The cluster that a log comes from, as far as it is known. Raises UserError for an unknown instance type."""
    name = instance_type or recipe.instance_type
    ranks = hardware.instance(name).ranks if name else 0
    return Cluster(
        name=ELSEWHERE,
        launcher=launchers.HERE,
        nodes=max(nodes or 1, recipe.nodes),
        cpus_per_node=1,
        accelerators_per_node=ranks,
        processes_per_node=max(ranks, processes or 1, recipe.processes_per_node or 1),
        instance_type=name,
    )


def events(
    case: Case, job: Job, lines: Iterable[str], end: float, instance_type: str | None = None
) -> list[tuple[float, Event]]:
    """What a log says, with times: the last step was at `end` (Unix seconds), the others as long before as they took.

    `instance_type` is that of the nodes which it comes from: MFU is a share of their peak.
    Raises UserError if it holds no metric line. How the run ended is known only if its last step is in the log.
    """
    log = Reading(reader(case, job))
    found = [event for raw in lines for event in log.line(raw)] + [*log.end()]
    steps = [event for event in found if isinstance(event, Step)]
    if not steps:
        what = log.first or f"no metric line of {case.name} among its lines"
        raise UserError(Problem(what, "the log", f"is it a log of {case.framework}?"))
    planned = int(job.args.get("steps", steps[-1].step))
    if steps[-1].step >= planned:
        found.append(RunEnd(outcome="completed", step=planned))
    start = _start(case, job, planned, _steps_before(steps))
    peak, source = _peak(case, job, instance_type)
    return _timed(replace(start, peak_flops=peak, peak_source=source), found, end)


def _timed(start: RunStart, found: list[Event], end: float) -> list[tuple[float, Event]]:
    """The events with their times. A line stands for the steps since the one before it."""
    moment, done = 0.0, start.start_step
    timed: list[tuple[float, Event]] = [(moment, start)]
    for event in found:
        if isinstance(event, Step):
            moment += (event.step - done) * event.seconds
            done = event.step
        timed.append((moment, event))
    return [(end - moment + after, event) for after, event in timed]


def _steps_before(steps: list[Step]) -> int:
    """Steps that were done before the log began, if it is a line every so many steps from there on."""
    every = steps[1].step - steps[0].step if len(steps) > 1 else 1
    return max(steps[0].step - every, 0)


def _start(case: Case, job: Job, steps: int, first_step: int) -> RunStart:
    return RunStart(
        attempt=0,
        start_step=first_step,
        steps=steps,
        world_size=job.world_size,
        device=f"{job.device} (as the command said)",
        backend=BACKENDS[job.device],
        unit=case.unit,
        parameters=job.parameters,
    )


def _peak(case: Case, job: Job, instance_type: str | None) -> tuple[float | None, str]:
    """Dense peak FLOP/s of a rank at what the job multiplies matrices in, and who says so; None and why if unknown."""
    layout = Layout(nodes=job.nodes, processes_per_node=job.processes_per_node, device=job.device)
    workload = case.workload(case.Args(**job.args), layout)
    name = hardware.instance(instance_type).accelerator if instance_type else None
    if job.device == "cpu":
        return None, "unknown"
    if name is None or workload is None:
        return None, "unknown: a log does not tell its hardware, and none was named"
    found = hardware.accelerator(name)
    peak = found.peak_flops.get(workload.compute)
    if peak is None:
        return None, f"unknown: no {workload.compute} peak for {found.name} in the hardware table"
    return peak / found.ranks_per_accelerator, f"{found.name}, dense {workload.compute}: {found.source}"
