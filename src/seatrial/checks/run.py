"""The verdict of a training run: its events against its recipe's expectations.

Every rule answers PASS, FAIL or UNKNOWN; what could not be seen is UNKNOWN. The run passes if all of them do.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import fmean

from seatrial.attempts import Attempts
from seatrial.events import EventLog, RunStart, Validation
from seatrial.findings import Finding, Severity, Verdict
from seatrial.runs import Run
from seatrial.spec import Job

PUBLISHED_SHARE = 0.95
"""A run must reach this share of a published figure: a bound of ours, for the noise between two clusters."""
LAST = 5
"""The loss at the end is the mean of this many logged steps: one step's loss depends on its batch."""


def judge(run: Run) -> list[Finding]:
    """All findings about a run: what it reported itself, then one for each rule."""
    job, log = run.job, run.events()
    rules = RULES if job.purpose == "training" else (completed, readable)
    return [*log.of(Finding), *(rule(job, log) for rule in rules), *_metrics(job, log), *_published(job, log)]


def completed(job: Job, log: EventLog) -> Finding:
    """All steps were done."""
    end, start = log.end(), log.last(RunStart)
    expected = f"all {start.steps} steps" if start else "all steps"
    if end is None:
        return _finding(
            "run.completed", Verdict.UNKNOWN, "the run never said how it ended", expected, evidence="events.jsonl"
        )
    done = f"{end.step} steps, {end.outcome}" + (f": {end.reason}" if end.reason else "")
    if end.outcome == "stopped":
        return _finding(
            "run.completed", Verdict.UNKNOWN, done, expected, action="go on with the same command and --resume"
        )
    good = end.outcome == "completed" and start is not None and end.step == start.steps
    return _finding("run.completed", _pass(good), done, expected)


def readable(_: Job, log: EventLog) -> Finding:
    """Every event could be read."""
    observed = f"{log.unreadable} unreadable lines"
    verdict = Verdict.UNKNOWN if log.unreadable or not log.events else Verdict.PASS
    return _finding("run.events-readable", verdict, observed, "0 unreadable lines", evidence="events.jsonl")


def finite(_: Job, log: EventLog) -> Finding:
    """No loss and no gradient norm was NaN or infinite."""
    steps = log.steps()
    expected = "finite losses and gradient norms"
    if not steps:
        return _finding("run.finite", Verdict.UNKNOWN, "no step was logged", expected)
    bad = [s.step for s in steps if not math.isfinite(s.loss) or not math.isfinite(s.grad_norm or 0.0)]
    observed = f"not finite at step {bad[0]}" if bad else f"finite in {len(steps)} logged steps"
    action = "lower the learning rate, lengthen the warm-up, look at the data of that step" if bad else ""
    return _finding("run.finite", _pass(not bad), observed, expected, action=action)


def loss_fell(job: Job, log: EventLog) -> Finding:
    """The loss fell by what the recipe states."""
    wanted = job.expectations.loss_decrease
    steps = log.steps()
    if wanted is None:
        return _finding("run.loss-fell", Verdict.UNKNOWN, "not judged", "the recipe states no expectation")
    if len(steps) < 2:
        return _finding("run.loss-fell", Verdict.UNKNOWN, f"{len(steps)} steps were logged", f"a fall of {wanted:g}")
    first = steps[0].loss
    last = fmean(step.loss for step in steps[1:][-LAST:])
    observed = f"from {first:.3f} to {last:.3f}, a fall of {first - last:.3f} nats"
    return _finding("run.loss-fell", _pass(first - last >= wanted), observed, f"a fall of {wanted:g} nats or more")


def ranks_agree(_: Job, log: EventLog) -> Finding:
    """Step, loss and replicated weights were the same on all ranks at the end."""
    end = log.end()
    answer = end.ranks_agree if end else None
    observed = {True: "the same", False: "different", None: "not compared"}[answer]
    verdict = Verdict.UNKNOWN if answer is None else _pass(answer)
    return _finding("run.ranks-agree", verdict, observed, "the same step, loss and weights on all ranks")


RULES: tuple[Callable[[Job, EventLog], Finding], ...] = (completed, readable, finite, loss_fell, ranks_agree)


def _metrics(job: Job, log: EventLog) -> list[Finding]:
    last = log.last(Validation)
    found = []
    for name, bound in job.expectations.at_least.items():
        value = last.metrics.get(name) if last else None
        observed = f"{value:.4f} at step {last.step}" if last and value is not None else "never measured"
        verdict = Verdict.UNKNOWN if value is None else _pass(value >= bound)
        found.append(_finding(f"run.{name}", verdict, observed, f"{bound:g} or more"))
    return found


def _published(job: Job, log: EventLog) -> list[Finding]:
    """The steady throughput against what others measured on the same hardware."""
    rate = Attempts(log.events).steady().throughput
    found = []
    for figure in job.published:
        share = job.world_size if figure.metric.endswith("per accelerator") else 1
        measured = rate / share if rate is not None else None
        good = measured is not None and measured >= PUBLISHED_SHARE * figure.value
        found.append(
            _finding(
                "run.published",
                Verdict.UNKNOWN if measured is None else _pass(good),
                "never measured" if measured is None else f"{measured:,.0f} {figure.metric}",
                f"{PUBLISHED_SHARE:.0%} or more of {figure.value:,.0f}, published for {figure.nodes} x "
                f"{figure.instance_type}: {figure.source}",
                action="" if good else "look at the phases of a step, and run: seatrial network lint",
            )
        )
    return found


def _pass(good: bool) -> Verdict:
    return Verdict.PASS if good else Verdict.FAIL


def _finding(
    check: str, verdict: Verdict, observed: str, expected: str, *, action: str = "", evidence: str = ""
) -> Finding:
    severity = Severity.HIGH if verdict is Verdict.FAIL else Severity.NONE
    return Finding(
        check=check,
        verdict=verdict,
        observed=observed,
        expected=expected,
        severity=severity,
        action=action,
        evidence=evidence,
    )
