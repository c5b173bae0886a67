"""Whether a loss goes on after a resume as it was: by the steps that were trained twice, or else by its course."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean, median

from seatrial.events import EventLog, Step
from seatrial.findings import Finding, Verdict, judged
from seatrial.verdict import loss_rules as rules
from seatrial.verdict.curve import attempts, noise

ROUNDING = 5e-4
"""Of a loss: what other kernels, or sums in another order, change in a few steps; a bound of ours. Where nothing of
that changes, cards of NVIDIA's (rules.CARDS) find the first loss after a resume equal within 1e-6."""
CLOSE = 0.01
"""Of a loss, where too few were logged to tell the noise of batches: the bound of those cards for later steps."""
FIRST, ALIKE = 0.1, 0.3
"""Standard deviations of that noise by which the first step, and the median of all, differ at most where batches are
the same. Another batch differs by less in the first once in 18 times, and in the median of five once in 28."""
TWICE = 10
"""Steps that were trained twice and are compared: rounding grows with each, and with it what is no fault."""
SHARE = 0.9
"""Of the steps that two lines stand for, which must be the same: some frameworks log means since the line before."""
BEFORE, AFTER = 20, 5
"""Logged steps that a course is told from, and that are held against it."""
FEWEST = 8
"""Logged steps before a resume without which nothing tells its course."""
SURE = 5.0
"""Standard errors from the course."""

Spans = Mapping[int, tuple[int, float]]
"""Logged step -> the steps that it stands for, and its loss."""


def continues(log: EventLog) -> Iterator[Finding]:
    """Of the resume that went on worst, or else of the last. Nothing is said where there was none."""
    found: list[Finding] = []
    known: dict[int, tuple[int, float]] = {}  # as it was before each resume
    for steps in attempts(log):
        now = _spans(steps)
        if known:
            found.append(_resumed(known, now))
        known |= now
    failed = [finding for finding in found if finding.verdict is Verdict.FAIL]
    told = [finding for finding in found if finding.verdict is not Verdict.SKIP]
    yield from (failed or told[-1:] or found[-1:])[:1]


def _spans(steps: Sequence[Step]) -> dict[int, tuple[int, float]]:
    """A first line stands for its own step alone: nobody says when its attempt began to count."""
    before = [steps[0].step - 1, *(step.step for step in steps)]
    return {step.step: (step.step - last, step.loss) for step, last in zip(steps, before, strict=False)}


def _resumed(known: Spans, now: Spans) -> Finding:
    twice = [step for step in now if step in known and _same(known[step][0], now[step][0])][:TWICE]
    if twice:
        return _twice(known, now, twice)
    return _course(known, now)


def _same(one: int, other: int) -> bool:
    return min(one, other) >= SHARE * max(one, other)


def _twice(known: Spans, now: Spans, steps: Sequence[int]) -> Finding:
    """The same batches from the same weights give the same losses, but for rounding."""
    apart = [abs(now[step][1] - known[step][1]) for step in steps]
    near = [loss for step, (_, loss) in sorted(known.items()) if steps[0] - BEFORE <= step <= steps[-1] + BEFORE]
    level = abs(fmean(known[step][1] for step in steps))
    usual = noise(near) if len(near) >= FEWEST else None
    first, most = (
        max(share * usual, ROUNDING * level) if usual is not None else CLOSE * level for share in (FIRST, ALIKE)
    )
    good = median(apart) <= most and (steps[0] > min(now) or apart[0] <= first)
    which = (
        f"step {steps[0]}, trained twice" if len(steps) == 1 else f"{len(steps)} steps from {steps[0]}, trained twice"
    )
    batches = f", where batches differ by {usual:.2g}" if usual is not None else ""
    if good:
        return rules.CONTINUES.finding(Verdict.PASS, f"{which}: the same losses within {max(apart):.2g} nats{batches}")
    said = f"{which}: losses {median(apart):.2g} nats apart in the median, {apart[0]:.2g} at first{batches}"
    return rules.CONTINUES.finding(Verdict.FAIL, f"{said}; other data, or other weights")


def _course(known: Spans, now: Spans) -> Finding:
    """The first losses are neither above the level before, nor below its trend: a curve that flattens is between."""
    before = [(step, loss) for step, (_, loss) in sorted(known.items()) if step < min(now) and math.isfinite(loss)]
    after = [(step, loss) for step, (_, loss) in now.items() if math.isfinite(loss)][:AFTER]
    before = before[-BEFORE:]
    if len(before) < FEWEST or len(after) < AFTER:
        said = f"not judged: {len(before)} losses were logged before the resume, {len(after)} after it"
        return rules.CONTINUES.finding(Verdict.SKIP, said)
    losses = [loss for _, loss in before]
    level, trend = fmean(losses[-2 * AFTER :]), _extrapolated(before, fmean(step for step, _ in after))
    error = noise(losses) * math.sqrt(1 / AFTER + 4 / len(before))
    margin = max(SURE * error, CLOSE * abs(level))
    found = median(loss for _, loss in after)
    low, high = min(trend, level) - margin, max(trend, level) + margin
    observed = f"{found:.4g} in the median of {AFTER} logged steps after the resume"
    expected = f"{low:.4g} to {high:.4g}, by {len(before)} logged steps before it"
    return rules.CONTINUES.finding(judged(low <= found <= high), observed, expected=expected)


def _extrapolated(points: Sequence[tuple[float, float]], to: float) -> float:
    """Of the least-squares line through the points."""
    x, y = fmean(point[0] for point in points), fmean(point[1] for point in points)
    across = sum((point[0] - x) ** 2 for point in points)
    return y + (to - x) * sum((px - x) * (py - y) for px, py in points) / across
