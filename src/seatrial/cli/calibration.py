"""Measurements of one's own runs, which forecasts rest on beside the published ones: kept in the user's folder."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial.cache import folder
from seatrial.errors import Problem, UserError

if TYPE_CHECKING:
    from seatrial.forecast.anchors import Anchor
    from seatrial.forecast.expectation import Evidence


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What one run reached, and all that its forecast is made of."""

    run: str
    date: str
    """Of its last step, by UTC: ``2026-11-30``."""
    case: str
    recipe: str
    args: dict[str, Any]
    nodes: int
    processes_per_node: int
    instance_type: str
    tokens_per_second: float
    """Steady, of one accelerator."""


def path() -> Path:
    """A folder of its own: what lies beside it is a cache, and goes with time."""
    return folder() / "forecast" / "own.json"


def read() -> list[Measured]:
    """All of them. Raises UserError for a file that is broken."""
    file = path()
    if not file.is_file():
        return []
    try:
        return [Measured(**one) for one in json.loads(file.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        remedy = "seatrial forecast calibrate writes it anew, once it is removed"
        raise UserError(Problem(f"holds no measurements: {error}", str(file), remedy)) from None


def write(measured: list[Measured]) -> None:
    """Keep these, and only these."""
    file = path()
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(".new")
    temporary.write_text(json.dumps([asdict(one) for one in measured], indent=1) + "\n", encoding="utf-8")
    temporary.replace(file)


def known() -> Evidence | None:
    """What forecasts rest on; None: there are no measurements of one's own. Cases that are gone are left out."""
    from seatrial.forecast.expectation import with_own

    own = [anchor for one in read() if (anchor := anchor_of(one))]
    return with_own(own) if own else None


def anchor_of(one: Measured) -> Anchor | None:
    """A measurement as those that are published are kept; None: nothing can be made of it here."""
    from seatrial import catalog
    from seatrial.fits import accelerator_of
    from seatrial.forecast.anchors import Anchor
    from seatrial.forecast.job import accelerators
    from seatrial.forecast.places import place
    from seatrial.spec import Device, Layout

    device: Device = "neuron" if accelerator_of(one.instance_type).vendor == "AWS" else "cuda"
    layout = Layout(nodes=one.nodes, processes_per_node=one.processes_per_node, device=device)
    try:
        case = catalog.case(one.case)
        workload, where = case.workload(case.Args(**one.args), layout), place(one.instance_type)
    except (UserError, TypeError, ValueError):
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
