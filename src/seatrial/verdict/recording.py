"""A baseline of losses, made of runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from seatrial.errors import Problem, UserError
from seatrial.events import EventLog, RunStart
from seatrial.findings import Verdict
from seatrial.job import Job
from seatrial.runs import Run, State
from seatrial.verdict import judge_events, rules
from seatrial.verdict.band import TOGETHER, band, common, losses
from seatrial.verdict.baselines import Baseline, deciding, differing

NOT_OF_LOSS = {rules.PUBLISHED.id, rules.EXPECTED.id, rules.MEMORY.id}
"""What may fail in a run whose loss is as it should be."""


def record(runs: Sequence[Run]) -> Baseline:
    """The baseline of one or more runs of one training. Raises UserError with all that is in the way."""
    told = [(run, run.job, run.events()) for run in runs]
    problems = [problem for run, job, log in told for problem in _unfit(run, job, log)]
    first = told[0][1]
    for run, job, _ in told[1:]:
        if job.case != first.case:
            problems.append(Problem(f"is of {job.case}, {runs[0].id} of {first.case}", run.id, "take runs of one case"))
        elif other := differing(deciding(job), deciding(first)):
            problems.append(Problem(f"trains something else than {runs[0].id}: {other}", run.id, "leave it out"))
    curves = [losses(log) for *_, log in told]
    if not problems and len(common(curves)) < TOGETHER:
        what = f"{len(common(curves))} logged steps in common, with losses above 0; {TOGETHER} or more make a band"
        problems.append(Problem(what, " ".join(run.id for run in runs), "log every step: --set log_every=1"))
    if problems:
        raise UserError(problems)
    newest = max((log for *_, log in told), key=_ended)
    begun = newest.last(RunStart)
    return Baseline(
        case=first.case,
        recipe=first.recipe,
        args=deciding(first),
        runs=tuple(run.id for run in runs),
        date=datetime.fromtimestamp(_ended(newest), UTC).date().isoformat(),
        versions=", ".join(f"{name} {version}" for name, version in sorted(begun.versions.items())) if begun else "",
        band=band(curves),
    )


def _unfit(run: Run, job: Job, log: EventLog) -> Iterator[Problem]:
    """Why a run is no reference."""
    if job.purpose != "training" or not job.args:
        yield Problem("trains nothing whose arguments are known", run.id, "take a run of a training case")
        return
    state = run.state(log)
    if state is not State.COMPLETED:
        yield Problem(f"is {state}", run.id, "take runs that did all their steps")
    for finding in judge_events(job, log):
        if finding.verdict is Verdict.FAIL and finding.check not in NOT_OF_LOSS and state is State.COMPLETED:
            yield Problem(f"failed {finding.check}: {finding.observed}", run.id, "take runs that were good")


def _ended(log: EventLog) -> float:
    return max((timed.time for timed in log.events), default=0.0)
