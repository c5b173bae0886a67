"""Targets that are forecast where they would run, and what is kept of it with a job that starts."""

from __future__ import annotations

import datetime
import importlib.util
import inspect
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial.errors import Problem, UserError

if TYPE_CHECKING:
    from seatrial.cluster import Cluster
    from seatrial.expected import Expected, Faster, Range
    from seatrial.forecast.job import Forecast
    from seatrial.job import Job
    from seatrial.spec import Case, Layout, Recipe
    from seatrial.workload import Workload

MOST_NODES = 10**6
"""Nodes: ten times as many as any training had; a bound of ours."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bound:
    """A target where it would run."""

    case: Case
    recipe: Recipe
    where: Cluster
    layout: Layout
    args: Any
    workload: Workload

    @property
    def label(self) -> str:
        """``case/recipe``."""
        return f"{self.case.name}/{self.recipe.name}"

    @property
    def place(self) -> str:
        """What its nodes are."""
        return self.where.instance_type or f"CPUs of {self.where.name}"

    @property
    def title(self) -> str:
        """All of it, for people."""
        return f"{self.label} on {self.layout.nodes} x {self.place}"

    def forecast(self) -> Forecast:
        """Its memory and the time of its step."""
        from seatrial.fits import memory_of_a_rank

        return _forecast(self.workload, self.where, self.layout, memory_of_a_rank(self.layout, self.where))

    def faster(self) -> tuple[Faster, ...]:
        """Single arguments that would make it faster."""
        return _faster(self.case, self.args, self.layout, self.where)


def bound(
    target: str,
    cluster: str | None,
    instance: str | None,
    *,
    nodes: int | None,
    most: int | None = None,
    processes: int | None,
    settings: Mapping[str, str],
) -> Bound:
    """A target on a cluster of seatrial.toml, or on nodes of a type, of which there may be `most`; a recipe for CPUs on
    this machine, if nobody says more.

    Raises UserError with all problems at once; a job that needs more memory than there is is none.
    """
    from seatrial import catalog
    from seatrial.binding import elsewhere, outline

    if cluster and instance:
        raise UserError(Problem("a cluster has instances of its own", "--instance", "leave --on or --instance out"))
    case, recipe = catalog.recipe(target)
    on_cpus = not (instance or recipe.instance_type) and (most or nodes or recipe.nodes) == 1
    if cluster or on_cpus:
        from seatrial import config, launchers

        where = config.cluster(cluster or launchers.HERE)
    else:
        where = elsewhere(recipe, instance, most or nodes, processes)
    args, layout, workload = outline(case, recipe, where, settings=settings, nodes=nodes, processes_per_node=processes)
    if workload is None:
        what = f"{case.name} says nothing of what its jobs compute"
        raise UserError(Problem(what, target, "seatrial list: cases that train a model"))
    return Bound(case=case, recipe=recipe, where=where, layout=layout, args=args, workload=workload)


def nodes_of(text: str | None) -> tuple[int, ...]:
    """``8`` or ``4..32``: from one to the other, each time twice as many; nothing if nobody says."""
    if text is None:
        return ()
    first, _, last = text.partition("..")
    try:
        low, high = int(first), int(last or first)
    except ValueError:
        raise UserError(Problem(f"{text!r} is neither a number nor a range", "--nodes", "8, or 4..32")) from None
    if not 1 <= low <= high <= MOST_NODES:
        what = f"{text!r} is no range of nodes, from 1 to {MOST_NODES:,}"
        raise UserError(Problem(what, "--nodes", "8, or 4..32"))
    doubled = [low * 2**power for power in range((high // low).bit_length())]
    return tuple(dict.fromkeys([*doubled, high]))


def year() -> float:
    """Now, with its months as a fraction: when a framework that is used today was released at the latest."""
    today = datetime.date.today()
    return today.year + (today.month - 1) / 12


def expected(case: Case, job: Job, where: Cluster) -> Expected | None:
    """Of a job before it starts; None where its case does not say what it computes. Without numpy there is no rate.

    Kept until anything changes that it is made of: numpy alone takes as long to import as a plan takes to be made.
    """
    from seatrial.cache import cached
    from seatrial.expected import Expected
    from seatrial.spec import Layout

    layout = Layout(nodes=job.nodes, processes_per_node=job.processes_per_node, device=job.device)
    args = case.Args(**job.args)
    workload = case.workload(args, layout)
    if workload is None:
        return None
    name = f"expected-{zlib.crc32(f'{job.label} on {where.name}'.encode()):08x}"
    # A checksum: what a cluster's variables hold is to lie in no more files.
    key = zlib.crc32(repr((workload, args, layout, where, *_rests_on(case, layout))).encode())
    return Expected.of(cached(name, key, lambda: asdict(_expected(case, args, workload, layout, where))))


def _rests_on(case: Case, layout: Layout) -> Iterator[Any]:
    """What else changes what is expected of a job: measurements, the time, the case's own code, this processor."""
    from seatrial.cache import PACKAGE, files, folder

    measurements = PACKAGE / "forecast" / "anchors.csv", *sorted((folder() / "forecast").glob("*.json"))
    yield from ([path.name, files(path)] for path in measurements)
    yield year()
    yield importlib.util.find_spec("numpy") is None
    yield files(Path(inspect.getfile(case.Args)))
    if layout.device == "cpu":
        from seatrial.rank.machine import processor

        yield processor()


