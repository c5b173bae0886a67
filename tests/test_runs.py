"""Run folders: owners, states."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from seatrial.binding import bind
from seatrial.errors import UserError
from seatrial.events import EventWriter, Heartbeat, RunEnd, encode
from seatrial.findings import Finding, Severity, Verdict
from seatrial.history import History
from seatrial.runs import Run, State, process_started
from seatrial.standing import Phase, Standing, Submission
from tests.test_binding import CASE, LOCAL, TINY

JOB = bind(CASE, TINY, LOCAL)


@pytest.fixture
def history(tmp_path):
    return History(tmp_path / "runs")


def test_a_run_was_started_when_it_was_first(history):
    run = history.create(JOB, "one")
    os.utime(run.path / "job.json", (100.0, 100.0))
    assert run.started() == 100.0
    run.events_path.write_bytes(encode(Heartbeat(phase="start"), 150.0) + encode(Heartbeat(phase="start"), 900.0))
    os.utime(run.path / "job.json", (800.0, 800.0))  # it was resumed
    assert run.started() == 150.0
    run.events_path.write_text("?\n")
    assert run.started() == 800.0


def test_an_owner_that_died_does_not_own(history):
    run = history.create(JOB)
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = process_started(process.pid)
    (run.path / "supervisor.json").write_text(f'{{"pid": {process.pid}, "started": "{started}"}}')
    assert run.supervisor() == process.pid
    with pytest.raises(UserError, match="running already"):
        run.claim()
    process.communicate(b"\n")
    assert run.supervisor() is None
    run.claim()
    assert run.supervisor() == os.getpid()
    run.release()


def test_a_process_id_that_was_given_again_is_another_process(history):
    run = history.create(JOB)
    (run.path / "supervisor.json").write_text(f'{{"pid": {os.getpid()}, "started": "1"}}')
    assert run.supervisor() is None


def test_states(history):
    run = history.create(JOB)
    assert run.state() is State.LOST
    run.claim()
    assert run.state() is State.STARTING
    events = EventWriter(run.events_path)
    events.write(Heartbeat(phase="start"))
    assert run.state() is State.RUNNING
    run.release()
    assert run.state() is State.LOST  # it never said how it ended: not success
    for outcome in ("completed", "stopped", "failed"):
        events.write(RunEnd(outcome=outcome, step=1))
        assert run.state() is State(outcome)
    events.close()


def test_states_of_what_an_engine_has(history):
    run = history.create(JOB)
    assert run.submission() is None

    def seen(phase: Phase | None, *, failed: bool = False) -> State:
        standing = Standing(phase=phase, detail="word", failed=failed) if phase else None
        submission = Submission(name=run.id, cluster={"name": "c"}, job_id="7", standing=standing, seen=1.0)
        run.save_submission(submission)
        assert run.submission() == submission
        return run.state()

    assert seen(Phase.QUEUED) is State.QUEUED
    assert seen(Phase.RUNNING) is State.STARTING
    # the engine's word that it ended well proves nothing without the job's own
    assert seen(None) is seen(Phase.GONE) is seen(Phase.ENDED) is State.LOST
    assert seen(Phase.ENDED, failed=True) is State.FAILED
    events = EventWriter(run.events_path)
    events.write(Heartbeat(phase="start"))
    assert seen(Phase.RUNNING) is State.RUNNING
    events.write(RunEnd(outcome="stopped", step=1))
    assert seen(Phase.ENDED, failed=True) is seen(Phase.GONE) is State.STOPPED
    assert seen(Phase.QUEUED) is State.QUEUED and seen(Phase.RUNNING) is State.RUNNING  # it was requeued
    events.close()


def test_an_unreadable_job_is_a_users_problem(tmp_path):
    (tmp_path / "job.json").write_text("{")
    with pytest.raises(UserError, match=r"job\.json: cannot be read"):
        _ = Run(tmp_path).job


def test_findings_survive_their_file(history):
    run = history.create(JOB)
    assert run.findings() == []
    found = [Finding(check="a", verdict=Verdict.FAIL, observed="ä\n", severity=Severity.MONITOR, scope={"step": 3})]
    run.save_findings(found)
    assert run.findings() == found
