"""Latency and bandwidth that a sweep comes to."""

from __future__ import annotations

from statistics import median

from seatrial.checks.collectives.sweep import Sweep, Timing
from seatrial.forecast import bus
from seatrial.forecast.line import Fit, fit


def of_sweep(sweep: Sweep) -> Fit | None:
    """Of the median of its iterations, which an interrupted one does not move; of the mean where there is no other."""
    if sweep.ranks is None or not sweep.operation:
        return None
    ranks, name = sweep.ranks, sweep.operation
    return fit([(bus.on_the_wire(name, ranks, row.size), _usual(row.main)) for row in sweep.rows if row.main])


def _usual(timing: Timing) -> float:
    """Seconds."""
    return (median(timing.iterations_us) if timing.iterations_us else timing.time_us) / 1e6
