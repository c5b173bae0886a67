"""The figures of two runs side by side, and whether they differ by more than chance explains.

Chance is what moves a figure from step to step within a run, and from run to run where others of the same configuration
tell: a machine may be in another state each time.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import NamedTuple, TypeVar

from seatrial.attempts import Point
from seatrial.metrics import PHASES
from seatrial.report.between import Between, between, difference
from seatrial.report.summary import Summary
from seatrial.samples import MIN_SAMPLES, SIGMAS, finite, mean, standard_error
from seatrial.steady import total

T = TypeVar("T")


LOSS = "loss at the end of common steps"


class Judgement(StrEnum):
    """Whether two values differ."""

    LARGER = "larger than noise"
    WITHIN = "within noise"
    NOISE_UNKNOWN = "noise unknown"
    """Too few samples to say; never read as a difference."""
    MISSING = "unknown"
    """At least one value is unknown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    """One figure of both runs."""

    name: str
    unit: str
    a: float | None
    b: float | None
    ratio: float | None
    """b / a."""
    noise: float | None
    """Difference that chance alone explains, in the unit of the measure."""
    samples: tuple[int, int]
    runs: tuple[int, int] | None
    """Other runs of each one's configuration that tell how far it moves between runs; None: too few, so that this is
    unknown and `noise` is that of the steps alone."""
    judgement: Judgement


Figure = Callable[[Summary, Sequence[Point]], float | None]
"""What some of the steady points of a run come to."""
Peers = Mapping[str, Sequence[Summary]]
"""Run -> others of its configuration, oldest first, none of those that are compared; see seatrial.report.peers."""
NO_PEERS: Peers = {}


def measures(a: Summary, b: Summary, peers: Peers = NO_PEERS) -> Iterator[Measure]:
    """All figures that can be compared, throughput first."""
    others = [peers.get(side.run, ()) for side in (a, b)]

    def judged(name: str, unit: str, estimate: Callable[[Summary], _Estimate]) -> Measure:
        apart = [between([estimate(run).value for run in side]) for side in others]
        return _measure(name, unit, (estimate(a), estimate(b)), apart)

    def over_steps(name: str, unit: str, figure: Figure) -> Measure:
        return judged(name, unit, lambda run: _over_steps(run, figure))

    def once(name: str, unit: str, samples: Callable[[Summary], Sequence[float | None]]) -> Measure:
        return judged(name, unit, lambda run: _estimate(finite(samples(run)), _mean))

    yield over_steps("throughput", f"{a.unit}/s" if a.unit == b.unit else "per second", _throughput)
    yield over_steps("step time", "s", lambda _, points: total(p.steady for p in points).step_seconds)
    for name in a.flop_formulas:
        if name in a.mfu or name in b.mfu:
            if same_peak(a, b):
                yield over_steps(f"MFU {name}", "fraction", partial(_mfu, name))
            else:  # the steps' spread says nothing about the peaks'
                yield once(f"MFU {name}", "fraction", partial(_told_mfu, name))
    steps, losses = _paired_losses(a, b)
    yield _measure(LOSS, "nats", losses, [between([_loss_at(steps, run) for run in side]) for side in others])
    yield over_steps("data wait, slowest rank", "s", partial(_mean_of, _longest_wait))
    # Most steps spend nothing on checkpoints, so that phase says little; the stall below does.
    for name in (phase for phase in PHASES if phase != "checkpoint"):
        if name in a.phases or name in b.phases:
            yield over_steps(f"{name}, rank 0", "s", partial(_mean_of, partial(_phase, name)))
    yield once("stall per checkpoint", "s", lambda run: [t.event.stall_seconds for t in run.saved])
    yield once("peak memory, rank 0", "B", lambda run: [run.peak_memory])
    for name in _validated(a) | _validated(b):
        yield once(f"validation {name}, last", "", partial(_last_validation, name))


