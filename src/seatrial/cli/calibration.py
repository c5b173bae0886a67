"""Measurements of one's own runs, which forecasts rest on beside the published ones: kept in the user's folder."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from seatrial import records
from seatrial.bounds import Bound, Count
from seatrial.cache import folder
from seatrial.errors import UserError

if TYPE_CHECKING:
    from seatrial.forecast.anchors import Anchor
    from seatrial.forecast.expectation import Evidence


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What one run reached, and all that its forecast is made of."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    run: str
    date: Annotated[str, Bound(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    """Of its last step, by UTC: ``2026-11-30``."""
    case: str
    recipe: str
    args: dict[str, Any]
    nodes: Count
    processes_per_node: Count
    instance_type: str
    tokens_per_second: Annotated[float, Bound(gt=0, allow_inf_nan=False)]
    """Steady, of one accelerator."""


def path() -> Path:
    """A folder of its own: what lies beside it is a cache, and goes with time."""
    return folder() / "forecast" / "own.json"


def read() -> list[Measured]:
    """All of them. Raises UserError for a file that is broken."""
    return records.read(path(), Measured)


def add(new: list[Measured]) -> None:
    """In the place of what was kept of the same runs."""
    runs = {one.run for one in new}
    records.change(path(), Measured, lambda old: [*(one for one in old if one.run not in runs), *new])


def forget(runs: Collection[str]) -> None:
    """Leave these out."""
    records.change(path(), Measured, lambda old: [one for one in old if one.run not in runs])


def known() -> Evidence | None:
    """What forecasts rest on; None: there are no measurements of one's own. Cases that are gone are left out."""
    from seatrial.forecast.expectation import with_own

    own = [anchor for one in read() if (anchor := anchor_of(one))]
    return with_own(own) if own else None


def anchor_of(one: Measured) -> Anchor | None:
    """A measurement as those that are published are kept; None: nothing can be made of it here."""
    from seatrial import catalog
    from seatrial.arguments import override
    from seatrial.fits import accelerator_of
    from seatrial.forecast.anchors import Anchor
    from seatrial.forecast.job import accelerators
    from seatrial.forecast.places import place
    from seatrial.spec import Device, Layout

    try:
        device: Device = "neuron" if accelerator_of(one.instance_type).vendor == "AWS" else "cuda"
        layout = Layout(nodes=one.nodes, processes_per_node=one.processes_per_node, device=device)
        case = catalog.case(one.case)
        args, where = override(case.recipes[0].args, one.args), place(one.instance_type)
        workload = None if [*args.problems(), *case.check(args, layout)] else case.workload(args, layout)
    except (UserError, ValueError):
        return None
    if workload is None or workload.model is None:
        return None
    return Anchor(
        source=f"run {one.run}",
        date=one.date,
        release="",
        architecture=f"your run {one.run}: {one.case}/{one.recipe}",
        task="lora" if workload.frozen else "pretrain",
        tuned=True,
        workload=workload,
        place=where,
        accelerators=round(accelerators(workload, one.instance_type)),
        tokens_per_second=one.tokens_per_second,
        measured="tokens/s",
    )
