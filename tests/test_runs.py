"""Run folders: names of every kind, owners, states."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from seatrial.binding import bind
from seatrial.errors import UserError
from seatrial.events import EventWriter, Heartbeat, RunEnd, encode
from seatrial.findings import Finding, Severity, Verdict
from seatrial.runs import History, Phase, Run, Standing, State, Submission, process_started
from tests.test_binding import CASE, LOCAL, TINY

JOB = bind(CASE, TINY, LOCAL)
WEIRD = [
    "with space",
    "it's",
    'quo"te',
    "new\nline",
    "naïve-日本",
    "-leading",
    "--help",
    "a&b;c|d$e",
    "%s{run}",
    "." * 3,
]


@pytest.fixture
def history(tmp_path):
    return History(tmp_path / "runs")


@pytest.mark.parametrize("name", WEIRD)
def test_any_name_that_a_folder_can_have_works(history, name):
    run = history.create(JOB, name)
    assert run.id == name
    assert History(history.root).find(name).job == JOB


@pytest.mark.parametrize("name", [".", "..", "a/b", "../up", "nul\0", "x" * 201, "é" * 101, "b\udcffad", ""])
def test_other_names_are_refused_and_create_nothing(history, name):
    with pytest.raises(UserError, match="cannot be the name of a folder"):
        history.create(JOB, name)
    assert not history.root.exists() or not list(history.root.iterdir())


def test_a_taken_name_is_refused(history):
    history.create(JOB, "one")
    with pytest.raises(UserError, match="there is a run called 'one'"):
        history.create(JOB, "one")


def test_a_run_was_started_when_it_was_first(history):
    run = history.create(JOB, "one")
    os.utime(run.path / "job.json", (100.0, 100.0))
    assert run.started() == 100.0
    run.events_path.write_bytes(encode(Heartbeat(phase="start"), 150.0) + encode(Heartbeat(phase="start"), 900.0))
    os.utime(run.path / "job.json", (800.0, 800.0))  # it was resumed
    assert run.started() == 150.0
    run.events_path.write_text("?\n")
    assert run.started() == 800.0


def test_what_can_be_made_half_is_not_left(history, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Run, "save_job", full)
    with pytest.raises(OSError, match="No space left"):
        history.create(JOB, "one")
    assert not (history.root / "one").exists()


def test_a_root_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="--runs-dir"):
        History(tmp_path / "file").create(JOB)


def test_ids_made_in_one_second_differ(history):
    ids = {history.create(JOB).id for _ in range(3)}
    assert len(ids) == 3


def test_find(history):
    with pytest.raises(UserError, match="there are no runs"):
        history.find("latest")
    for name in ("alpha-1", "alpha-2", "beta"):
        history.create(JOB, name)
    found = History(history.root)
    assert found.find("b").id == "beta"
    assert found.find("latest").id == "beta"
    with pytest.raises(UserError, match="beginning of 2 runs"):
        found.find("alpha")
    with pytest.raises(UserError, match="did you mean alpha-"):
        found.find("alpha-3")


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
