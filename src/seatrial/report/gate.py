"""Whether a run is worse than a baseline by more than noise: a gate for CI."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from seatrial.errors import ExitCode
from seatrial.findings import Verdict
from seatrial.report.format import percent, value_text
from seatrial.report.measures import LOSS, NO_PEERS, Judgement, Measure, Peers, measures
from seatrial.report.summary import Summary

WORSE_IF_LARGER = {"throughput": False, "step time": True, LOSS: True}
"""What decides -> whether more of it is worse."""


class Outcome(StrEnum):
    """What a gate says of a run."""

    NOT_WORSE = "not worse"
    WORSE = "worse"
    UNKNOWN = "not to be told"


@dataclass(frozen=True, kw_only=True, slots=True)
class Gate:
    """A run against the baseline."""

    run: str
    outcome: Outcome
    reasons: tuple[str, ...]
    """One for each thing that decides, the decisive ones first."""


def gate(baseline: Summary, run: Summary, peers: Peers = NO_PEERS) -> Gate:
    """Worse if one figure is worse by more than noise, or only this run failed its checks; not to be told if neither is
    so and something could not be compared."""
    found = [*_whole(baseline, run)]
    found += [_judge(measure) for measure in measures(baseline, run, peers) if measure.name in WORSE_IF_LARGER]
    outcomes = {outcome for outcome, _ in found}
    worst = next(o for o in (Outcome.WORSE, Outcome.UNKNOWN, Outcome.NOT_WORSE) if o in outcomes)
    ordered = sorted(found, key=lambda one: one[0] is not worst)
    return Gate(run=run.run, outcome=worst, reasons=tuple(words for _, words in ordered))


def exit_code(gates: Iterable[Gate]) -> int:
    """1 if any run is worse, else 3 if any could not be compared, else 0."""
    outcomes = {one.outcome for one in gates}
    if Outcome.WORSE in outcomes:
        return ExitCode.FAILED
    return ExitCode.UNKNOWN if Outcome.UNKNOWN in outcomes else ExitCode.PASSED


def _whole(baseline: Summary, run: Summary) -> Iterator[tuple[Outcome, str]]:
    """What no figure tells: whether it did what the baseline did."""
    if run.verdict is Verdict.FAIL and baseline.verdict is not Verdict.FAIL:
        yield Outcome.WORSE, "it failed its checks, the baseline did not"
    if (run.steps_done or 0) < (baseline.steps_done or 0):
        yield Outcome.UNKNOWN, f"it did {run.steps_done or 0} steps, the baseline {baseline.steps_done}"
    if baseline.unit != run.unit:
        yield Outcome.UNKNOWN, f"one counts {baseline.unit}, the other {run.unit}"
    broken = [point.event.step for point in run.series if not math.isfinite(point.event.loss)]
    if broken and all(math.isfinite(point.event.loss) for point in baseline.series):
        yield Outcome.WORSE, f"its loss is not a finite number at step {broken[0]}"


def _judge(measure: Measure) -> tuple[Outcome, str]:
    a, b, name = measure.a, measure.b, measure.name
    if a is None or b is None:
        missing = "both runs" if a is None and b is None else "the baseline" if a is None else "this run"
        return Outcome.UNKNOWN, f"{name} of {missing} is unknown"
    if measure.judgement is Judgement.NOISE_UNKNOWN:
        return Outcome.UNKNOWN, f"{name}: {min(measure.samples)} samples are too few to tell its noise"
    if a == b:
        return Outcome.NOT_WORSE, f"{name} is the same"
    apart = f"{percent(abs(b - a) / abs(a)) if a else 'is'} {'higher' if b > a else 'lower'}"
    noise = f"noise {value_text(measure.noise, measure.unit)}"
    if measure.judgement is Judgement.WITHIN:
        return Outcome.NOT_WORSE, f"{name} {apart}, within {noise}"
    worse = (b > a) == WORSE_IF_LARGER[name]
    return Outcome.WORSE if worse else Outcome.NOT_WORSE, f"{name} {apart}, more than {noise}"
