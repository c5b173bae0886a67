"""Logs that were written elsewhere, read as runs: by the same readers that read a framework's log while it trains."""

from __future__ import annotations

import importlib
from collections.abc import Iterable

from seatrial import hardware, launchers
from seatrial.errors import Problem, UserError
from seatrial.events import Event, RunEnd, RunStart, Step
from seatrial.rank.lines import Reader, clean
from seatrial.rank.lines import unreadable as unreadable_lines
from seatrial.spec import Case, Cluster, Device, Job, Recipe

BACKENDS: dict[Device, str] = {"cpu": "gloo", "cuda": "nccl", "neuron": "xla"}


def reader(case: Case, job: Job) -> Reader:
    """The reader of a case's log. Raises UserError if the case has none."""
    if case.log_reader is None:
        remedy = "its programs write events themselves: seatrial report"
        raise UserError(Problem(f"{case.name} prints no metric lines that could be read", remedy=remedy))
    module, _, name = case.log_reader.partition(":")
    made: Reader = getattr(importlib.import_module(module), name)(case.Args(**job.args), job.world_size)
    return made


def elsewhere(recipe: Recipe, instance_type: str | None, nodes: int | None, processes: int | None) -> Cluster:
    """The cluster that a log comes from, as far as it is known. Raises UserError for an unknown instance type."""
    name = instance_type or recipe.instance_type
    ranks = hardware.instance(name).ranks if name else 0
    return Cluster(
        name="elsewhere",
        launcher=launchers.HERE,
        nodes=max(nodes or 1, recipe.nodes),
        cpus_per_node=1,
        accelerators_per_node=ranks,
        processes_per_node=max(ranks, processes or 1, recipe.processes_per_node or 1),
        instance_type=name,
    )


def events(case: Case, job: Job, lines: Iterable[str], end: float) -> list[tuple[float, Event]]:
    """What a log says, with times: the last step was at `end` (Unix seconds), the others as long before as they took.

    Raises UserError if it holds no metric line. How the run ended is known only if its last step is in the log.
    """
    found, unreadable = _read(reader(case, job), lines)
    steps = [event for event in found if isinstance(event, Step)]
    if not steps:
        what = f"no metric line of {case.name} among its lines" if not unreadable else unreadable[0]
        raise UserError(Problem(what, "the log", f"is it a log of {case.framework}?"))
    if unreadable:
        found.append(unreadable_lines(len(unreadable), unreadable[0]))
    planned = int(job.args.get("steps", steps[-1].step))
    if steps[-1].step >= planned:
        found.append(RunEnd(outcome="completed", step=planned))
    moment = end - sum(step.seconds for step in steps)
    timed: list[tuple[float, Event]] = [(moment, _start(case, job, planned, steps[0].step - 1))]
    for event in found:
        moment += event.seconds if isinstance(event, Step) else 0.0
        timed.append((moment, event))
    return timed


def _read(reader: Reader, lines: Iterable[str]) -> tuple[list[Event], list[str]]:
    found: list[Event] = []
    unreadable: list[str] = []
    for raw in lines:
        try:
            found += reader.read(clean(raw))
        except ValueError as error:
            unreadable.append(f"{raw.strip()[:200]!r}: {error}")
    try:
        found += reader.end()
    except ValueError as error:
        unreadable.append(f"the end of the log: {error}")
    return found, unreadable


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
