"""The verdict of a training run: its events against its recipe's expectations.

Every rule answers PASS, FAIL or UNKNOWN; what could not be seen is UNKNOWN. The run passes if all of them do. A bound
that is stated for the end of a whole run is not held against a part of one: it is SKIP where the user asked for fewer
steps, and UNKNOWN where the run was stopped or died before.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from statistics import fmean

from seatrial import tracked
from seatrial.attempts import Attempts
from seatrial.events import CheckpointSaved, EventLog, RunStart, Step, Validation
from seatrial.findings import Finding, Verdict, judged
from seatrial.job import Job
from seatrial.runs import Run
from seatrial.verdict import loss, measured, reference, rules

LAST = 5
"""The loss at the end is the mean of this many logged steps: one step's loss depends on its batch."""


def judge(run: Run) -> list[Finding]:
    """All findings about a run: what it reported itself, one for each rule, and which trackers lack something of it."""
    log = run.events()
    job, others = run.job, [] if run.state(log).live else tracked.findings(run)
    return [*judge_events(job, log), *reference.judge(job, log, run.path.parent), *others]


def judge_events(job: Job, log: EventLog) -> list[Finding]:
    """The same of a job and its events. Pure."""
    judges = JUDGES if job.purpose == "training" else (completed, readable)
    attempts = Attempts(log.events, job.flops_per_token)
    return [
        *log.of(Finding),
        *(judge(job, log) for judge in judges),
        *metrics(job, log),
        *checkpoints(log),
        *loss.judge(job, log),
        *measured.findings(job, attempts, log),
    ]


def completed(job: Job, log: EventLog) -> Finding:
    """All steps were done."""
    end, start = log.end(), log.last(RunStart)
    expected = f"all {start.steps} steps" if start and start.steps > 1 else "its one step" if start else ""
    if end is None:
        why = "the run never said how it ended"
        return rules.COMPLETED.finding(Verdict.UNKNOWN, why, expected=expected, evidence="events.jsonl")
    done = f"{_steps(end.step)}, {end.outcome}" + (f": {end.reason}" if end.reason else "")
    if end.outcome == "lost":  # a log that was read: it does not show how the run ended
        done = f"{_steps(end.step)}: {end.reason}"
        return rules.COMPLETED.finding(Verdict.UNKNOWN, done, expected=expected, remedy="read the log to its very end")
    if end.outcome == "stopped":
        again = "go on with the same command and --resume"
        return rules.COMPLETED.finding(Verdict.UNKNOWN, done, expected=expected, remedy=again)
    good = end.outcome == "completed" and start is not None and end.step == start.steps
    return rules.COMPLETED.finding(judged(good), done, expected=expected)


def _steps(count: int) -> str:
    return f"{count} step" if count == 1 else f"{count} steps"


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
        if job.expectations.waived:
            return rules.LOSS_FELL.finding(Verdict.SKIP, "not judged", expected="nothing: --expect")
        return rules.LOSS_FELL.finding(Verdict.UNKNOWN, "not judged", expected="the recipe states no expectation")
    expected = f"a fall of {wanted:g} nats or more"
    if len(steps) < 2:
        verdict, why = _unmet(job, log, measured=False)
        return rules.LOSS_FELL.finding(verdict, f"{len(steps)} steps were logged{why}", expected=expected)
    if begun := _begun(log):
        why = f"not judged: the first step is {steps[0].step}, after {_steps(begun)} that nobody saw"
        return rules.LOSS_FELL.finding(Verdict.UNKNOWN, why, expected=expected)
    first = steps[0].loss
    last = fmean(step.loss for step in steps[1:][-LAST:])
    verdict, why = (Verdict.PASS, "") if first - last >= wanted and not _lost(log) else _unmet(job, log)
    observed = f"from {first:.3f} to {last:.3f}, a fall of {first - last:.3f} nats{why}"
    return rules.LOSS_FELL.finding(verdict, observed, expected=expected)


def _begun(log: EventLog) -> int:
    """Steps before the first that anybody saw: a log may begin in the middle of a run."""
    return next((start.start_step for start in log.of(RunStart)), 0)


def _lost(log: EventLog) -> bool:
    """Whether a log that was read ends before the run does."""
    end = log.end()
    return (
        end is not None
        and end.outcome == "lost"
        and (start := log.last(RunStart)) is not None
        and (end.step < start.steps)
    )


def _unmet(job: Job, log: EventLog, *, measured: bool = True) -> tuple[Verdict, str]:
    """What it means that a bound is not met or was not measured, and why in words where it is not held against it."""
    start, end = log.last(RunStart), log.end()
    planned = start.steps if start else None
    stated = job.expectations.steps or planned
    done = max([step.step for step in log.of(Step)] + [end.step if end else 0])
    if stated is None or done >= stated:
        return Verdict.FAIL if measured and stated is not None else Verdict.UNKNOWN, ""
    asked = planned is not None and planned < stated
    return Verdict.SKIP if asked else Verdict.UNKNOWN, f"; not judged: stated for {stated} steps, this is after {done}"


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
        met = value is not None and value >= bound
        verdict, why = (Verdict.PASS, "") if met else _unmet(job, log, measured=value is not None)
        rule = replace(rules.METRIC, id=f"run.{name}")
        found.append(rule.finding(verdict, f"{observed}{why}", expected=f"{bound:g} or more"))
    return found


def checkpoints(log: EventLog) -> list[Finding]:
    """Of all that were tried, one could be written. Nothing is said where none was tried."""
    failed = [finding for finding in log.of(Finding) if finding.check == rules.NOT_SAVED]
    if not failed:
        return []
    saved = len(log.of(CheckpointSaved))
    observed = f"{saved} of {saved + len(failed)} were written; {failed[-1].observed}"
    return [rules.CHECKPOINTS.finding(judged(saved > 0), observed)]
