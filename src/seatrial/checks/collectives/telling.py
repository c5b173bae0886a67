"""A sweep as the event that a run keeps of it: its curve, with all that it is held against."""

from __future__ import annotations

from collections.abc import Sequence

from seatrial.checks.collectives.baselines import Baseline, nearest, published
from seatrial.checks.collectives.fit import of_sweep
from seatrial.checks.collectives.line_rate import line_rate
from seatrial.checks.collectives.sweep import Sweep
from seatrial.events import CollectiveSweep


def event(sweep: Sweep, instance_type: str, own: Sequence[Baseline] = ()) -> CollectiveSweep | None:
    """None for one that does not tell its operation or its ranks: its bandwidths mean nothing."""
    if sweep.ranks is None or not sweep.operation:
        return None
    rows = [(row.size, row.main) for row in sweep.rows if row.main]
    key = (instance_type, sweep.nodes or 0, sweep.ranks, sweep.operation)
    known = [nearest(own, key, size) or nearest(published(), key, size) for size, _ in rows]
    sources = dict.fromkeys(f"{b.source}, {b.date}" if b.date else b.source for found in known for b in found)
    rate, links = line_rate(sweep.operation, sweep.ranks, sweep.nodes, instance_type) or (None, "")
    line = of_sweep(sweep)
    return CollectiveSweep(
        tool=sweep.tool,
        operation=sweep.operation,
        ranks=sweep.ranks,
        nodes=sweep.nodes,
        instance_type=instance_type,
        sizes=[size for size, _ in rows],
        times_us=[timing.time_us for _, timing in rows],
        bus_bandwidths=[timing.busbw for _, timing in rows],
        baselines=[min((b.busbw_gbps for b in found), default=None) for found in known],
        baseline_source="; ".join(sources),
        line_rate=rate,
        line_rate_source=links,
        alpha_us=line.alpha_us if line else None,
        beta_gbps=line.beta_gbps if line else None,
    )
