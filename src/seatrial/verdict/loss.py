"""The course of a loss, judged by itself: where it starts, whether it jumps, whether it still falls."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import fmean, median

from seatrial.events import EventLog, RunStart, Step
from seatrial.findings import Finding, Verdict
from seatrial.job import Job
from seatrial.samples import SIGMAS
from seatrial.verdict import loss_rules as rules
from seatrial.verdict.continuation import continues
from seatrial.verdict.curve import curve, noise

BELOW = 0.5
"""Nats below ln C by which the first loss may lie. Logits of standard deviation s, drawn at random, give on average
ln C + s^2 / 2, and vary around it by s x sqrt(sum p^2) over labels that occur with shares p: three of those below, at
the s where that is lowest, are 9 / 2 x sum p^2, and in ten classes, or in bytes of text, sum p^2 is 0.1."""
ABOVE = 4.0
"""Nats above ln C. The widest model that was published, 16,384 at 0.02, has s^2 / 2 = 3.3."""
BEFORE = 20
"""Logged losses that a jump is measured against."""
JUMP = 8.0
"""Standard deviations of their noise that it is above them at least."""
RISE = 0.1
"""Of the loss that it rises by at least; a bound of ours, as the next two."""
LASTING = 3
"""Logged losses in a row: a single one is a batch that is hard."""
LONG = 100
"""Logged losses without which a loss that no longer falls may be chance."""
FALL = 0.5
"""Nats by which it must have fallen before: what never learnt is seen by run.loss-fell."""
STILL = 0.005
"""Of the loss: a fall from the third quarter of the logged steps to the last that is surely less is none."""
HIGH = 0.5
"""Of the highest learning rate: below it the schedule is nearly through."""


def judge(job: Job, log: EventLog) -> list[Finding]:
    """All that its course says. Nothing is said of resumes and jumps that there were none of."""
    if job.purpose != "training":
        return []
    return [*start(job, log), *continues(log), *spikes(log), *plateau(log)]


def start(job: Job, log: EventLog) -> Iterator[Finding]:
    """The loss of the first step against that of weights that know nothing. Nothing is said where that is not known."""
    first = next(iter(log.steps()), None)
    if job.classes is None or any(begun.start_step for begun in log.of(RunStart)[:1]):
        return
    usual = math.log(job.classes)
    expected = f"{usual - BELOW:.2f} to {usual + ABOVE:.2f}: ln {job.classes} is {usual:.2f}"
    if first is None or not math.isfinite(first.loss):
        why = "no step was logged" if first is None else "is not a number"
        yield rules.START.finding(Verdict.UNKNOWN, why, expected=expected)
        return
    if first.step > 1:
        why = f"not judged: the first logged step is {first.step}"
        yield rules.START.finding(Verdict.SKIP, why, expected=expected)
        return
    over = first.loss - usual
    verdict = Verdict.FAIL if over < -BELOW else Verdict.WARN if over > ABOVE else Verdict.PASS
    observed = f"{first.loss:.3f} at step 1, {abs(over):.2f} {'above' if over >= 0 else 'below'} ln {job.classes}"
    yield rules.START.finding(verdict, observed, expected=expected)


def spikes(log: EventLog) -> Iterator[Finding]:
    """Jumps that last for several logged losses: the last of them, and how many there were."""
    steps, at, found = curve(log), BEFORE // 2, []
    usual = [step.loss for step in steps[:at]]
    while at <= len(steps) - LASTING:
        level = median(usual[-BEFORE:])
        bound = level + max(JUMP * noise(usual[-BEFORE:]), RISE * abs(level))
        if min(step.loss for step in steps[at : at + LASTING]) <= bound:
            usual.append(steps[at].loss)
            at += 1
            continue
        back = next((end for end in range(at, len(steps)) if steps[end].loss <= bound), len(steps))
        found.append((steps[at:back], level))
        at = back
    if not found:
        return
    last, level = found[-1]
    top = max(step.loss for step in last)
    times = f"{len(found)} times; the last time" if len(found) > 1 else "it jumped"
    said = f"{times} at step {last[0].step}, from {level:.3f} to {top:.3f}"
    if last[-1] is not steps[-1]:
        after = steps[steps.index(last[-1]) + 1].step
        yield rules.SPIKES.finding(Verdict.WARN, f"{said}, and was back at step {after}")
        return
    short = len(last) < BEFORE // 2
    verdict = Verdict.WARN if short else Verdict.FAIL
    end = f"; step {last[-1].step} is the last" if short else f", and never came back: {last[-1].loss:.3f} at the end"
    yield rules.SPIKES.finding(verdict, f"{said}{end}")


def plateau(log: EventLog) -> Iterator[Finding]:
    """The third and the last quarter of the logged losses are on one level, and the learning rate is still high."""
    steps, begun = curve(log), log.last(RunStart)
    if len(steps) < LONG or begun is None or 2 * steps[-1].step < begun.steps or not _high(steps):
        return
    quarter = len(steps) // 4
    before, after = ([step.loss for step in part] for part in (steps[-2 * quarter : -quarter], steps[-quarter:]))
    level, fell = fmean(before), fmean(before) - fmean(after)
    error = noise(before + after) * math.sqrt(2 / quarter)
    if steps[0].loss - level < FALL or fell + SIGMAS * error > STILL * abs(level):
        return
    said = f"{level:.4f} up to step {steps[-quarter - 1].step}, {fmean(after):.4f} from there to {steps[-1].step}"
    yield rules.PLATEAU.finding(Verdict.WARN, said)


def _high(steps: Sequence[Step]) -> bool:
    """Whether the learning rate is known and still high."""
    rates = [step.learning_rate for step in steps if step.learning_rate is not None]
    return bool(rates) and rates[-1] >= HIGH * max(rates)
