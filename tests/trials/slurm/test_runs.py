"""Runs on a real Slurm, started, followed, stopped and resumed by the command itself."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest

from seatrial.events import CheckpointLoaded, RunEnd, RunStart
from seatrial.runs import State
from seatrial.standing import Phase, Standing, Submission
from tests.command import SHORT, settings
from tests.trials.slurm.harness import Slurm
from tests.trials.slurm.namespaced import NamespacedSlurm
from tests.trials.slurm.project import Project, project
from tests.waiting import poll

__all__ = ["project"]

FAULTS = Path(__file__).parents[2] / "faults.py"
SMALL = ("--nodes", "2", "--processes", "1")
LONG = ("cpu-ddp", *SMALL, "--set", "steps=100000", "--set", "checkpoint_every=50", "--set", "validation_every=100000")


def losses(project: Project, name: str) -> dict[int, float]:
    return {step.step: step.loss for step in project.run(name).events().steps()}


def test_cpu_ddp_trains_on_two_nodes(project):
    said = project("run", "cpu-ddp/two-node", "--processes", "2", "--on", "sea", "--name", "two")
    assert "cpu-ddp/two-node completed: PASS" in said
    run = project.run("two")
    start = run.events().last(RunStart)
    assert start.world_size == 4 and start.hosts == ["p5-1"] * 2 + ["p5-2"] * 2
    assert run.state() is State.COMPLETED and run.report_path.exists()


def test_fsdp_trains_on_two_hosts_with_their_own_addresses(namespaced_slurm: NamespacedSlurm, tmp_path: Path):
    hardware = "cpus_per_node = 4\nprocesses_per_node = 4"
    project = Project.make(tmp_path / "project", namespaced_slurm, hardware=hardware, options='start = "torchrun"')
    said = project("run", "fsdp/tiny", *SMALL, *settings(*SHORT), "--on", "sea", "--name", "two")
    assert "fsdp/tiny completed: PASS" in said
    start = project.run("two").events().last(RunStart)
    assert start.world_size == 2 and start.hosts == list(namespaced_slurm.names[:2])


def test_a_node_dies_and_the_job_goes_on_from_its_checkpoint(project, slurm: Slurm):
    steps = ("--set", "steps=300", "--set", "checkpoint_every=20")
    project("run", "cpu-ddp", *SMALL, *steps, "--on", "sea", "--name", "undisturbed")
    run = project.detach("cpu-ddp", *SMALL, *steps, "--name", "killed")
    project.wait_for_step(run, 60)  # so that the checkpoint of step 40 is complete
    slurm.kill_node("p5-2")
    submission = run.submission()
    slurm.wait(submission.job_id, "COMPLETED", timeout=120)
    assert project.json("status", "killed", "--json")["state"] == "completed"
    log = run.events()
    [loaded] = log.of(CheckpointLoaded)
    assert loaded.step >= 40 and log.attempts() == 2
    assert "p5-2" not in log.last(RunStart).hosts
    assert losses(project, "killed").items() >= losses(project, "undisturbed").items()


def test_a_rank_dies_and_the_ranks_start_again_in_the_same_allocation(project, slurm: Slurm):
    run = project.detach(*LONG, "--name", "run", "--option", "max_restarts=1")
    for attempt in (0, 1):
        poll(lambda number=attempt: project.there(run).attempts() > number, 60, "the attempt runs")
        before = project.there(run).steps()
        project.wait_for_step(run, (before[-1].step if before else 0) + 100)
        slurm.run("scancel", "--signal=KILL", f"{run.submission().job_id}.{attempt}")
    slurm.wait(run.submission().job_id, "FAILED")
    assert project.json("status", "run", "--json")["state"] in ("failed", "lost")
    assert len(run.events().of(RunStart)) == 2  # one restart was allowed
    assert run.events().last(CheckpointLoaded).step >= 50


@pytest.mark.parametrize("options", [(), ("start=torchrun",)], ids=["tasks", "torchrun"])
def test_ranks_that_wait_without_end_tell_why_and_the_job_ends(project, options):
    """Rank 2 leaves a collective out: no launcher watches here, and the job has no time limit."""
    asked = ("hang_seconds=10", "max_restarts=0", *options)
    options = [word for option in asked for word in ("--option", option)]
    fault = settings("fault=skip", "faulty_rank=2", "width=1000")
    scale = ("--nodes", "2", "--processes", "2")
    said = project("run", FAULTS, *scale, *fault, "--on", "sea", "--name", "run", *options, code=1)
    assert "gave no sign of life for 10 s" in said
    found = project("diagnose", "run", code=1)
    assert "diagnose.collective-mismatch, rank 2" in found and "flight recorders of ranks 0 to 3" in found
    assert "collective-mismatch" in project("status", "run")


DIES = '''
import os, sys
from dataclasses import dataclass
from pathlib import Path
from seatrial.events import EventWriter, RunEnd, RunStart, Step
from seatrial.arguments import CaseArgs
from seatrial.spec import Case, Recipe

@dataclass(frozen=True, kw_only=True)
class Args(CaseArgs):
    final: bool = False
    """Whether it says that it would only fail again."""

CASE = Case(name="dies", title="", framework="", Args=Args, program=__file__, resumable=True,
            recipes=(Recipe(name="tiny", title="", args=Args(), processes_per_node=1),))

if __name__ == "__main__":
    import json
    run = Path(os.environ["SEATRIAL_RUN"])
    args = json.loads((run / "job.json").read_text())["args"]
    events = EventWriter(run / "events.jsonl")
    events.write(RunStart(attempt=0, start_step=0, steps=9, world_size=1, device="", backend=""))
    events.write(Step(step=1, loss=1.0, learning_rate=0.0, count=1, seconds=1.0))
    events.write(RunEnd(outcome="failed", step=1, final=args["final"]))
    sys.exit(65)
'''


@pytest.mark.parametrize(("final", "starts"), [("false", 3), ("true", 1)])
def test_what_would_only_fail_again_is_not_started_again(project, slurm: Slurm, final, starts):
    (project.folder / "dies.py").write_text(DIES)
    run = project.detach(str(project.folder / "dies.py"), "--set", f"final={final}", "--option", "max_restarts=2")
    slurm.wait(run.submission().job_id, "FAILED")
    assert len(project.there(run).of(RunStart)) == starts


MINE = '''
import sys
from dataclasses import dataclass
from beside import WORD
from seatrial.arguments import CaseArgs
from seatrial.events import Step
from seatrial.rank import announce
from seatrial.rank.core import Rank
from seatrial.rank.start import start
from seatrial.spec import Case, Recipe

@dataclass(frozen=True, kw_only=True)
class Args(CaseArgs):
    steps: int = 2
    """Optimizer steps."""

CASE = Case(name="mine", title="", framework="none", Args=Args, program=__file__, files=("*.py",), resumable=True,
            recipes=(Recipe(name="tiny", title="", args=Args(), nodes=2, processes_per_node=1),))

if __name__ == "__main__":
    with start(Rank) as rank:
        print(WORD, __file__, flush=True)
        done = rank.attempt + 1
        announce.run_start(rank, steps=2, first_step=done - 1)
        rank.emit(Step(step=done, loss=1.0, learning_rate=0.0, count=1, seconds=1.0))
        rank.end("stopped" if done == 1 else "completed", done)
        sys.exit(75 if rank.rank == 0 and done == 1 else 0)
'''


@pytest.mark.parametrize("options", [(), ("start=torchrun",)], ids=["tasks", "torchrun"])
def test_a_case_in_a_file_goes_with_its_job_and_goes_on_as_it_began(project, slurm: Slurm, options):
    folder = project.folder / "a folder"
    folder.mkdir()
    (folder / "mine.py").write_text(MINE)
    (folder / "beside.py").write_text("WORD = 'first'\n")
    asked = [word for option in ("max_restarts=0", *options) for word in ("--option", option)]
    run = project.detach(str(folder / "mine.py"), "--name", "run", *asked)
    slurm.wait(run.submission().job_id, "FAILED")
    assert project.json("status", "run", "--json")["state"] == "stopped"

    (folder / "beside.py").write_text("WORD = 'second'\n")
    refused = project("run", str(folder / "mine.py"), "--resume", "run", "--detach", code=2)
    assert "run began with another program: beside.py is not the same" in refused
    shutil.rmtree(folder)
    project("run", str(folder / "mine.py"), "--resume", "run", "--detach")
    slurm.wait(run.submission().job_id, "COMPLETED")
    assert project.json("status", "run", "--json")["state"] == "completed"
    there = project.folder / "shared/run"
    said = "".join(path.read_text() for path in (there / "logs").iterdir()).splitlines()
    lines = [line for line in said if line.endswith("mine.py")]
    assert set(lines) == {f"first {there / 'program/mine.py'}"}
    assert len(lines) >= 3  # of two attempts of two ranks; Slurm kills one of the first when the other has left


def test_an_array_of_a_case_in_a_file_has_it_in_every_task(project, slurm: Slurm):
    (project.folder / "mine.py").write_text(MINE)
    (project.folder / "beside.py").write_text("WORD = 'first'\n")
    project("run", "mine.py", "--on", "sea", "--name", "run", "--option", "array=2", "--option", "max_restarts=1")
    poll(lambda: all(r["state"] == "completed" for r in project.json("runs", "--json")), 60, "both are over")
    for element in (0, 1):
        assert project.run(f"run-{element}").case_file.read_text() == MINE
        assert (project.folder / f"shared/run-{element}/program/mine.py").read_text() == MINE


def test_cancel_writes_a_checkpoint_and_resume_goes_on(project):
    run = project.detach(*LONG, "--name", "run")
    project.wait_for_step(run, 20)
    assert project("cancel", "run") == "run: stopped\n"
    stopped = run.events().end()
    assert stopped.outcome == "stopped"
    assert stopped.reason in ("SIGUSR1", "another rank was asked to"), "whichever rank heard of it first"
    project("run", "cpu-ddp", "--resume", "run", "--detach")
    project.wait_for_step(run, stopped.step + 10)
    project("cancel", "run")
    assert run.events().last(CheckpointLoaded).step == stopped.step


def test_scancel_by_hand_leaves_a_checkpoint_too(project, slurm: Slurm):
    run = project.detach(*LONG, "--name", "run")
    project.wait_for_step(run, 20)
    slurm.run("scancel", run.submission().job_id)
    slurm.wait(run.submission().job_id, "CANCELLED")
    status = project.json("status", "run", "--json")
    assert (status["state"], status["engine"]) == ("stopped", "CANCELLED")
    assert status["last_checkpoint"].endswith(f"{run.events().end().step:08d}")


def test_a_job_at_its_time_limit_puts_itself_back_into_the_queue(project, slurm: Slurm):
    """Slurm signals when less than stop_seconds of the limit are left: here at its first look, within half a minute."""
    run = project.detach(*LONG, "--name", "run", "--option", "time=1", "--option", "stop_seconds=60")
    poll(lambda: len(project.there(run).of(RunStart)) == 2, 120, "it was requeued and runs again")
    first, second = project.there(run).of(RunStart)
    stopped = project.there(run).of(RunEnd)[0]
    assert (stopped.outcome, first.start_step) == ("stopped", 0) and second.start_step == stopped.step > 0
    assert int(slurm.job(run.submission().job_id)["Restarts"]) >= 1


def test_an_array_is_several_runs(project):
    steps = ("--set", "steps=20", "--set", "log_every=5")
    said = project("run", "cpu-ddp", *SMALL, *steps, "--on", "sea", "--name", "My Series", "--option", "array=2")
    assert "My Series-0  queued" in said and "My Series-1  queued" in said
    runs = [project.run(f"My Series-{element}") for element in (0, 1)]
    assert [run.submission().job_id.rpartition("_")[2] for run in runs] == ["0", "1"]
    poll(lambda: all(r["state"] == "completed" for r in project.json("runs", "--json")), 60, "both are over")
    assert all(run.events().end().step == 20 for run in runs)


def test_following_can_be_left_and_taken_up_again(project):
    process = project.start("run", *LONG, "--on", "sea", "--name", "run")
    poll(lambda: (project.folder / "runs/run/events.jsonl").exists(), 60, "it is followed")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 3 and "seatrial logs -f run" in out, err
    assert project.json("status", "run", "--json")["state"] == "running"
    assert "0: " not in project("logs", "run", "--rank", "0")


def test_following_outlives_a_restart_of_the_controller(project, slurm: Slurm):
    process = project.start("run", *LONG, "--on", "sea", "--name", "run")
    said = iter(process.stderr.readline, "")
    assert next(line for line in said if "step 50: checkpoint" in line)
    slurm.stop_controller()
    assert next(line for line in said if "no answer for now, asked again for 10 min" in line)
    slurm.start_controller()
    assert next(line for line in said if "it answers again" in line)
    project("cancel", "run")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 75 and "cpu-ddp/tiny stopped" in out, err


def test_a_full_partition_keeps_a_job_waiting_until_it_is_cancelled(project):
    one = ("cpu-ddp", "--processes", "1", "--option", "partition=small")
    first = project.detach(*one, "--set", "steps=100000", "--name", "first")
    project.wait_for_step(first, 1)
    project.detach(*one, "--name", "second")
    status = project.json("status", "second", "--json")
    assert (status["state"], status["engine"]) in (("queued", "PENDING: Resources"), ("queued", "PENDING: Priority"))
    assert project("cancel", "second") == "second: stopped\n"
    assert project.json("status", "second", "--json")["engine"].startswith("CANCELLED")
    project("cancel", "first")
    assert "cpu-ddp/tiny completed: PASS" in project("run", "cpu-ddp", "--resume", "second")
    assert project.run("second").events().unreadable == 0


def test_a_failing_prolog_is_told(requirements: None, tmp_path: Path):
    with Slurm(tmp_path / "slurm", nodes=1, prolog="#!/bin/sh\nexit 1\n") as slurm:
        project = Project.make(tmp_path / "project", slurm)
        run = project.detach("cpu-ddp", "--processes", "1", "--name", "run")

        def held() -> bool:  # Slurm tells the reason while the job still completes, a moment before it waits again
            status = project.json("status", "run", "--json")
            return status["state"] == "queued" and "held" in status["engine"].lower()

        poll(held, 60, "the job is held")
        assert run.state() is State.QUEUED
        assert "drain" in project("cluster", "check", "sea", code=1)


def test_a_job_that_vanished_is_lost_and_its_verdict_unknown(project):
    run = project.detach("cpu-ddp", "--processes", "1", "--name", "run")
    project("cancel", "run")
    run.unmark_cancelled()
    run.events_path.unlink(missing_ok=True)
    submission = run.submission()
    run.save_submission(
        Submission(
            name="nowhere", cluster=submission.cluster, job_id="99999999", standing=Standing(phase=Phase.RUNNING)
        )
    )
    status = project.json("status", "run", "--json")
    assert (status["state"], status["engine"]) == ("lost", "Slurm does not know the job any more")
    assert "UNKNOWN" in project("report", "run")


def test_a_submission_that_was_cut_off_is_found_again_and_not_doubled(project, slurm: Slurm):
    run = project.detach(*LONG, "--name", "run")
    number = run.submission().job_id
    unanswered = Submission(name="run", cluster=run.submission().cluster)
    note = project.folder / "shared/run/job.id"
    for noted in (True, False):  # even where the note in the run's folder is lost, too
        if not noted:
            note.unlink()
        run.save_submission(unanswered)
        assert project.json("status", "run", "--json")["job_id"] == number
    assert slurm.run("squeue", "--noheader", "--format=%A").stdout.split() == [number]
