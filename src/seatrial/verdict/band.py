"""The band that the loss of a training stays in, made of runs that were good, and a run that is held against it.

Logarithms of losses are compared, since noise is a share of the loss: an hour into a training a tenth of a nat is much,
at its start it is nothing. A single loss depends on its batch, so that means over a tenth of the steps are compared.
These lie apart by

- what of the noise of batches is left: what second differences of such means show along one run;
- what a seed decides: in how many steps as much is learnt (SHIFT), which one run does not show;
- all that two or more runs show, step by step, of which neighbours are taken together.

Half the band is SURE standard deviations for one more run, more of them where a deviation was estimated of little
(Student's t), and a share of the loss at least.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from seatrial.events import EventLog
from seatrial.samples import sigmas
from seatrial.verdict.curve import noise

TOGETHER, PARTS = 5, 10
"""Logged steps whose mean is compared: so many, or one of so many parts of all where that is more."""
LEAST = 0.01
"""Half a band is this share of the loss at least: what a resumed run may differ by from one that was not, in the cards
of NVIDIA-NeMo/Megatron-Bridge (examples/model_verification_cards, 2026-08)."""
LEAST_OF_ONE = 0.05
"""The same of a band that is made of one run, which does not show what a seed decides; a bound of ours."""
MOST = 1000
"""Steps that are kept of runs that logged more."""
SURE = 3.5
"""Standard deviations, if they were known: there are ten means in a run that do not overlap, and any may be outside."""
SHIFT = 0.15
"""Of a step, by which another seed learns sooner or later at most; a bound of ours."""
PRIOR = 6
"""Degrees of freedom that noise and SHIFT count as, beside what two or more runs show themselves."""

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

    def __post_init__(self) -> None:
        """ValueError for what is no band."""
        rows = [*zip(self.low, self.loss, self.high, strict=True)]
        if len(rows) != len(self.steps) or not rows or sorted(set(self.steps)) != self.steps:
            raise ValueError("its steps are not ascending, with a loss for each")
        if not all(0 < low <= loss <= high < math.inf for low, loss, high in rows):
            raise ValueError("its losses are not above 0 and between its ends")

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
    together: int
    """Steps that a mean is made of."""
    loss: float
    """The geometric mean around the worst step, nats; as those of the band's ends."""
    low: float
    high: float

    @property
    def above(self) -> bool:
        """Or below."""
        return self.loss > self.high


def losses(log: EventLog) -> dict[int, float]:
    """Of every logged step; where a restart repeated one, the repetition counts."""
    return {step.step: step.loss for step in log.steps()}


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
    count, together = len(rows), _together(len(steps))
    level = _smooth(middle, together)
    # Between runs there is no trend: it bends so much at the start that one run's noise cannot be told from it.
    off = [[value - at for value, at in zip(row, middle, strict=True)] for row in rows] if count > 1 else rows
    means = [_smooth(row, together) for row in off]
    freedom = count - 1  # a run that is above others stays so for long: neighbours add little
    least = LEAST if count > 1 else LEAST_OF_ONE
    found = []
    for place in range(len(steps)):
        each = [_noise(row, mean, place, together) ** 2 for row, mean in zip(off, means, strict=True)]
        variance = math.fsum(each) / max(freedom, 1) + (_shift(level, steps, place) / SURE) ** 2
        if count > 1:
            near = range(max(place - together, 0), min(place + together + 1, len(steps)))
            squares = math.fsum(mean[at] ** 2 for mean in means for at in near) / freedom / len(near)
            variance = (PRIOR * variance + freedom * squares) / (PRIOR + freedom)
        half = sigmas(PRIOR + freedom, SURE) * math.sqrt(variance * (1 + 1 / count))
        found.append(max(half, math.log1p(least)))
    return found


def _together(steps: int) -> int:
    return max(TOGETHER, steps // PARTS)


def _smooth(row: Sequence[float], together: int) -> list[float]:
    """Means of so many neighbours; of fewer at the ends."""
    side = together // 2
    return [fmean(row[max(place - side, 0) : place + side + 1]) for place in range(len(row))]


def _noise(row: Sequence[float], means: Sequence[float], place: int, together: int) -> float:
    """Of means near a place. That of single losses counts where those do not depend on each other, or are few."""
    begin = max(min(place - 2 * together, len(row) - 4 * together - 1), 0)
    near = slice(begin, begin + 4 * together + 1)
    return max(noise(means[near], together), noise(row[near]) / math.sqrt(together))


def _shift(level: Sequence[float], steps: Sequence[int], place: int) -> float:
    """How far a curve moves that learns SHIFT sooner or later, by the slope of the smoothed one."""
    before, after = max(place - 1, 0), min(place + 1, len(level) - 1)
    slope = abs(level[after] - level[before]) / (steps[after] - steps[before])
    return slope * SHIFT * steps[place]


def outside(of: Band, run: Losses) -> tuple[int, Outside | None]:
    """The number of steps in common, and where the means of a run's losses lie outside the band.

    They leave it where as many in a row do as a mean is made of, on one side.
    """
    places = [place for place, step in enumerate(of.steps) if step in run]
    together = _together(len(places))
    off = [_log(run[of.steps[at]]) - math.log(of.loss[at]) for at in places]
    half = [math.log(of.high[at] / of.loss[at]) for at in places]
    means = [fmean(off[at : at + together]) for at in range(len(places) - together + 1)]
    halves = [fmean(half[at : at + together]) for at in range(len(means))]
    sides = [_side(mean, most) for mean, most in zip(means, halves, strict=True)]
    least = max(min(together, len(means)), 1)
    left = [at for at in range(len(means) - least + 1) if sides[at] and len(set(sides[at : at + least])) == 1]
    if not left:
        return len(places), None
    worst = max(range(left[0], left[-1] + least), key=lambda at: abs(means[at]) / halves[at])
    near = places[worst : worst + together]
    middle = fmean(math.log(of.loss[at]) for at in near)
    return len(places), Outside(
        first=of.steps[places[left[0]]],
        last=of.steps[places[left[-1] + least + together - 2]],
        worst=of.steps[near[together // 2]],
        together=together,
        loss=math.exp(min(middle + means[worst], 700.0)),  # exp overflows above 709
        low=math.exp(middle - halves[worst]),
        high=math.exp(middle + halves[worst]),
    )


def _side(mean: float, half: float) -> int:
    """1 above, -1 below, 0 inside."""
    return 0 if abs(mean) <= half else 1 if mean > 0 else -1


def _log(loss: float) -> float:
    """A loss that is no number lies above all bands, 0 below them: by a factor that leaves a mean of such a number."""
    return math.log(min(max(loss, 1e-300), 1e300)) if not math.isnan(loss) else math.log(1e300)