def _expected(case: Case, args: Any, workload: Workload, layout: Layout, where: Cluster) -> Expected:
    from seatrial.expected import Expected, Range

    length = workload.sequence_length if case.unit == "tokens" else None
    known = Expected(
        step_tokens=workload.global_batch_size * length if length else None,
        memory=_memory(case, workload) if layout.device == "cuda" else None,
    )
    if importlib.util.find_spec("numpy") is None:
        return known
    pace = _forecast(workload, where, layout, None).pace
    if pace is None:
        return known
    rate, accelerators = pace.tokens_per_second, float(pace.step.accelerators)
    whole = rate * accelerators
    each = _most(workload, where) if layout.device == "cuda" else None
    return replace(
        known,
        rate=Range(low=whole.low, expected=whole.expected, high=whole.high, evidence=pace.evidence),
        most=each * accelerators if each else None,
        faster=_faster(case, args, layout, where),
    )


def _forecast(workload: Workload, where: Cluster, layout: Layout, memory: float | None) -> Forecast:
    """Of a job there. `memory` is what a rank may use, in bytes; None: its memory is not asked for."""
    from seatrial.cli import calibration, rates
    from seatrial.forecast.job import forecast

    if layout.device == "cpu":
        there = where, layout, workload.compute
        return forecast(workload, None, memory, year=year(), rates=rates.known(*there) or rates.remedy(*there))
    kind = where.instance_type
    return forecast(workload, kind, memory, year=year(), known=calibration.known() if kind else None)


def _memory(case: Case, workload: Workload) -> Range | None:
    """Of a rank on a GPU; None where a part of it is not known, or nobody will tell it."""
    from seatrial.expected import Range
    from seatrial.forecast.fitting import PEAKS, UNSURE
    from seatrial.forecast.memory import by_stage

    if workload.model is None or case.peak_memory is None:
        return None
    peaks = [float(getattr(one, case.peak_memory)) for one in by_stage(workload)]
    found = PEAKS.get(workload.framework or case.name)
    return Range(
        low=(1 - UNSURE) * min(peaks),
        expected=max(peaks),
        high=(1 + UNSURE) * max(peaks),
        evidence=(found,) if found else (),
    )


def _most(workload: Workload, where: Cluster) -> float | None:
    """Tokens a second of an accelerator that does nothing but products of the best shape; None: nobody measured it."""
    from seatrial.fits import accelerator_of
    from seatrial.forecast.rates import ACHIEVABLE

    length = workload.sample_length or workload.sequence_length
    if where.instance_type is None or workload.model is None or length is None:
        return None
    rate = ACHIEVABLE.get(
        (accelerator_of(where.instance_type).name, "bf16" if workload.compute == "fp16" else workload.compute)
    )
    flops = min(workload.model.flops_per_token(length).values()) * (2 / 3 if workload.frozen else 1)
    return rate / flops if rate else None


def _faster(case: Case, args: Any, layout: Layout, where: Cluster) -> tuple[Faster, ...]:
    """Nothing on CPUs, and where the time of a step is not known."""
    from seatrial.cli.forecast_faster import faster
    from seatrial.fits import memory_of_a_rank
    from seatrial.forecast.places import place

    memory = memory_of_a_rank(layout, where)
    if layout.device == "cpu" or where.instance_type is None or memory is None:
        return ()
    try:
        return faster(case, args, layout, place(where.instance_type), memory)
    except ValueError:
        return ()
