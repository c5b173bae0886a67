"""The way of a run, the same for every launcher: through this machine, and through an engine in memory."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seatrial import flow, following, launchers, provenance
from seatrial.binding import bind
from seatrial.cluster import Cluster
from seatrial.errors import CutOff, ExitCode, Problem, UserError
from seatrial.events import EventWriter, RunEnd, RunStart, Step
from seatrial.history import History
from seatrial.plan import Plan
from seatrial.runs import Run, State
from seatrial.standing import Phase, Standing
from seatrial.verdict import judge
from tests.launchers import fake
from tests.test_binding import CASE, LOCAL, TINY


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> fake.Memory:
    found = fake.Memory()
    fake.offer(monkeypatch, fake.launcher(found))
    return found


@pytest.fixture
def history(tmp_path) -> History:
    return History(tmp_path / "runs")


def start(where: Cluster, history: History, name: str = "run") -> Run:
    job = bind(CASE, TINY, where)
    [run] = flow.start(launchers.find(where.launcher).render(job, where, name), job, where, history, name)
    return run


def nothing(*_: object) -> None:
    """For whoever need not be told."""


class Clock:
    """Time that passes only where somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.seconds += seconds

    def pace(self) -> flow.Pace:
        return flow.Pace(sleep=self.sleep, now=lambda: self.seconds)


# --- start and resume


def test_what_cannot_be_written_leaves_no_run(memory, history, monkeypatch):
    where = fake.cluster(tasks=2)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Plan, "_write", full)
    job = bind(CASE, TINY, where)
    with pytest.raises(UserError, match="No space left"):
        flow.start(launchers.find(where.launcher).render(job, where, "run"), job, where, history, "run")
    assert not list(history.root.iterdir()) and memory.submitted == []


def test_who_cannot_write_what_is_new_is_told_and_sees_what_was_there(memory, history, monkeypatch):
    run = start(fake.cluster(), history)

    def not_yours(*_):
        raise PermissionError(13, "Permission denied", "submission.json")

    monkeypatch.setattr(Run, "save_submission", not_yours)
    [problem] = following.refresh([run])
    assert str(problem) == "submission.json: Permission denied"
    assert run.state() is State.QUEUED


def test_a_run_is_submitted_once_and_followed_to_its_end(memory, history):
    run, looks = start(fake.cluster(), history), []
    assert run.submission().job_id == "id-run" and run.state() is State.QUEUED
    assert (run.plan_path / "settings.json").exists()

    def look() -> None:
        looks.append(run.state())
        memory.jobs["run"] = Standing(phase=Phase.ENDED)

    assert flow.follow(Plan(), run, fake.cluster(), look, nothing, Clock().pace()) == ExitCode.PASSED
    assert looks == [State.STARTING, State.LOST] and memory.submitted == ["run"]


def test_a_run_of_this_machine_is_nobodys_loss_before_its_ranks_are_started(history):
    run = start(LOCAL, history)
    assert run.state() is State.STARTING  # as somebody sees it who follows its logs, or removes what is over
    run.release()
    assert run.state() is State.LOST


def test_every_start_and_resumption_notes_its_command(memory, history, monkeypatch):
    monkeypatch.setattr("sys.argv", ["seatrial", "run", "case"])
    run = start(fake.cluster(), history)
    memory.jobs["run"] = Standing(phase=Phase.ENDED)
    job = bind(CASE, TINY, fake.cluster())
    monkeypatch.setattr("sys.argv", ["seatrial", "run", "case", "--resume"])
    flow.resume(launchers.find(job.launcher).render(job, fake.cluster(), "run"), job, fake.cluster(), run)
    assert [one.command for one in provenance.read(run)] == ["seatrial run case", "seatrial run case --resume"]


def test_tasks_of_an_array_are_runs_that_are_resumed_alone(memory, history):
    where = fake.cluster(tasks=2)
    job = bind(CASE, TINY, where)
    runs = flow.start(Plan(), job, where, history, "many")
    assert [(run.id, run.submission().job_id) for run in runs] == [("many-0", "id-many.0"), ("many-1", "id-many.1")]
    assert launchers.restore(runs[0].submission().cluster) == fake.cluster()
    assert memory.submitted == ["many"]


@pytest.mark.parametrize("where", [LOCAL, fake.cluster()], ids=["local", "memory"])
def test_a_resumed_run_has_the_plan_that_is_executed_now(memory, history, where):
    run = start(where, history)
    job = replace(bind(CASE, TINY, where), threads_per_process=77)
    flow.resume(launchers.find(where.launcher).render(job, where, "run"), job, where, run)
    assert '"threads_per_process": 77' in (run.plan_path / "job.json").read_text()
    assert run.job.threads_per_process == 77


