"""What is expected of a whole run: its time and where that goes, checkpoints, energy, cost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from seatrial.forecast.interval import Interval
from seatrial.forecast.run import Cost, Run
from seatrial.forecast.saves import Save
from seatrial.report.document import Section, Table
from seatrial.report.forecast import interval
from seatrial.report.format import bytes_, duration, percent


def run_section(run: Run, save: Save, steps: int) -> Section:
    """One section. Where a part of the time is not known, all is a bound from below, and says so."""
    rows = [
        (part, duration(seconds), percent(seconds / run.wall.expected))
        for part, seconds in run.parts.items()
        if seconds
    ]
    return Section(
        title=f"Run of {steps:,} steps",
        paragraphs=tuple(_told(run, save)),
        tables=(
            Table(headers=("part", "time", "share"), rows=tuple(rows), numeric=frozenset({1, 2})),
            *([_costs(run.costs)] if run.costs else []),
        ),
    )


def _told(run: Run, save: Save) -> Iterator[str]:
    least = "" if run.complete else "at least "
    yield f"It takes {least}{_between(run.wall)}; {percent(run.goodput.expected)} of it is training that counts."
    every = "" if run.interval is None else f" Best written after {duration(run.interval)} of training each."
    stall = "not known how long" if save.stall is None else f"{duration(save.stall)} each"
    yield f"A checkpoint has {bytes_(save.size)}; training waits for it: {stall}.{every}"
    yield (
        f"{run.interruptions.expected:.2g} interruptions are expected ({run.interruptions.low:.2g} to "
        f"{run.interruptions.high:.2g}), by published fleets."
    )
    if run.energy is not None:
        yield f"The accelerators draw at most {run.energy / 3.6e6:,.3g} kWh."
    for part, why in run.unknown.items():
        yield f"Not counted: {part}, since {why}."


def _between(found: Interval) -> str:
    return f"{duration(found.expected)} ({duration(found.low)} to {duration(found.high)})"


def _costs(costs: tuple[Cost, ...]) -> Table:
    rows = tuple(
        (
            one.rate.kind,
            f"${one.usd.expected:,.2f}",
            f"${one.usd.low:,.2f} to ${one.usd.high:,.2f}",
            f"{one.rate.date.isoformat()}{', old: look it up again' if one.is_old else ''}",
            one.rate.source,
        )
        for one in costs
    )
    return Table(
        headers=("sold", "cost", "four times in five", "price of", "source"), rows=rows, numeric=frozenset({1, 2})
    )


def run_record(run: Run, save: Save) -> dict[str, Any]:
    """What its JSON holds: seconds, bytes, joules, USD."""
    return {
        "wall": interval(run.wall),
        "parts": dict(run.parts),
        "goodput": interval(run.goodput),
        "interruptions": interval(run.interruptions),
        "checkpoint": {"bytes": save.size, "write": save.write, "read": save.read, "stall": save.stall},
        "checkpoint_interval": run.interval,
        "energy": run.energy,
        "costs": [
            {
                "sold": one.rate.kind,
                "usd": interval(one.usd),
                "price": one.rate.usd,
                "source": one.rate.source,
                "date": one.rate.date.isoformat(),
                "old": one.is_old,
            }
            for one in run.costs
        ],
        "unknown": dict(run.unknown),
        "complete": run.complete,
    }
