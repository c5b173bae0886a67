"""The forecast of a job: what it needs and gives, part by part, and why a part is not known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from seatrial.forecast.expectation import Evidence, Expectation, expect
from seatrial.forecast.fitting import Change, Fit, changes, fit
from seatrial.forecast.memory import Memory, by_stage
from seatrial.forecast.places import place
from seatrial.forecast.step import step
from seatrial.forecast.traffic import Place
from seatrial.hardware import instances
from seatrial.workload import Workload

if TYPE_CHECKING:
    from seatrial.forecast.measured import Rates


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """Parts that are None are not known; `unknown` says why."""

    workload: Workload
    fit: Fit | None
    """Of the rank that decides."""
    stages: tuple[Memory, ...]
    """Of a rank of each pipeline stage."""
    changes: tuple[Change, ...] = ()
    """What would make it fit, where it does not fit well."""
    pace: Expectation | None
    """The step by component, and the rate with its interval."""
    unknown: Mapping[str, str] = field(default_factory=dict)
    """Part -> why nothing is said of it."""


def forecast(
    workload: Workload, instance_type: str | None, memory: float | None, *, year: float, known: Evidence | None = None,
    rates: Rates | str | None = None,
) -> Forecast:  # fmt: skip
    """Of a workload on instances of that type; None: on CPUs, or on what nobody named.

    `memory` is what one rank may use, in bytes; None: not known. `year` is that of the framework's release, with its
    months as a fraction. `known`: measurements that it rests on; None: the published ones. `rates`: what the parts of a
    step take on those CPUs, or how to find out.
    """
    on_gpu = instance_type is not None
    unknown: dict[str, str] = {}
    found = fit(workload, memory, on_gpu=on_gpu) if memory is not None else None
    if found is None:
        unknown["memory"] = "what a rank may use is not known: the cluster names no instance type and no memory"
    pace, where = None, None
    try:
        if instance_type is None:
            pace = _on_processors(workload, rates)
        else:
            where = place(instance_type)
            pace = expect(workload, where, year=year, known=known)
    except ValueError as error:
        unknown["time"] = str(error)
    return Forecast(
        workload=workload,
        fit=found,
        stages=by_stage(workload, on_gpu=on_gpu),
        changes=_changes(workload, found, where, pace, on_gpu=on_gpu),
        pace=pace,
        unknown=unknown,
    )


def _on_processors(workload: Workload, rates: Rates | str | None) -> Expectation:
    """ValueError, with what is not known."""
    if rates is None or isinstance(rates, str):
        raise ValueError(f"the rates of its processors are not known{f': {rates}' if rates else ''}")
    from seatrial.forecast import processors

    return processors.expect(workload, rates)


def _changes(
    workload: Workload, found: Fit | None, where: Place | None, pace: Expectation | None, *, on_gpu: bool
) -> tuple[Change, ...]:
    if found is None or found.verdict not in ("tight", "does not fit"):
        return ()

    def price(changed: Workload) -> float:
        """Seconds that a step takes longer, by the model alone."""
        assert where is not None and pace is not None
        return float(step(changed, where).seconds) - float(pace.step.seconds)

    return tuple(changes(workload, found.available, on_gpu=on_gpu, price=price if where and pace else None))


def accelerators(workload: Workload, instance_type: str) -> float:
    """Accelerators that a workload's ranks take there."""
    degrees, instance = workload.degrees, instances.instance(instance_type)
    ranks = degrees.tensor * degrees.pipeline * degrees.context * degrees.data
    return ranks * instance.accelerators / instance.ranks
