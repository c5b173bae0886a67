"""Latency and bandwidth of measured times: the line time = alpha + bytes on the wire / beta that is nearest to them.

Hockney, "The communication challenge for MPP", Parallel Computing 20 (1994): enough where one protocol serves all
sizes, as gloo's does; of NCCL, whose protocol changes with the size, a summary.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from seatrial.forecast.bus import GB


@dataclass(frozen=True, slots=True)
class Fit:
    """What the times come to."""

    alpha_us: float
    """Time of an operation on nothing."""
    beta_gbps: float
    """Bus bandwidth of an operation without end, GB/s (10**9)."""
    furthest: float
    """How far the line is from the time that it is furthest from, as a share of that: protocols change with the size,
    so a real sweep is never quite a line."""

    def seconds(self, on_the_wire: float) -> float:
        """Time of an operation that puts so many bytes on each link."""
        return self.alpha_us / 1e6 + on_the_wire / (self.beta_gbps * GB)


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
    return Fit(alpha * 1e6, 1 / slope / GB, furthest)
