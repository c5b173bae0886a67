"""The logged steps of a run with what its ranks measured in them, and what a cause of slowness cost in each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seatrial.attempts import Attempts, Point
from seatrial.job import Job

MIN_POINTS = 5
"""Logged steps past the warm-up that are needed to say anything."""

Costs = Mapping[int, float]
"""Step -> seconds that it lost by a cause."""


def whole(point: Point, *names: str) -> bool:
    """Whether a point has these measures of all ranks."""
    ranks = point.event.ranks
    return point.event.seconds > 0 and all(len(ranks.get(name, ())) == point.world_size for name in names)


def garbage(point: Point) -> Sequence[float]:
    """Seconds that each rank collected garbage; zeros where nobody tells, which is all that older runs know."""
    return point.event.ranks["gc"] if whole(point, "gc") else [0.0] * (point.world_size or 0)


def compiled(point: Point) -> Sequence[float]:
    """Seconds that torch.compile's compiler took of each rank; zeros where nobody tells."""
    return point.event.ranks["compile"] if whole(point, "compile") else [0.0] * (point.world_size or 0)


def paused(point: Point) -> list[float]:
    """Seconds of each rank that are no work of its own, and have causes of their own."""
    return [sum(parts) for parts in zip(garbage(point), compiled(point), strict=True)]


def share(points: Sequence[Point], costs: Costs) -> float:
    """Of the time of all points, each weighed by the steps that it stands for."""
    lost = sum(min(costs.get(p.event.step, 0.0), p.event.seconds) * p.steady.steps for p in points)
    return lost / seconds(points)


def seconds(points: Sequence[Point]) -> float:
    """Of all steps that the points stand for."""
    return sum(p.event.seconds * p.steady.steps for p in points)


def undisturbed(job: Job, attempts: Attempts) -> list[Point]:
    """The steady points, without those whose steps a profiler took time of: that was asked for, and is no fault."""
    points, recorded = attempts.steady_points(), job.profile
    if recorded is None:
        return points
    return [p for p in points if not recorded.disturbs(p.event.step - p.steady.steps + 1, p.event.step)]
