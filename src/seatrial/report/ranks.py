"""How far the ranks of a run are apart, and which of them are behind by more than steps differ anyway."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.attempts import Point
from seatrial.samples import MIN_SAMPLES, SIGMAS, finite, median, spread

MAD_TO_SIGMA = 1.4826
"""Median absolute deviation -> standard deviation of a normal distribution."""
NEGLIGIBLE = 0.01
"""Share of a step by which a rank may be behind, however steady the steps are: nobody would look for less."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RankMeasure:
    """One measure over all ranks, in seconds per step."""

    name: str
    """``data_wait``, ``busy`` or ``cpu``; see seatrial.events.Step."""
    values: tuple[float | None, ...]
    """Median over the steady steps, for each rank."""
    median: float | None
    spread: float | None
    """(max - min) / median over the ranks, a fraction."""
    slowest: int | None
    """Rank with the largest value."""
    noise: float | None = None
    """Seconds by which steps differ anyway, so that a rank may be behind the median; None if too few steps tell."""

    @property
    def behind(self) -> tuple[int, ...]:
        """Ranks that are further behind the median than steps differ anyway."""
        if self.median is None or self.noise is None:
            return ()
        bound = self.median + self.noise
        return tuple(rank for rank, value in enumerate(self.values) if value is not None and value > bound)


def rank_measures(points: list[Point]) -> Iterator[RankMeasure]:
    """Of the steady points, one for each measure that they tell."""
    names = list(dict.fromkeys(name for p in points for name in p.event.ranks))
    for name in names:
        rows = [p.event.ranks[name] for p in points if p.event.ranks.get(name)]
        if not rows:
            continue
        size = len(rows[-1])
        columns = zip(*(row for row in rows if len(row) == size), strict=True)
        values = tuple(median(column) for column in columns)
        known = [rank for rank, value in enumerate(values) if value is not None]
        slowest = max(known, key=lambda rank: values[rank] or 0.0, default=None)
        noise = _noise([median(row) for row in rows], points)
        middle = median(values)
        yield RankMeasure(name=name, values=values, median=middle, spread=spread(values), slowest=slowest, noise=noise)


def _noise(medians: list[float | None], points: list[Point]) -> float | None:
    """How far one step may be from another: SIGMAS robust standard deviations of the steps' medians over ranks, and
    never less than NEGLIGIBLE of a step."""
    known, seconds = finite(medians), median(point.event.seconds for point in points)
    if len(known) < MIN_SAMPLES or seconds is None:
        return None
    middle = median(known) or 0.0
    deviation = median(abs(value - middle) for value in known) or 0.0
    return max(SIGMAS * MAD_TO_SIGMA * deviation, NEGLIGIBLE * seconds)
