"""Runs that an engine has: handed over, cancelled, looked at again from anywhere."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, replace

from seatrial import launchers
from seatrial.cluster import Cluster
from seatrial.errors import Problem, UserError
from seatrial.launchers import Element, Engine
from seatrial.plan import Plan
from seatrial.runs import Run
from seatrial.standing import Phase, Standing, Submission

POLL_SECONDS = 2.0
"""Between two looks at an engine while a run is followed."""


def hand_over(engine: Engine, plan: Plan, name: str, cluster: Cluster, runs: list[tuple[Run, Element]]) -> None:
    """Give a plan to an engine under a name, and note in each run that comes of it by which id the engine knows it.

    Raises UserError if the engine refuses, CutOff if its answer is not known.
    """
    for run, element in runs:
        run.save_submission(Submission(name=run.id, cluster=asdict(element.cluster)))
    job_id = engine.submit(plan, name, cluster)
    for run, element in runs:
        _submitted(run, f"{job_id}{element.suffix}")


def cancel(engine: Engine, run: Run) -> None:
    """Ask a run's engine to end it."""
    submission = run.submission()
    assert submission is not None  # only runs that an engine has are cancelled there
    cluster = launchers.restore(submission.cluster)
    engine.cancel(_identified(engine, run, submission, cluster), cluster)


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
        if submission is not None and (logs or not _has_ended(submission)):
            clusters.setdefault(json.dumps(submission.cluster, sort_keys=True), []).append((run, submission))
    problems: list[Problem] = []
    for record, members in clusters.items():
        try:
            _refresh(launchers.restore(json.loads(record)), members, logs=logs)
        except UserError as error:
            problems += error.problems
        except OSError as error:  # another user's run, a full disk: who only looks needs to write nothing
            problems.append(Problem(error.strerror or str(error), str(error.filename or "")))
    return problems


def _refresh(cluster: Cluster, members: list[tuple[Run, Submission]], *, logs: bool) -> None:
    engine = launchers.find(cluster.launcher).executor
    assert isinstance(engine, Engine)  # only to one a run is handed over
    members = [(run, _identified(engine, run, s, cluster)) for run, s in members]
    asked = [s for _, s in members if not _has_ended(s)]
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


def _identified(engine: Engine, run: Run, submission: Submission, cluster: Cluster) -> Submission:
    """The submission with its id, where the answer to it was lost."""
    if submission.job_id is not None:
        return submission
    found = replace(submission, job_id=engine.lookup(submission.name, cluster))
    run.save_submission(found)
    return found


def _has_ended(submission: Submission) -> bool:
    return submission.standing is not None and submission.standing.phase is Phase.ENDED


def is_over(run: Run) -> bool:
    """Whether a run has left its engine, as last seen."""
    submission = run.submission()
    return bool(submission and submission.standing and submission.standing.phase in (Phase.ENDED, Phase.GONE))
