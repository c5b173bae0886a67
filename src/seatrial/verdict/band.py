"""The band that the loss of a training stays in, made of runs that were good, and a run that is held against it.

Logarithms of losses are compared, since noise is a share of the loss: an hour into a training a tenth of a nat is much,
at its start it is nothing. At a step, runs lie apart by

- the noise of a batch, which each logged loss has for itself: what second differences along one run show;
- what their seeds decide: what the runs show, step by step, of which neighbours are taken together.

The half of the band is SIGMAS standard deviations of the larger of the two for one more run, as many as it takes for
a deviation that was estimated of so few (Student's t), and LEAST at least. One run tells nothing of the second: its
band is that of one at least LEAST_OF_ONE wide.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from seatrial.events import EventLog
from seatrial.samples import SIGMAS, sigmas
from seatrial.verdict.curve import noise

TOGETHER = 5
"""Logged steps whose mean leaves the band where a run does: a single step's loss depends on its batch."""
LEAST = 0.01
"""Half a band is this share of the loss at least: what a resumed run may differ by from one that was not, in the cards
of NVIDIA-NeMo/Megatron-Bridge (examples/model_verification_cards, 2026-08)."""
LEAST_OF_ONE = 0.1
"""The same of a band that is made of one run, which does not show what a seed decides; a bound of ours: of six seeds
of fsdp/tiny two lie no further apart than that at any step."""
MOST = 1000
"""Steps that are kept of runs that logged more."""
SHIFT = 0.15
"""Of a step, by which another seed learns sooner or later at most; a bound of ours."""
PRIOR = 4
"""Degrees of freedom that noise and SHIFT count as, beside what two or more runs show themselves."""
INDEPENDENT = 3
"""Such means that do not overlap, among those within TOGETHER steps on either side, which share a deviation."""

Losses = Mapping[int, float]
"""Step -> loss, nats."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Band:
    """Lists have an entry for each step."""

    steps: list[int]
    low: list[float]
    loss: list[float]
    """The middle: the geometric mean of the runs, nats."""
    high: list[float]

    @property
    def width(self) -> float:
        """Of half the band, as a share of the loss: the median over its steps."""
        return median(high / middle - 1 for high, middle in zip(self.high, self.loss, strict=True))


@dataclass(frozen=True, kw_only=True, slots=True)
class Outside:
    """Where a run left a band for the first time, and how far it was from it there at the most."""

    first: int
    last: int
    """Of the steps in common."""
    worst: int
    loss: float
    """The mean around the worst step, nats."""
    low: float
    high: float

    @property
    def above(self) -> bool:
        """Or below."""
        return self.loss > self.high


def losses(log: EventLog) -> dict[int, float]:
    """Of every logged step; where a restart repeated one, the repetition counts."""
    return {step.step: step.loss for step in sorted(log.steps(), key=lambda step: step.step)}


def common(runs: Sequence[Losses]) -> list[int]:
    """Steps that all runs logged with a loss greater than 0, MOST of them at most, evenly spread."""
    steps = sorted(step for step in set.intersection(*(set(run) for run in runs))
                   if all(math.isfinite(run[step]) and run[step] > 0 for run in runs))  # fmt: skip
    if len(steps) <= MOST:
        return steps
    return [steps[round(place * (len(steps) - 1) / (MOST - 1))] for place in range(MOST)]


def band(runs: Sequence[Losses]) -> Band:
    """The band of one or more runs with at least TOGETHER steps in common."""
    steps = common(runs)
    rows = [[math.log(run[step]) for step in steps] for run in runs]
    middle = [fmean(column) for column in zip(*rows, strict=True)]
    halves = _halves(rows, middle, steps)
    return Band(
        steps=steps,
        low=[math.exp(at - half) for at, half in zip(middle, halves, strict=True)],
        loss=[math.exp(at) for at in middle],
        high=[math.exp(at + half) for at, half in zip(middle, halves, strict=True)],
    )


def _halves(rows: Sequence[Sequence[float]], middle: Sequence[float], steps: Sequence[int]) -> list[float]:
    """Half the width at each step, of logarithms."""
    count, places = len(rows), range(len(middle))
    smooth = [_smooth([value - at for value, at in zip(row, middle, strict=True)]) for row in rows]
    level, freedom = _smooth(middle), INDEPENDENT * (count - 1)
    times, least = (sigmas(PRIOR + freedom), LEAST) if count > 1 else (SIGMAS, LEAST_OF_ONE)
    found = []
    for place in places:
        shift = _shift(level, steps, place)
        wide = slice(max(place - 2 * TOGETHER, 0), place + 2 * TOGETHER + 1)
        variance = fmean(noise(row[wide]) ** 2 for row in rows) / TOGETHER + (shift / SIGMAS) ** 2
        if count > 1:
            near = places[max(place - TOGETHER, 0) : place + TOGETHER + 1]
            squares = math.fsum(row[at] ** 2 for row in smooth for at in near) / (count - 1) / len(near)
            variance = (PRIOR * variance + freedom * squares) / (PRIOR + freedom)
        found.append(max(times * math.sqrt(variance * (1 + 1 / count)), math.log1p(least)))
    return found


def _shift(level: Sequence[float], steps: Sequence[int], place: int) -> float:
    """How far a curve moves that learns SHIFT sooner or later, by the slope of the smoothed one."""
    before, after = max(place - 1, 0), min(place + 1, len(level) - 1)
    slope = abs(level[after] - level[before]) / (steps[after] - steps[before])
    return slope * SHIFT * steps[place]


def _smooth(row: Sequence[float]) -> list[float]:
    """Means of TOGETHER neighbours; of fewer at the ends."""
    side = TOGETHER // 2
    return [fmean(row[max(place - side, 0) : place + side + 1]) for place in range(len(row))]


def outside(of: Band, run: Losses) -> tuple[int, Outside | None]:
    """The number of steps in common, and where the mean of TOGETHER neighbours of them lies outside the band."""
    places = [place for place, step in enumerate(of.steps) if step in run]
    found: list[tuple[float, int]] = []
    for end in range(TOGETHER, len(places) + 1):
        near = places[end - TOGETHER : end]
        off = fmean(_log(run[of.steps[at]]) - math.log(of.loss[at]) for at in near)
        half = fmean(math.log(of.high[at] / of.loss[at]) for at in near)
        if not abs(off) <= half:  # NaN is outside, too
            found.append((abs(off) / half, end - 1))
    if not found:
        return len(places), None
    _, end = max(found)
    near = places[end - TOGETHER + 1 : end + 1]
    worst = places[end - TOGETHER // 2]
    off = fmean(_log(run[of.steps[at]]) - math.log(of.loss[at]) for at in near)
    return len(places), Outside(
        first=of.steps[places[found[0][1] - TOGETHER + 1]],
        last=of.steps[places[found[-1][1]]],
        worst=of.steps[worst],
        loss=of.loss[worst] * math.exp(min(off, 700.0)),  # exp overflows above 709
        low=of.low[worst],
        high=of.high[worst],
    )


def _log(loss: float) -> float:
    """A loss that is not a number is as bad as one without bounds; 0 is below all bands."""
    return math.log(loss) if loss > 0 else -math.inf if loss <= 0 else math.inf