def test_what_an_engine_refuses_leaves_nothing(memory, history):
    memory.before_answer = fake.silent
    with pytest.raises(UserError, match="does not answer"):
        start(fake.cluster(), history)
    assert list(history.root.iterdir()) == []

    def cut() -> None:
        raise CutOff(Problem("the connection broke"))

    memory.before_answer = cut
    with pytest.raises(CutOff):
        start(fake.cluster(), history)
    assert history.find("run").submission().job_id is None


# --- silence


def test_a_silent_engine_is_waited_for_and_told_of_once(memory, history):
    run, clock, told = start(fake.cluster(), history), Clock(), []

    def outage() -> None:
        if 5 < clock.seconds < 400:
            fake.silent()
        if clock.seconds >= 400:
            memory.jobs["run"] = Standing(phase=Phase.ENDED)

    memory.before_answer = outage
    flow.follow(Plan(), run, fake.cluster(), nothing, told.append, clock.pace())
    assert [[problem.what for problem in problems] for problems in told] == [["does not answer"], []]
    assert max(clock.pauses) == flow.PACE.longest_silent and len(clock.pauses) < 40


def test_silence_for_too_long_is_the_end_of_watching(memory, history):
    run, clock, told = start(fake.cluster(), history), Clock(), []
    memory.before_answer = fake.silent
    with pytest.raises(UserError, match="does not answer"):
        flow.follow(Plan(), run, fake.cluster(), nothing, told.append, clock.pace())
    assert len(told) == 1 and 600 <= clock.seconds <= 600 + flow.PACE.longest_silent
    assert run.state() is State.QUEUED


# --- cancel

GONE, FAILED = None, Standing(phase=Phase.ENDED, detail="FAILED: cancelled", failed=True)


@pytest.mark.parametrize("becomes", [GONE, FAILED], ids=["deleted", "failed"])
@pytest.mark.parametrize("begun", [True, False])
def test_a_run_that_its_user_cancelled_has_stopped(memory, history, becomes, begun):
    """Whatever its engine calls it, if no rank lived to say so: Kubernetes knows it no more, Batch says FAILED."""
    run, seen = start(fake.cluster(), history), []
    memory.when_cancelled = becomes
    if begun:
        writer = EventWriter(run.events_path)
        writer.write(RunStart(attempt=0, start_step=0, steps=9, world_size=2, device="", backend=""))
        writer.write(Step(step=4, loss=1.0, learning_rate=0.1, count=1, seconds=0.1))
        writer.close()
    following.refresh([run])
    assert run.state() is (State.RUNNING if begun else State.STARTING)

    def somebody_looks_on(_: float) -> None:
        following.refresh([run])
        seen.append(run.state())

    jobs = memory.cancel

    def cancel(*args: object) -> None:
        jobs(*args)
        somebody_looks_on(0)

    engine = replace(fake.launcher(memory).executor, cancel=cancel)
    with pytest.MonkeyPatch.context() as patch:
        fake.offer(patch, replace(fake.launcher(memory), executor=engine))
        flow.cancel(run, nothing, Clock().pace())
    assert seen == [State.STOPPED] and run.state() is State.STOPPED
    reason = "cancelled" if begun else "cancelled before it started"
    assert run.events().end() == RunEnd(outcome="stopped", step=4 if begun else 0, reason=reason)
    assert "stopped: cancelled" in next(f for f in judge(run) if f.check == "run.completed").observed

    flow.resume(Plan(), run.job, fake.cluster(), run)
    del memory.jobs["run"]
    following.refresh([run])
    assert run.state() is State.LOST  # this time nobody asked for it


def test_a_cancelled_runs_own_word_counts(memory, history):
    run = start(fake.cluster(), history)
    writer = EventWriter(run.events_path)
    writer.write(RunEnd(outcome="completed", step=9))
    writer.close()
    flow.cancel(run, nothing, Clock().pace())
    assert run.state() is State.COMPLETED


def test_what_an_engine_did_not_cancel_is_not_called_so(memory, history):
    run = start(fake.cluster(), history)
    memory.before_answer = fake.silent
    with pytest.raises(UserError):
        flow.cancel(run, nothing, Clock().pace())
    memory.before_answer = nothing
    del memory.jobs["run"]
    following.refresh([run])
    assert run.state() is State.LOST
