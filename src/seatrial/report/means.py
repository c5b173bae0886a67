"""Means over steady steps."""

from __future__ import annotations

from seatrial.attempts import Point
from seatrial.metrics import PHASES
from seatrial.samples import mean


def printed(points: list[Point]) -> dict[str, float]:
    """Of what a framework prints: name -> mean of the steps that tell it."""
    names = dict.fromkeys(name for point in points for name in point.event.printed)
    told = {name: [p for p in points if name in p.event.printed] for name in names}
    means = {n: mean((p.event.printed[n] for p in of), (p.steady.steps for p in of)) for n, of in told.items()}
    return {name: value for name, value in means.items() if value is not None}


def mean_phases(points: list[Point]) -> dict[str, float]:
    """Of a step's phases, in their order, in seconds."""
    told = [p for p in points if p.event.phases]
    seen = {name for p in told for name in p.event.phases}
    order = [*(name for name in PHASES if name in seen), *sorted(seen - set(PHASES))]
    # A step that does not name a phase spent nothing in it.
    means = {
        name: mean((p.event.phases.get(name, 0.0) for p in told), (p.steady.steps for p in told)) for name in order
    }
    return {name: value for name, value in means.items() if value is not None}
