"""A run of which nothing else explains that it gives less than was forecast: its machines, or its settings.

A forecast is of these settings on machines that are well. Who falls short of it, from the first step to the last, has
machines that are not, if jobs like it were measured. Who reaches it may still be untuned: other arguments would give
more. That is no fault of the run, so it is said and not held against it.
"""

from __future__ import annotations

from collections.abc import Iterator

from seatrial import doubts
from seatrial.attempts import Attempts
from seatrial.diagnose import rules
from seatrial.diagnose.left import Left
from seatrial.diagnose.signs import Sign
from seatrial.diagnose.steps import MIN_POINTS, undisturbed
from seatrial.expected import Faster, Range
from seatrial.findings import Finding, Rule, Severity, Verdict
from seatrial.steady import Steady

GAIN = 0.2
"""Tokens a second on top, from which on an argument is worth a word; a bound of ours, above the error of a forecast."""

SLOWER = Rule(
    id="diagnose.slower-than-expected",
    verdicts=rules.CAUSE,
    reads="what a run left, and what was forecast when it started",
    expected="at least what such a job gives four times in five",
    why="what is slow from the first step to the last shows in no change: clocks, links and settings are slow for all",
    remedy="suspect the machines or how they are set up: seatrial check node on the hosts, seatrial run collectives on "
    "them, seatrial network lint; then a profile of a step: --profile",
    source="seatrial forecast: a model of the step, corrected by published measurements",
    severity=Severity.MONITOR,
    good="910K tokens/s of 1M expected, at least 850K",
    bad="610K tokens/s of 1M expected, at least 850K",
)
UNTUNED = Rule(
    id="diagnose.untuned",
    verdicts=(Verdict.WARN, Verdict.PASS),
    reads="what a run left, and what was forecast when it started",
    expected="arguments of which no single one would make it a fifth faster",
    why="a run that gives all that its arguments allow still costs what others would save",
    remedy="try it with the argument that is named; seatrial forecast --search looks for whole layouts",
    source="seatrial forecast: the model of the step, with each argument changed alone",
    good="recompute=selective would give 4 % more",
    bad="recompute=selective would give 25 % more",
)
"""WARN: the run falls short of its forecast, and nothing like it was measured. PASS: it does not."""


def signs(left: Left) -> Iterator[tuple[float, Sign]]:
    """The share of the time that it costs, and what it is. To be asked where nothing else explains a slow run."""
    found, rate = _held(left)
    if found is None or rate is None or rate >= found.low:
        return
    said = f"it gives {rate:,.0f} tokens/s, {rate / found.expected:.0%} of what was expected, at least {found.low:,.0f}"
    best = _best(left)
    if found.evidence:
        near = f"{said}: near {found.evidence[0]}"
        yield 1 - rate / found.expected, Sign(rule=SLOWER, said=near, evidence="events.jsonl, job.json")
    elif best is not None:
        text = f"{said}; nothing like it was measured; {_gains(left)}"
        yield best.gain / (1 + best.gain), Sign(rule=UNTUNED, said=text, evidence="job.json")


def advice(left: Left) -> Finding | None:
    """What would make a run faster that gives what was expected of it; None if nothing would, or that is not known."""
    found, rate = _held(left)
    if found is None or rate is None or rate < found.low or _best(left) is None:
        return None
    said = f"it completed, with {rate / found.expected:.0%} of what was expected of it; {_gains(left)}"
    return UNTUNED.finding(Verdict.PASS, said, evidence="job.json")


def _held(left: Left) -> tuple[Range | None, float | None]:
    """What was forecast, and the steady throughput; None where one is not to be held against the other."""
    attempts = Attempts(left.log.events, left.job.flops_per_token)
    info = attempts.all[-1].info if attempts.all else None
    points = undisturbed(left.job, attempts)
    if left.job.expected is None or info is None or info.unit != "tokens" or len(points) < MIN_POINTS:
        return None, None
    if doubts.incomparable(left.job, attempts, left.log):
        return None, None
    return left.job.expected.rate, sum((point.steady for point in points), Steady()).throughput


def _best(left: Left) -> Faster | None:
    known = left.job.expected.faster if left.job.expected else ()
    return next((one for one in known if one.gain >= GAIN), None)


def _gains(left: Left) -> str:
    known = left.job.expected.faster if left.job.expected else ()
    told = [f"{one.setting} {one.gain:.0%} more" for one in known if one.gain >= GAIN]
    return f"by the model of its step would give: {', '.join(told)}"
