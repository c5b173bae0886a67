"""Runs that an engine has: handed over, looked at again from anywhere, followed to their end."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace

from seatrial import launchers
from seatrial.errors import CutOff, Problem, UserError
from seatrial.events import EventWriter, RunEnd
from seatrial.plan import Plan
from seatrial.runs import History, Phase, Run, Standing, Submission
from seatrial.spec import Cluster, Job

FIRST_POLL_SECONDS = 0.25
POLL_SECONDS = 2.0
"""Between two looks at an engine while a run is followed: at first short, then longer, up to this. One look asks
about all runs of a cluster at once."""


def hand_over(plan: Plan, job: Job, cluster: Cluster, history: History, name: str) -> list[Run]:
    """Make the run, or one for each task of an array, and hand its plan to the cluster's engine.

    Raises UserError if the engine refuses; then nothing is left of it. If the connection broke, the run stays, and
    whoever looks at it next finds out whether the engine has it.
    """
    array = getattr(cluster.options, "array", None)
    names = [f"{name}-{element}" for element in range(array)] if array else [name]
    problems = [problem for each in names for problem in history.check_name(each)]
    if problems:
        raise UserError(problems)
    runs = [history.create(job, each) for each in names]
    # What is resumed later is one task, not the array.
    each = replace(cluster, options=replace(cluster.options, array=None)) if array else cluster
    for run in runs:
        plan.write(run.path / "plan")
        run.save_submission(Submission(name=run.id, cluster=asdict(each)))
    try:
        job_id = launchers.engine(cluster).submit(plan, name, cluster)
    except CutOff:
        raise
    except UserError:
        for run in runs:
            shutil.rmtree(run.path)
        raise
    for element, run in enumerate(runs):
        _submitted(run, f"{job_id}_{element}" if array else job_id)
    return runs


def hand_over_again(plan: Plan, run: Run, job: Job, cluster: Cluster) -> None:
    """Hand a run that is over to an engine once more, to go on from its last checkpoint."""
    before = run.submission()
    assert before is not None  # only runs that an engine had are resumed there
    run.save_job(job)
    if not run.events().attempts():  # `cancel` wrote its only event, which the job's own events do not know
        run.events_path.unlink(missing_ok=True)
    shutil.rmtree(run.path / "plan", ignore_errors=True)
    plan.write(run.path / "plan")
    run.save_submission(Submission(name=run.id, cluster=asdict(cluster)))
    try:
        job_id = launchers.engine(cluster).submit(plan, run.id, cluster)
    except CutOff:
        raise
    except UserError:
        run.save_submission(before)
        raise
    _submitted(run, job_id)


def _submitted(run: Run, job_id: str) -> None:
    submission = run.submission()
    assert submission is not None  # written before it was handed over
    standing = Standing(phase=Phase.QUEUED)
    run.save_submission(replace(submission, job_id=job_id, standing=standing, seen=time.time()))


def refresh(runs: Iterable[Run], *, logs: bool = False) -> list[Problem]:
    """Ask the engines about all runs that are not over, and bring what is new of their events, and of their logs.

    One question for each cluster. Returns what kept a cluster from answering; its runs stay as they were last seen.
    """
    clusters: dict[str, list[tuple[Run, Submission]]] = {}
    for run in runs:
        submission = run.submission()
        if submission is not None and (logs or not _is_over(submission)):
            clusters.setdefault(json.dumps(submission.cluster, sort_keys=True), []).append((run, submission))
    problems: list[Problem] = []
    for record, members in clusters.items():
        try:
            _refresh(launchers.restore(json.loads(record)), members, logs=logs)
        except UserError as error:
            problems += error.problems
    return problems


def _refresh(cluster: Cluster, members: list[tuple[Run, Submission]], *, logs: bool) -> None:
    engine = launchers.engine(cluster)
    members = [(run, _identified(run, s, cluster)) for run, s in members]
    asked = [s for _, s in members if not _is_over(s)]
    standings = engine.standings(asked, cluster) if asked else {}
    for run, submission in members:
        # after the question, so that the events of a job that is over are all there
        engine.collect(run, submission, cluster, logs=logs)
        if submission in asked:
            gone = Standing(
                phase=Phase.GONE, detail="never submitted" if submission.job_id is None else "unknown to it"
            )
            standing = standings.get(submission.name, gone)
            run.save_submission(replace(submission, standing=standing, seen=time.time()))


def _identified(run: Run, submission: Submission, cluster: Cluster) -> Submission:
    """The submission with its id, where the answer to it was lost."""
    if submission.job_id is not None:
        return submission
    found = replace(submission, job_id=launchers.engine(cluster).lookup(submission.name, cluster))
    run.save_submission(found)
    return found


def _is_over(submission: Submission) -> bool:
    return submission.standing is not None and submission.standing.phase is Phase.ENDED


def follow(run: Run, on_look: Callable[[], None]) -> None:
    """Look at a run until it is over; `on_look` is called after each look. Raises UserError if it cannot be seen."""
    pause = FIRST_POLL_SECONDS
    while True:
        problems = refresh([run])
        if problems:
            raise UserError(problems)
        on_look()
        submission = run.submission()
        assert submission is not None and submission.standing is not None  # it was just looked at
        if submission.standing.phase in (Phase.ENDED, Phase.GONE):
            return
        time.sleep(pause)  # an engine far away offers nothing to wait on
        pause = min(POLL_SECONDS, pause * 1.5)


def cancel(run: Run, submission: Submission) -> None:
    """Ask a run's engine to end it, and wait until it has."""
    cluster = launchers.restore(submission.cluster)
    launchers.engine(cluster).cancel(_identified(run, submission, cluster), cluster)
    follow(run, lambda: None)
    if not run.events().events:  # no rank lived to say it
        events = EventWriter(run.events_path)
        events.write(RunEnd(outcome="stopped", step=0, reason="cancelled before it started"))
        events.close()
