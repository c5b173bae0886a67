"""What parts of a step take on one's own machines, by runs of the case `rates`: kept in the user's folder."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from seatrial import records
from seatrial.cache import folder
from seatrial.errors import Problem, UserError
from seatrial.events import PartTimes

if TYPE_CHECKING:
    from seatrial.cluster import Cluster
    from seatrial.forecast.measured import Rates
    from seatrial.runs import Run
    from seatrial.spec import Layout

CASE = "rates"
"""The case that measures them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """One measurement, with all that it holds for."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    run: str
    date: str
    """By UTC: ``2026-11-30``."""
    cluster: str
    hosts: list[str]
    device: str
    """For people: ``cpu (AMD EPYC 7R13)``."""
    torch: str
    nodes: int
    processes_per_node: int
    threads: int
    """Of each process."""
    dtype: str
    parts: list[PartTimes]

    def __post_init__(self) -> None:
        """ValueError for what are no curves."""
        rates_of(self)

    @property
    def title(self) -> str:
        """For people."""
        ranks = f"{self.nodes} x {self.processes_per_node} ranks of {self.threads} threads"
        return f"your run {self.run}: {self.device}, {ranks}, {self.dtype}, torch {self.torch}, {self.date}"


def path() -> Path:
    """Beside the measurements of whole runs."""
    return folder() / "forecast" / "rates.json"


def read() -> list[Kept]:
    """All of them. Raises UserError for a file that is broken."""
    return records.read(path(), Kept)


def add(new: list[Kept]) -> None:
    """In the place of older ones that hold for the same."""
    places = {_place(one) for one in new}
    records.change(path(), Kept, lambda old: [*(one for one in old if _place(one) not in places), *new])


def forget(runs: Collection[str]) -> None:
    """Leave out what these measured."""
    records.change(path(), Kept, lambda old: [one for one in old if one.run not in runs])


def _place(one: Kept) -> tuple[Any, ...]:
    return one.cluster, one.device, one.nodes, one.processes_per_node, one.threads, one.dtype


def of_run(run: Run) -> Kept:
    """What a run of the case measured. Raises UserError if it did not come to its end."""
    from seatrial.events import RunStart

    job, log = run.job, run.events()
    starts, parts = log.of(RunStart), log.of(PartTimes)
    if not starts or not parts:
        raise UserError(Problem("has measured nothing", run.id, f"seatrial run {CASE}: to its end"))
    try:
        return Kept(
            run=run.id,
            date=datetime.fromtimestamp(log.events[-1].time, UTC).date().isoformat(),
            cluster=job.cluster,
            hosts=sorted(set(starts[-1].hosts)),
            device=starts[-1].device,
            torch=starts[-1].versions.get("torch", "unknown"),
            nodes=job.nodes,
            processes_per_node=job.processes_per_node,
            threads=job.threads_per_process,
            dtype=job.args["dtype"],
            parts=parts,
        )
    except ValueError as error:
        raise UserError(Problem(f"cannot be used: {error}", run.id, f"seatrial run {CASE}: once more")) from None


def rates_of(kept: Kept) -> Rates:
    """As forecasts take them. ValueError for what are no curves."""
    from seatrial.forecast.measured import Curve, Rates

    curves = {one.part: Curve.of(one.shapes, one.forward, one.backward) for one in kept.parts}
    return Rates(source=kept.title, ranks=kept.nodes * kept.processes_per_node, dtype=kept.dtype, curves=curves)


def known(where: Cluster, layout: Layout, dtype: str) -> Rates | None:
    """Of CPUs of that cluster, as many ranks and threads, in that dtype; of this machine: of the processor it has."""
    from seatrial import launchers
    from seatrial.rank.machine import processor

    threads = max(1, where.cpus_per_node // layout.processes_per_node)
    wanted = (where.name, layout.nodes, layout.processes_per_node, threads, dtype)
    for one in read():
        here = where.name != launchers.HERE or one.device == f"cpu ({processor()})"
        if here and wanted == (one.cluster, one.nodes, one.processes_per_node, one.threads, one.dtype):
            return rates_of(one)
    return None


def remedy(where: Cluster, layout: Layout, dtype: str) -> str:
    """The command that measures what is missing."""
    from seatrial import launchers

    words = ["seatrial forecast calibrate --microbench"]
    words += [f"--on {where.name}"] if where.name != launchers.HERE else []
    words += [f"--nodes {layout.nodes}"] if layout.nodes > 1 else []
    words += [f"--processes {layout.processes_per_node}"]
    words += [f"--set dtype={dtype}"] if dtype != "fp32" else []
    return " ".join(words)
