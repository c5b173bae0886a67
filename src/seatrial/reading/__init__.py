"""Logs that were written elsewhere, read as runs: by the same readers that read a framework's log while it trains."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from seatrial import hardware, launchers, loading
from seatrial.errors import Problem, UserError
from seatrial.events import Event, RunStart, Step
from seatrial.rank.lines import Reader
from seatrial.reading.foreign import CASES as FOREIGN
from seatrial.reading.foreign import NAMELESS
from seatrial.reading.log import Anew, Log
from seatrial.reading.recognise import Candidate, find
from seatrial.spec import ELSEWHERE, Case, Cluster, Device, Expectations, Job, Layout, Recipe

__all__ = ["FOREIGN", "NAMELESS", "anonymous", "elsewhere", "events", "nameless", "reader", "recognise"]

BACKENDS: dict[Device, str] = {"cpu": "gloo", "cuda": "nccl", "neuron": "xla"}

BATCH = 2000
"""Lines that are looked through at once for words that only few lines hold."""


def reader(case: Case, job: Job) -> Reader:
    """The reader of a case's log. Raises UserError if the case has none."""
    if case.log_reader is None:
        remedy = "its programs write events themselves: seatrial report"
        raise UserError(Problem(f"{case.name} prints no metric lines that could be read", remedy=remedy))
    return _made(case, case.Args(**job.args), job.world_size)


def _made(case: Case, args: Any, world_size: int) -> Reader:
    assert case.log_reader is not None
    module, _, name = case.log_reader.partition(":")
    with loading.guarded(loading.origin(module), case.log_reader, f"repair the log_reader of {case.name}"):
        made: Reader = getattr(importlib.import_module(module), name)(args, world_size)
    return made


def recognise(cases: Iterable[Case], lines: Iterable[str]) -> Case:
    """The case of `cases` whose log it is. Raises UserError with what was looked for."""
    return find([Candidate(case, _made(case, case.recipes[0].args, 1)) for case in cases if case.log_reader], lines)


def anonymous(recipe: Recipe) -> Recipe:
    """What is known of a recipe that nobody named: nothing is expected of it."""
    return replace(recipe, name=NAMELESS, title="a log, its recipe unknown", expectations=Expectations(), published=())


def nameless(job: Job) -> Job:
    """The job of such a recipe, without the arguments and the model that are another's."""
    return replace(job, args={}, parameters=None, flops_per_token={}, fidelity="real", fidelity_note="", notes=())


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
    Raises UserError if it holds no metric line. How the run ended is known only if the log shows it: see `Log`.
    """
    log = Log(reader(case, job))
    for batch in _batches(lines):
        log.take(batch)
    found = log.end()
    if not log.last:
        what = log.reading.first or f"no metric line of {case.name} among its lines"
        raise UserError(Problem(what, "the log", f"is it a log of {case.framework}?"))
    asked = log.last if log.completed or job.recipe == NAMELESS else int(job.args.get("steps", log.last))
    steps = log.reader.total or asked
    peak, source = _peak(case, job, instance_type)
    start = replace(
        _start(case, job, steps, log.before),
        world_size=getattr(log.reader, "ranks", None) or job.world_size,
        peak_flops=peak,
        peak_source=source,
        versions={"log": form} if (form := getattr(log.reader, "form", "")) else {},
    )
    return _timed(start, found, end)


def _batches(lines: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(lines)
    while batch := [line.rstrip("\n") for line in islice(rest, BATCH)]:
        yield batch


def _timed(start: RunStart, found: list[Event | Anew], end: float) -> list[tuple[float, Event]]:
    """The events with their times. A line stands for the steps since the one before it."""
    moment, done = 0.0, start.start_step
    timed: list[tuple[float, Event]] = [(moment, start)]
    for event in found:
        if isinstance(event, Anew):
            start, done = replace(start, attempt=start.attempt + 1, start_step=event.done), event.done
            timed.append((moment, start))
            continue
        if isinstance(event, Step):
            moment += max(event.step - done, 0) * event.seconds
            done = event.step
        timed.append((moment, event))
    return [(end - moment + after, event) for after, event in timed]


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
