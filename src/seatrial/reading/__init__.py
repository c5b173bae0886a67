"""Logs that were written elsewhere, read as runs: by the same readers that read a framework's log while it trains."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any

from seatrial import loading
from seatrial.binding import bind, elsewhere
from seatrial.errors import Problem, UserError
from seatrial.events import Event, RunStart, Step
from seatrial.hardware import instances
from seatrial.job import Job
from seatrial.rank.lines import Reader
from seatrial.reading import device
from seatrial.reading.foreign import CASES as FOREIGN
from seatrial.reading.foreign import NAMELESS
from seatrial.reading.kinds import batches
from seatrial.reading.log import Anew, Log
from seatrial.reading.recognise import Candidate, find
from seatrial.spec import Case, Expectations, Layout, Recipe

__all__ = ["FOREIGN", "NAMELESS", "anonymous", "events", "job", "reader", "recognise"]


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


def job(
    case: Case,
    recipe: Recipe,
    *,
    settings: Mapping[str, Any] | None = None,
    instance_type: str | None = None,
    nodes: int | None = None,
    processes: int | None = None,
) -> tuple[Job, str | None]:
    """The job that a log is of, and the instance type of its nodes, as far as anybody said. Raises UserError.

    Of a recipe that nobody named nothing is taken but what a reader needs: its model, its layout and the device that it
    is for are another's.
    """
    if recipe.name != NAMELESS:
        where = elsewhere(recipe, instance_type, nodes, processes)
        bound = bind(case, recipe, where, settings=settings, nodes=nodes, processes_per_node=processes)
        return bound, where.instance_type
    ranks = instances.instance(instance_type).ranks if instance_type else 0
    bound = bind(case, recipe, elsewhere(recipe, None, None, None), settings=settings)
    told = (
        "Of its hardware, its batch and its number of ranks is known what the log or the command told. Where they "
        "told no batch, and the lines no times, the time of a step is that of a batch of another size."
    )
    nameless = replace(
        bound,
        device=device.kind(instance_type),
        nodes=nodes or 1,
        processes_per_node=processes or ranks or 1,
        parameters=None,
        flops_per_token={},
        classes=None,
        fidelity="real",
        fidelity_note="",
        notes=(told,),
    )
    return nameless, instance_type


def events(
    case: Case, job: Job, lines: Iterable[str], end: float, instance_type: str | None = None
) -> list[tuple[float, Event]]:
    """What a log says, with times: the last step was at `end` (Unix seconds), the others as long before as they took.

    `instance_type` is that of the nodes which it comes from: MFU is a share of their peak.
    Raises UserError if it holds no metric line. How the run ended is known only if the log shows it: see `Log`.
    """
    log = Log(reader(case, job))
    for batch in batches(lines):
        log.take(batch)
    found = log.end()
    if not log.last:
        what = log.reading.first or f"no metric line of {case.name} among its lines"
        raise UserError(Problem(what, "the log", f"is it a log of {case.framework}?"))
    unchanged = job.recipe == NAMELESS and job.args == asdict(case.recipes[0].args)
    guessed = unchanged and getattr(log.reader, "guessed", False)
    if guessed and (ratio := log.clock.ratio) is not None:
        found = _by_the_clock(found, ratio)
    doubts = (None if guessed else log.clock.finding(), device.contradiction(log.reader, instance_type))
    found[-1:-1] = [doubt for doubt in doubts if doubt is not None]
    return _timed(_start(case, job, log, instance_type), found, end)


def _by_the_clock(found: list[Event | Anew], ratio: float) -> list[Event | Anew]:
    """Steps whose time and batch rest on another's arguments, with those that the times of the lines give.

    What the log tells is their quotient, tokens per second, and that stays.
    """
    return [
        replace(event, seconds=event.seconds * ratio, count=round(event.count * ratio))
        if isinstance(event, Step)
        else event
        for event in found
    ]


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


def _start(case: Case, job: Job, log: Log, instance_type: str | None) -> RunStart:
    known = job.recipe != NAMELESS
    asked = int(job.args.get("steps", log.last)) if known and not log.completed else log.last
    layout = Layout(nodes=job.nodes, processes_per_node=job.processes_per_node, device=job.device)
    workload = case.workload(case.Args(**job.args), layout) if known else None
    peak, source = device.peak(job, log.reader, instance_type, workload.compute if workload else None)
    form = getattr(log.reader, "form", "")
    return RunStart(
        attempt=0,
        start_step=log.before,
        steps=log.reader.total or asked,
        world_size=getattr(log.reader, "ranks", None) or job.world_size,
        device=device.told(job, log.reader, instance_type),
        backend=device.BACKENDS[job.device],
        unit=case.unit,
        parameters=job.parameters,
        peak_flops=peak,
        peak_source=source,
        versions={"log": form} if form else {},
    )
