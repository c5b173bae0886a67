"""The verdict of a training run: its events against its recipe's expectations.

Every rule answers PASS, FAIL or UNKNOWN; what could not be seen is UNKNOWN. The run passes if all of them do.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from statistics import fmean

from seatrial.attempts import Attempts
from seatrial.events import EventLog, RunStart, Validation
from seatrial.findings import Finding, Verdict, judged
from seatrial.runs import Run
from seatrial.spec import Job
from seatrial.verdict import rules

PUBLISHED_SHARE = 0.95
"""A run must reach this share of a published figure: a bound of ours, for the noise between two clusters."""
LAST = 5
"""The loss at the end is the mean of this many logged steps: one step's loss depends on its batch."""


def judge(run: Run) -> list[Finding]:
    """All findings about a run: what it reported itself, then one for each rule."""
    job, log = run.job, run.events()
    judges = JUDGES if job.purpose == "training" else (completed, readable)
    return [*log.of(Finding), *(judge(job, log) for judge in judges), *metrics(job, log), *published(job, log)]


def completed(job: Job, log: EventLog) -> Finding:
    """All steps were done."""
    end, start = log.end(), log.last(RunStart)
    expected = f"all {start.steps} steps" if start else ""
    if end is None:
        why = "the run never said how it ended"
        return rules.COMPLETED.finding(Verdict.UNKNOWN, why, expected=expected, evidence="events.jsonl")
    done = f"{end.step} steps, {end.outcome}" + (f": {end.reason}" if end.reason else "")
    if end.outcome == "stopped":
        again = "go on with the same command and --resume"
        return rules.COMPLETED.finding(Verdict.UNKNOWN, done, expected=expected, remedy=again)
    good = end.outcome == "completed" and start is not None and end.step == start.steps
    return rules.COMPLETED.finding(judged(good), done, expected=expected)


def readable(_: Job, log: EventLog) -> Finding:
    """Every event could be read."""
    verdict = Verdict.UNKNOWN if log.unreadable or not log.events else Verdict.PASS
    return rules.READABLE.finding(verdict, f"{log.unreadable} unreadable lines", evidence="events.jsonl")


def finite(_: Job, log: EventLog) -> Finding:
    """No loss and no gradient norm was NaN or infinite."""
    steps = log.steps()
    if not steps:
        return rules.FINITE.finding(Verdict.UNKNOWN, "no step was logged")
    bad = [s.step for s in steps if not math.isfinite(s.loss) or not math.isfinite(s.grad_norm or 0.0)]
    observed = f"not finite at step {bad[0]}" if bad else f"finite in {len(steps)} logged steps"
    return rules.FINITE.finding(judged(not bad), observed)


def loss_fell(job: Job, log: EventLog) -> Finding:
    """The loss fell by what the recipe states."""
    wanted = job.expectations.loss_decrease
    steps = log.steps()
    if wanted is None:
        return rules.LOSS_FELL.finding(Verdict.UNKNOWN, "not judged", expected="the recipe states no expectation")
    expected = f"a fall of {wanted:g} nats or more"
    if len(steps) < 2:
        return rules.LOSS_FELL.finding(Verdict.UNKNOWN, f"{len(steps)} steps were logged", expected=expected)
    first = steps[0].loss
    last = fmean(step.loss for step in steps[1:][-LAST:])
    observed = f"from {first:.3f} to {last:.3f}, a fall of {first - last:.3f} nats"
    return rules.LOSS_FELL.finding(judged(first - last >= wanted), observed, expected=expected)


def ranks_agree(_: Job, log: EventLog) -> Finding:
    """Step, loss and replicated weights were the same on all ranks at the end."""
    end = log.end()
    answer = end.ranks_agree if end else None
    observed = {True: "the same", False: "different", None: "not compared"}[answer]
    return rules.RANKS_AGREE.finding(Verdict.UNKNOWN if answer is None else judged(answer), observed)


JUDGES: tuple[Callable[[Job, EventLog], Finding], ...] = (completed, readable, finite, loss_fell, ranks_agree)


def metrics(job: Job, log: EventLog) -> list[Finding]:
    """Validation metrics at the end are good enough."""
    last = log.last(Validation)
    found = []
    for name, bound in job.expectations.at_least.items():
        value = last.metrics.get(name) if last else None
        observed = f"{value:.4f} at step {last.step}" if last and value is not None else "never measured"
        verdict = Verdict.UNKNOWN if value is None else judged(value >= bound)
        rule = replace(rules.METRIC, id=f"run.{name}")
        found.append(rule.finding(verdict, observed, expected=f"{bound:g} or more"))
    return found


def published(job: Job, log: EventLog) -> list[Finding]:
    """The steady throughput against what others measured on the same hardware."""
    rate = Attempts(log.events).steady().throughput
    found = []
    for figure in job.published:
        share = job.world_size if figure.metric.endswith("per accelerator") else 1
        measured = rate / share if rate is not None else None
        rule = replace(rules.PUBLISHED, source=figure.source)
        found.append(
            rule.finding(
                Verdict.UNKNOWN if measured is None else judged(measured >= PUBLISHED_SHARE * figure.value),
                "never measured" if measured is None else f"{measured:,.0f} {figure.metric}",
                expected=f"{PUBLISHED_SHARE:.0%} or more of {figure.value:,.0f}, published for {figure.nodes} x "
                f"{figure.instance_type}: {figure.source}",
            )
        )
    return found
