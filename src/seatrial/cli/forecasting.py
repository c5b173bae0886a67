"""Targets that are forecast where they would run, and what is kept of it with a job that starts."""

from __future__ import annotations

import datetime
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seatrial.errors import Problem, UserError

if TYPE_CHECKING:
    from seatrial.forecast.job import Forecast
    from seatrial.forecast.measured import Rates
    from seatrial.spec import Case, Cluster, Expected, Job, Layout, Recipe
    from seatrial.workload import Workload


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
        from seatrial.cli import calibration
        from seatrial.fits import memory_of_a_rank
        from seatrial.forecast.job import forecast

        memory = memory_of_a_rank(self.layout, self.where)
        if self.layout.device == "cpu":
            return forecast(self.workload, None, memory, year=year(), rates=self._rates())
        kind = self.where.instance_type
        return forecast(self.workload, kind, memory, year=year(), known=calibration.known() if kind else None)

    def _rates(self) -> Rates | str:
        """What was measured of the parts of a step on its CPUs; else what to do for it."""
        from seatrial.cli import rates

        where = self.where, self.layout, self.workload.compute
        return rates.known(*where) or rates.remedy(*where)


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
    from seatrial import catalog, config, launchers
    from seatrial.binding import elsewhere, outline

    if cluster and instance:
        raise UserError(Problem("a cluster has instances of its own", "--instance", "leave --on or --instance out"))
    case, recipe = catalog.recipe(target)
    on_cpus = not (instance or recipe.instance_type) and (most or nodes or recipe.nodes) == 1
    if cluster or on_cpus:
        where = config.cluster(cluster or launchers.HERE)
    else:
        where = elsewhere(recipe, instance, most or nodes, processes)
    args, layout, workload = outline(case, recipe, where, settings=settings, nodes=nodes, processes_per_node=processes)
    if workload is None:
        what = f"{case.name} says nothing of what its jobs compute"
        raise UserError(Problem(what, target, "seatrial list: cases that train a model"))
    return Bound(case=case, recipe=recipe, where=where, layout=layout, args=args, workload=workload)


def year() -> float:
    """Now, with its months as a fraction: when a framework that is used today was released at the latest."""
    today = datetime.date.today()
    return today.year + (today.month - 1) / 12


def expected(case: Case, job: Job, instance_type: str | None) -> Expected | None:
    """Of a training on accelerators; None where nobody can tell, or numpy is not there to compute it."""
    if job.device not in ("cuda", "neuron") or instance_type is None or importlib.util.find_spec("numpy") is None:
        return None
    from seatrial.cli import calibration
    from seatrial.forecast.expectation import expect
    from seatrial.forecast.places import place
    from seatrial.spec import Expected, Layout

    layout = Layout(nodes=job.nodes, processes_per_node=job.processes_per_node, device=job.device)
    workload = case.workload(case.Args(**job.args), layout)
    if workload is None:
        return None
    try:
        found = expect(workload, place(instance_type), year=year(), known=calibration.known())
    except ValueError:
        return None
    rate = found.tokens_per_second * float(found.step.accelerators)
    return Expected(low=rate.low, expected=rate.expected, high=rate.high, evidence=found.evidence)