def _paired_losses(a: Summary, b: Summary) -> tuple[list[int], tuple[_Estimate, _Estimate]]:
    """The last quarter of the steps that both logged, and the means over them. Steps are compared one by one, so that
    what both learn, and the batches that both see, are no noise."""
    left, right = ({point.event.step: point.event.loss for point in run.series} for run in (a, b))
    common = sorted(left.keys() & right.keys())
    last = common[-max(len(common) // 4, MIN_SAMPLES) :]
    steps = [step for step in last if math.isfinite(left[step]) and math.isfinite(right[step])]
    pairs = [(left[step], right[step]) for step in steps]
    error = standard_error(pairs, lambda some: statistics.fmean(one - other for one, other in some))
    first, second = (_mean([pair[side] for pair in pairs]) for side in (0, 1))
    return steps, (
        _Estimate(first, None if error is None else 0.0, len(pairs)),
        _Estimate(second, error, len(pairs)),
    )


def _loss_at(steps: Sequence[int], run: Summary) -> float | None:
    """Mean over those steps; None where one of them is missing."""
    losses = {point.event.step: point.event.loss for point in run.series}
    return _mean([losses[step] for step in steps]) if steps and losses.keys() >= set(steps) else None


def _validated(run: Summary) -> dict[str, float]:
    return run.validations[-1].event.metrics if run.validations else {}


def _last_validation(name: str, run: Summary) -> list[float | None]:
    return [_validated(run).get(name)]


def _told_mfu(convention: str, run: Summary) -> list[float | None]:
    return [run.mfu.get(convention)]


def same_peak(a: Summary, b: Summary) -> bool:
    """Whether MFU has the same denominator in both: a measured peak moves with the load of the machine."""
    return a.peak_flops is None or b.peak_flops is None or math.isclose(a.peak_flops, b.peak_flops, rel_tol=0.01)


def _throughput(_: Summary, points: Sequence[Point]) -> float | None:
    return total(p.steady for p in points).throughput


def _mfu(convention: str, run: Summary, points: Sequence[Point]) -> float | None:
    rate, share = _throughput(run, points), run.mfu.get(convention)
    return rate * share / run.throughput if rate and share and run.throughput else None


def _mean_of(value: Callable[[Point], float | None], _: Summary, points: Sequence[Point]) -> float | None:
    return mean((value(p) for p in points), (p.steady.steps for p in points))


def _phase(name: str, point: Point) -> float | None:
    return point.event.phases.get(name, 0.0) if point.event.phases else None


def _longest_wait(point: Point) -> float | None:
    return max(finite(point.event.ranks.get("data_wait", ())), default=None)


class _Estimate(NamedTuple):
    """A figure of one run, and how far chance can move it."""

    value: float | None
    error: float | None
    """Standard error; None if unknown."""
    samples: int


def _over_steps(run: Summary, figure: Figure) -> _Estimate:
    known = [point for point in run.steady if figure(run, [point]) is not None]
    return _estimate(known, partial(figure, run))


def _estimate(samples: Sequence[T], figure: Callable[[Sequence[T]], float | None]) -> _Estimate:
    return _Estimate(figure(samples), standard_error(samples, figure), len(samples))


def _mean(values: Sequence[float]) -> float | None:
    return statistics.mean(values) if values else None


def _measure(
    name: str, unit: str, sides: tuple[_Estimate, _Estimate], apart: Sequence[Between | None] = (None, None)
) -> Measure:
    a, b = sides
    within = SIGMAS * math.hypot(a.error, b.error) if a.error is not None and b.error is not None else None
    first, second = apart
    runs = (first.runs, second.runs) if first and second else None
    from_run_to_run = difference(first, second) if first and second else None
    noise = max(finite((within, from_run_to_run)), default=None)
    if a.value is None or b.value is None:
        judgement = Judgement.MISSING
    elif noise is None:
        judgement = Judgement.NOISE_UNKNOWN
    else:
        equal = math.isclose(a.value, b.value, rel_tol=1e-9)  # where each step took the same, rounding is no difference
        judgement = Judgement.WITHIN if equal or abs(b.value - a.value) <= noise else Judgement.LARGER
    return Measure(
        name=name,
        unit=unit,
        a=a.value,
        b=b.value,
        ratio=b.value / a.value if a.value and b.value is not None else None,
        noise=noise,
        samples=(a.samples, b.samples),
        runs=runs,
        judgement=judgement,
    )
