"""A run's loss against the baseline of its training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from seatrial.errors import UserError
from seatrial.events import EventLog
from seatrial.findings import Finding, Verdict
from seatrial.job import Job
from seatrial.runs import Run
from seatrial.verdict import loss_rules as rules
from seatrial.verdict.band import TOGETHER, losses, outside
from seatrial.verdict.baselines import FILE, Baseline, deciding, differing, own, read


def baseline_of(run: Run, job: Job) -> Baseline | None:
    """The baseline of its training among those beside it; None: there is none, or none that can be read."""
    try:
        return own(job, read(run.path.parent / FILE))
    except UserError:
        return None


def judge(job: Job, log: EventLog, folder: Path) -> list[Finding]:
    """The finding of a run in that folder of runs. Nothing is said where no baseline of its recipe was recorded."""
    if job.purpose != "training":
        return []
    try:
        known = read(folder / FILE)
    except UserError as error:
        return [rules.BAND.finding(Verdict.UNKNOWN, str(error.problems[0]), remedy="record it anew")]
    return against(job, log, known)


def against(job: Job, log: EventLog, known: Sequence[Baseline]) -> list[Finding]:
    """The same with the baselines given. Pure."""
    found = own(job, known)
    if found is None:
        return _of_another(job, known)
    steps, left = outside(found.band, losses(log))
    count = len(found.runs)
    expected = f"within {found.band.width:.1%} of {', '.join(found.runs)}: {count} run{'s' * (count > 1)}, {found.date}"
    if steps < TOGETHER:
        said = f"{steps} steps in common with the baseline; {TOGETHER} or more tell something"
        return [rules.BAND.finding(Verdict.UNKNOWN, said, expected=expected)]
    if left is None:
        return [rules.BAND.finding(Verdict.PASS, f"inside at all {steps} steps in common", expected=expected)]
    said = (
        f"{'above' if left.above else 'below'} it from step {left.first} to {left.last}, by means of {left.together} "
        f"logged steps: {left.loss:.4g} at step {left.worst}, the band {left.low:.4g} to {left.high:.4g}"
    )
    return [rules.BAND.finding(Verdict.FAIL, said, expected=expected)]


def _of_another(job: Job, known: Sequence[Baseline]) -> list[Finding]:
    """That the recipe has a baseline, but of another training."""
    other = next((one for one in known if job.args and (one.case, one.recipe) == (job.case, job.recipe)), None)
    if other is None:
        return []
    said = f"not compared: {differing(deciding(job), other.args)}"
    return [rules.BAND.finding(Verdict.SKIP, said, expected="the arguments of the baseline")]
