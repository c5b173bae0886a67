"""Tables of a run's steps, and of its ranks side by side."""

from __future__ import annotations

from collections.abc import Sequence

from seatrial.attempts import Point
from seatrial.report.document import Table
from seatrial.report.format import UNKNOWN, capped, duration, number, percent, quantity
from seatrial.report.ranks import NEGLIGIBLE, RankMeasure
from seatrial.report.summary import Summary
from seatrial.samples import SIGMAS
from seatrial.steady import WARM_UP

MAX_RANKS = 16
"""Ranks that the table of ranks lists."""
MAX_STEPS = 12
"""Rows of the table of steps, which stands in for the charts where there are none."""


def steps_table(summary: Summary) -> Table:
    """A few of the logged steps, evenly spaced, with the first and the last."""
    points = summary.series
    chosen = points
    if len(points) > MAX_STEPS:
        chosen = tuple(points[round(i * (len(points) - 1) / (MAX_STEPS - 1))] for i in range(MAX_STEPS))
    names = list(summary.mfu)
    headers = (
        "step",
        "loss",
        f"{summary.unit}/s",
        "step time",
        *(f"MFU {n}" for n in names),
        "grad norm",
        "learning rate",
    )
    rows = tuple(_step_row(point, names) for point in chosen)
    return Table(headers=headers, rows=rows, numeric=frozenset(range(len(headers)))).filled()


def phases_table(summary: Summary) -> Table:
    """What a step's time is made of."""
    total = sum(summary.phases.values())
    rows = [(n, duration(s), percent(s / total) if total else UNKNOWN) for n, s in summary.phases.items()]
    if rows:
        rows.append(("step", duration(total), percent(1.0) if total else UNKNOWN))
    return Table(headers=("phase", "mean per step", "share"), rows=tuple(rows), numeric=frozenset((1, 2)))


def spread_table(summary: Summary) -> Table:
    """How far the ranks are apart."""
    rows = tuple(
        (m.name, duration(m.median), percent(m.spread), _rank(m.slowest, summary.hosts), _behind(m))
        for m in summary.ranks
    )
    headers = ("measure", "median of ranks", "spread (max - min) / median", "slowest rank", "behind")
    return Table(headers=headers, rows=rows, numeric=frozenset((1, 2)))


def ranks_table(summary: Summary) -> Table:
    """Each rank's seconds per step; of many ranks those with the largest ``busy``, or else first measure."""
    if not summary.ranks:
        return Table(headers=("rank", "host"), rows=())
    leading = next((m for m in summary.ranks if m.name == "busy"), summary.ranks[0])
    ranks = list(range(len(leading.values)))
    caption = ""
    if len(ranks) > MAX_RANKS:
        ranks = sorted(ranks, key=lambda rank: -(leading.values[rank] or 0.0))[:MAX_RANKS]
        caption = f"The {MAX_RANKS} ranks of {len(leading.values)} with the largest {leading.name}."
    rows = tuple(
        (
            str(r),
            summary.hosts[r] if r < len(summary.hosts) else UNKNOWN,
            *(duration(_at(m.values, r)) for m in summary.ranks),
        )
        for r in ranks
    )
    headers = ("rank", "host", *(measure.name for measure in summary.ranks))
    return Table(headers=headers, rows=rows, numeric=frozenset(range(2, len(headers))), caption=caption)


def method(summary: Summary) -> tuple[str, ...]:
    """How the figures were made, in words; nothing where there are none."""
    steps = (
        f"Steady figures leave out the first {WARM_UP} steps of each attempt. Throughput is the count of all steady "
        "steps / their seconds, which include the wait for data and for checkpoints."
    )
    ranks = (
        "Ranks are compared by the median over the steady steps. A rank is behind, and its bar marked, where it is "
        f"further from the median of the ranks than steps differ anyway: {SIGMAS:g} robust standard deviations over "
        f"the steps, and {percent(NEGLIGIBLE)} of a step at least."
    )
    return (*([steps] if summary.series else []), *([ranks] if summary.ranks else []), "Times are UTC.")


def _step_row(point: Point, names: Sequence[str]) -> tuple[str, ...]:
    step, utilisation = point.event, point.mfu
    return (
        str(step.step),
        number(step.loss),
        quantity(point.throughput),
        duration(step.seconds),
        *(percent(utilisation.get(name)) for name in names),
        number(step.grad_norm, 4),
        number(step.learning_rate, 4),
    )


def _rank(rank: int | None, hosts: Sequence[str]) -> str:
    if rank is None:
        return UNKNOWN
    return f"{rank} on {hosts[rank]}" if rank < len(hosts) else str(rank)


def _behind(measure: RankMeasure) -> str:
    if measure.noise is None:
        return "unknown: too few steps"
    behind = [str(rank) for rank in measure.behind]
    return f"rank {capped(behind, 8)}" if behind else f"none by more than {duration(measure.noise)}"


def _at(values: Sequence[float | None], rank: int) -> float | None:
    return values[rank] if rank < len(values) else None
