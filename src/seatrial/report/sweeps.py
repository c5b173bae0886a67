"""What collective operations reached over sizes: a curve of each, its baseline, the line rate; and a table."""

from __future__ import annotations

import math
from collections.abc import Sequence

from seatrial.checks.collectives.judging import size_text
from seatrial.events import CollectiveSweep
from seatrial.forecast import bus
from seatrial.report import charts
from seatrial.report.charts import Reference, Series
from seatrial.report.document import Table
from seatrial.report.format import UNKNOWN, percent

NOTE = (
    "Bus bandwidth is what each link carries, in GB/s (10\u2079), by nccl-tests' formulas: operations and numbers of "
    "ranks can be compared by it. The fit is the line time = alpha + bytes on the bus / beta nearest to the times. The "
    "line rate is where the links are full; switches that add up on the way (NVLS) let an all-reduce within a node go "
    "beyond it. Out of place, where there is that."
)


def curves(sweeps: Sequence[CollectiveSweep]) -> list[tuple[str, str]]:
    """Heading and picture of each."""
    return [(title(sweep), _chart(sweep)) for sweep in sweeps if sweep.sizes]


def title(sweep: CollectiveSweep) -> str:
    """``all_reduce, 16 ranks on 2 nodes, GB/s on the bus``"""
    nodes = f" on {sweep.nodes} node{'' if sweep.nodes == 1 else 's'}" if sweep.nodes else ""
    return f"{sweep.operation}, {sweep.ranks} ranks{nodes}, GB/s on the bus"


def table(sweeps: Sequence[CollectiveSweep]) -> Table:
    """A row of each, at its largest size with a baseline or else at its largest."""
    headers = (
        "operation",
        "ranks",
        "alpha, us",
        "beta, GB/s",
        "at",
        "GB/s",
        "baseline",
        "of it",
        "line rate",
        "of that",
    )
    rows = tuple(_row(sweep) for sweep in sweeps if sweep.sizes)
    return Table(headers=headers, rows=rows, numeric=frozenset(range(1, len(headers)))).filled()


def notes(sweeps: Sequence[CollectiveSweep]) -> tuple[str, ...]:
    """How the figures came about, and who says what they are held against."""
    if not sweeps:
        return ()
    baselines = dict.fromkeys(s.baseline_source for s in sweeps if s.baseline_source)
    links = dict.fromkeys(s.line_rate_source for s in sweeps if s.line_rate_source)
    told = [f"Baselines: {'; '.join(baselines)}."] if baselines else ["There is no baseline of these nodes."]
    return (NOTE, *told, *([f"Line rate: {'; '.join(links)}."] if links else []))


def _row(sweep: CollectiveSweep) -> tuple[str, ...]:
    baselines = [*sweep.baselines, *[None] * len(sweep.sizes)]
    known = [at for at in range(len(sweep.sizes)) if baselines[at] is not None]
    at = known[-1] if known else len(sweep.sizes) - 1
    reached, baseline = sweep.bus_bandwidths[at], baselines[at]
    return (
        sweep.operation,
        str(sweep.ranks),
        _figure(sweep.alpha_us),
        _figure(sweep.beta_gbps),
        size_text(sweep.sizes[at]),
        _figure(reached),
        _figure(baseline),
        percent(reached / baseline) if baseline else UNKNOWN,
        _figure(sweep.line_rate),
        percent(reached / sweep.line_rate) if sweep.line_rate else UNKNOWN,
    )


def _figure(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.4g}"


def _chart(sweep: CollectiveSweep) -> str:
    places = [math.log2(size) for size in sweep.sizes]
    drawn = [Series("measured", [*zip(places, sweep.bus_bandwidths, strict=True)], dots=len(places) < 40)]
    if sweep.alpha_us is not None and sweep.beta_gbps:
        drawn.append(Series("fit", [(x, _fitted(sweep, size)) for x, size in zip(places, sweep.sizes, strict=True)]))
    known = [(x, b) for x, b in zip(places, sweep.baselines, strict=False) if b is not None]
    if known:
        drawn.append(Series("baseline", known, dots=True))
    return charts.line_chart(
        drawn,
        title=title(sweep),
        x_name="size",
        x_tick=lambda power: size_text(round(2**power)),
        tick=lambda value: f"{value:.4g}",
        from_zero=True,
        reference=Reference(sweep.line_rate, "line rate") if sweep.line_rate else None,
    )


def _fitted(sweep: CollectiveSweep, size: int) -> float:
    wire = bus.on_the_wire(sweep.operation, sweep.ranks, size)
    seconds = (sweep.alpha_us or 0.0) / 1e6 + wire / bus.GB / (sweep.beta_gbps or math.inf)
    return wire / seconds / bus.GB if seconds > 0 else math.nan


def newest(sweeps: Sequence[CollectiveSweep]) -> tuple[CollectiveSweep, ...]:
    """The last of each operation: a run that was restarted measured again."""
    return tuple({(s.operation, s.ranks): s for s in sweeps}.values())
