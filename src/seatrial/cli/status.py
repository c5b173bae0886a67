"""seatrial status"""

from __future__ import annotations

import time

import click

from seatrial.cli.options import as_json, find_run, print_json, run_argument, runs_dir
from seatrial.cli.tables import print_facts
from seatrial.diagnose import diagnose
from seatrial.events import CheckpointSaved, Heartbeat, RunStart
from seatrial.findings import overall
from seatrial.history import History
from seatrial.report.format import duration, number
from seatrial.runs import Run, State
from seatrial.verdict import judge


@click.command()
@run_argument
@runs_dir
@as_json
def command(name: str, history: History, as_json: bool) -> None:
    """Where a run stands."""
    run = find_run(history, name)
    log = run.events()
    state = run.state(log)
    steps, start, saved = log.steps(), log.last(RunStart), log.last(CheckpointSaved)
    phase = log.last(Heartbeat)
    over = state in (State.COMPLETED, State.FAILED)
    submission = run.submission()
    ago = time.time() - log.events[-1].time if log.events else None
    facts = {
        "run": run.id,
        "job": run.job.label,
        "state": state.value,
        "cluster": run.job.cluster,
        "job_id": submission.job_id if submission else None,
        "engine": submission.standing.detail if submission and submission.standing else None,
        "verdict": overall(judge(run)).value if over else None,
        "cause": _cause(run) if over or state is State.LOST else None,
        "step": steps[-1].step if steps else 0,
        "steps": start.steps if start else None,
        "loss": steps[-1].loss if steps else None,
        "phase": phase.phase if phase and not steps else None,
        "attempts": log.attempts(),
        "last_checkpoint": saved.path if saved else None,
        "last_event_seconds_ago": ago,
        "path": str(run.path),
    }
    if as_json:
        print_json(facts)
        return
    facts["loss"] = number(steps[-1].loss) if steps else None
    del facts["last_event_seconds_ago"]
    facts["last_event"] = ago and f"{duration(ago)} ago"
    print_facts({key.replace("_", " "): value for key, value in facts.items() if value is not None}, 16)


def _cause(run: Run) -> str | None:
    """The root cause that the diagnosis names, in a line; None if it names none."""
    found = diagnose(run)
    return f"{found.cause.check}: {found.cause.observed}" if found.named else None
