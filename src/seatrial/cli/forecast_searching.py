"""seatrial forecast TARGET --search: which arguments and how many nodes, by what the case lets one choose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, get_args, get_type_hints

from seatrial.errors import UserError

if TYPE_CHECKING:
    from seatrial.cluster import Cluster
    from seatrial.forecast.job import Forecast
    from seatrial.forecast.search import Answer, Found, Space
    from seatrial.spec import Case, Recipe
    from seatrial.workload import Workload

Minimise = Literal["time", "cost"]
ARGUMENTS = {
    "tensor": "tensor_parallel",
    "pipeline": "pipeline_parallel",
    "virtual_stages": "virtual_pipeline",
    "context": "context_parallel",
    "expert": "expert_parallel",
    "micro_batch": "micro_batch_size",
    "recompute": "recompute",
}
"""Field of a Space -> the argument by which a case lets one choose it, if it has one of that name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """A layout that the case takes, with its forecast."""

    nodes: int
    settings: Mapping[str, str]
    """By which it is chosen, as `--set` takes them: those that are not the recipe's own."""
    forecast: Forecast
    seconds: float
    """Of a step, as expected."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """What a search came to."""

    answer: Answer
    choices: tuple[Choice, ...]
    refused: int
    """Layouts among the best that the case itself refuses."""


def space_of(args: Any, workload: Workload, nodes: tuple[int, ...]) -> Space:
    """What of a layout the case's arguments let one choose; the rest stays as it is."""
    from seatrial.forecast.search import Space, choices

    hints, own = get_type_hints(type(args)), choices(workload)
    fixed = {name: (value,) for name, value in own.items() if ARGUMENTS[name] not in hints}
    if "recompute" not in fixed and get_args(hints["recompute"]) != ("none", "selective", "full"):
        fixed["recompute"] = (own["recompute"],)  # a switch says less than what a workload tells apart
    return Space(nodes=nodes, **fixed)


def choose(
    case: Case,
    recipe: Recipe,
    where: Cluster,
    answer: Answer,
    settings: Mapping[str, str],
    *,
    per_node: int,
    year: float,
    minimise: Minimise,
    count: int,
) -> Chosen:
    """Of the best layouts those that the case takes, with their forecasts, in the order of these."""
    from seatrial.binding import outline
    from seatrial.cli import calibration
    from seatrial.fits import memory_of_a_rank
    from seatrial.forecast.job import forecast

    choices, refused, known = [], 0, calibration.known()
    for found in answer.best:
        asked = {**settings, **dict(_settings(recipe.args, found))}
        try:
            _, layout, workload = outline(
                case, recipe, where, settings=asked, nodes=found.nodes, processes_per_node=per_node
            )
        except UserError:
            refused += 1
            continue
        assert workload is not None  # there was one to search from
        one = forecast(workload, where.instance_type, memory_of_a_rank(layout, where), year=year, known=known)
        assert one.pace is not None
        own = {name: value for name, value in asked.items() if str(getattr(recipe.args, name)) != value}
        choices.append(Choice(nodes=found.nodes, settings=own, forecast=one, seconds=one.pace.seconds.expected))
    price = {"time": lambda one: one.seconds, "cost": lambda one: one.nodes * one.seconds}[minimise]
    return Chosen(answer=answer, choices=tuple(sorted(choices, key=price)[:count]), refused=refused)


def _settings(args: Any, found: Found) -> Iterator[tuple[str, str]]:
    from seatrial.forecast.search import choices

    names = {field.name for field in fields(args)}
    for name, value in choices(found.workload).items():
        if ARGUMENTS[name] in names and not isinstance(getattr(args, ARGUMENTS[name]), bool):
            yield ARGUMENTS[name], str(value)
    if "sequence_parallel" in names and found.workload.degrees.tensor > 1:  # what the search takes for granted
        yield "sequence_parallel", "true"
