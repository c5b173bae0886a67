"""Latency and bandwidth of a sweep: the line time = alpha + bytes on the wire / beta that is nearest to it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from seatrial.checks.collectives import formulas
from seatrial.checks.collectives.sweep import Sweep, Timing


@dataclass(frozen=True, slots=True)
class Fit:
    """What a sweep's times come to."""

    alpha_us: float
    """Time of an operation on nothing."""
    beta_gbps: float
    """Bus bandwidth of an operation without end, GB/s (10**9)."""
    furthest: float
    """How far the line is from the time that it is furthest from, as a share of that: protocols change with the size,
    so a real sweep is never quite a line."""


def fit(points: Sequence[tuple[float, float]]) -> Fit | None:
    """Of (bytes on the wire, seconds). Squares of relative errors: sizes lie decades apart. None: no line."""
    known = [(x, t) for x, t in points if x > 0 and t > 0 and math.isfinite(t)]
    if len({x for x, _ in known}) < 3:
        return None
    u, v = [1 / t for _, t in known], [x / t for x, t in known]
    uu, vv = sum(a * a for a in u), sum(b * b for b in v)
    uv = sum(a * b for a, b in zip(u, v, strict=True))
    determinant = uu * vv - uv * uv
    alpha = (sum(u) * vv - sum(v) * uv) / determinant if determinant > 0 else 0.0
    slope = (sum(v) * uu - sum(u) * uv) / determinant if determinant > 0 else 0.0
    if alpha < 0:  # nothing takes less than no time
        alpha, slope = 0.0, sum(v) / vv
    if slope <= 0:
        return None
    furthest = max(abs((alpha + slope * x) / t - 1) for x, t in known)
    return Fit(alpha * 1e6, 1 / slope / formulas.GB, furthest)


def of_sweep(sweep: Sweep) -> Fit | None:
    """Of the median of its iterations, which an interrupted one does not move; of the mean where there is no other."""
    if sweep.ranks is None or not sweep.operation:
        return None
    ranks, name = sweep.ranks, sweep.operation
    return fit([(formulas.on_the_wire(name, ranks, row.size), _usual(row.main)) for row in sweep.rows if row.main])


def _usual(timing: Timing) -> float:
    """Seconds."""
    return (median(timing.iterations_us) if timing.iterations_us else timing.time_us) / 1e6
