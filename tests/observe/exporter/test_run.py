"""The collector of runs, on folders whose events are written while it looks."""

from __future__ import annotations

import math
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.binding import bind
from seatrial.events import (
    CheckpointLoaded,
    CheckpointSaved,
    Event,
    Restart,
    RunEnd,
    RunStart,
    Step,
    Validation,
    encode,
)
from seatrial.findings import Finding, Verdict
from seatrial.history import History
from seatrial.observe.exporter.collectors import run as collector
from seatrial.observe.exporter.collectors.run import Runs
from seatrial.runs import Run
from seatrial.standing import Phase, Standing, Submission
from tests.observe.exporter.reading import Samples, names, samples, value
from tests.test_binding import CASE, LOCAL, TINY

NOW = 2_000_000_000.0
JOB = bind(CASE, TINY, LOCAL)
START = RunStart(
    attempt=0, start_step=0, steps=100, world_size=2, device="NVIDIA H200", backend="nccl",
    flops_per_token={"causal": 1e9}, peak_flops=1e15, peak_source="a table", hosts=["a.example.com", "b"],
)  # fmt: skip
STEP = Step(
    step=10, loss=2.5, learning_rate=1e-3, grad_norm=1.5, count=1000, seconds=0.5, memory_bytes=7,
    phases={"data_wait": 0.1, "forward": 0.3, "checkpoint": 0.1},
    ranks={"busy": [0.4, 0.3], "data_wait": [0.1, 0.2], "wait": [0.0, 0.1], "cpu": [0.2, 0.2]},
)  # fmt: skip
SAVED = CheckpointSaved(step=10, path="checkpoints/10", bytes=99, seconds=3.0, stall_seconds=1.0)


class Folder:
    """A folder of runs, and a collector of it whose clock stands."""

    def __init__(self, root: Path) -> None:
        self.root, self.now = root, NOW
        self.runs = Runs(root, keep=60, clock=lambda: self.now)
        self.root.mkdir()

    def run(self, name: str = "a") -> Run:
        return History(self.root).create(JOB, name)

    def look(self, problems: int = 0) -> Samples:
        collected = self.runs.collect()
        assert len(collected.problems) == problems, collected.problems
        return samples(collected.families)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "runs")


def say(run: Run, *events: Event, at: float = NOW) -> None:
    with run.events_path.open("ab") as file:
        for event in events:
            file.write(encode(event, at))
    os.utime(run.events_path, (at, at))


def test_a_run_is_told_while_it_goes_on(folder: Folder) -> None:
    run = folder.run()
    run.claim()
    say(run, START, at=NOW - 100)
    found = folder.look()
    assert value(found, "train_run_state", state="running") == 1
    assert value(found, "train_run_info", device="NVIDIA H200", case=JOB.case, recipe="tiny") == 1
    assert value(found, "train_step") == 0 and value(found, "train_loss") is None
    say(run, STEP, Validation(step=10, metrics={"loss": 2.25}, seconds=1), SAVED)
    found = folder.look()
    expected = {
        "train_step": 10, "train_steps_planned": 100, "train_step_total": 10, "train_loss": 2.5, "train_ranks": 2,
        "train_grad_norm": 1.5, "train_learning_rate": 1e-3, "train_tokens_total": 10_000, "train_memory_bytes": 7,
        "train_tokens_per_second": 2000, "train_model_flops_per_second": 2e12, "train_mfu_ratio": 1e-3,
        "train_step_time_seconds": 0.5, "train_step_seconds_total": 5, "train_last_step_timestamp_seconds": NOW,
        "train_checkpoint_seconds": 3, "train_checkpoint_bytes": 99, "train_checkpoint_step": 10,
        "train_checkpoint_saves_total": 1, "train_checkpoint_stall_seconds_total": 1, "train_restarts_total": 0,
        "train_checkpoint_timestamp_seconds": NOW, "train_validation": 2.25, "train_nonfinite_total": 0,
        "train_start_timestamp_seconds": NOW - 100, "train_goodput_ratio": 10 * 0.4 / 100,
    }  # fmt: skip
    for name, number in expected.items():
        assert value(found, name) == pytest.approx(number), name
    for rank, node in (("0", "a"), ("1", "b")):
        at = int(rank)
        assert value(found, "train_step_work_seconds", rank=rank, node=node) == STEP.ranks["busy"][at]
        assert value(found, "train_data_wait_seconds_total", rank=rank, node=node) == 10 * STEP.ranks["data_wait"][at]
        assert value(found, "train_comm_wait_seconds", rank=rank, node=node) == STEP.ranks["wait"][at]
    assert value(found, "train_phase_seconds", phase="forward") == 0.3
    assert value(found, "train_phase_seconds_total", phase="forward") == 3
    assert value(found, "train_end_timestamp_seconds") is None


def test_steps_that_are_done_twice_count_twice_in_totals_and_once_in_goodput(folder: Folder) -> None:
    run = folder.run()
    run.claim()
    say(run, START, at=NOW - 100)
    say(run, STEP, SAVED, replace(STEP, step=20), Restart(attempt=1, reason="rank 1 died", rank=1))
    loaded = CheckpointLoaded(step=10, path="checkpoints/10", seconds=2.0, world_size=2)
    say(run, loaded, replace(START, attempt=1, start_step=10))
    found = folder.look()
    assert value(found, "train_restarts_total") == 1
    assert value(found, "train_step") == 20 and value(found, "train_step_total") == 20
    assert value(found, "train_goodput_ratio") == pytest.approx(10 * 0.4 / 100)
    assert value(found, "train_checkpoint_seconds", op="load") == 2
    say(run, replace(STEP, step=15))
    found = folder.look()
    assert value(found, "train_step") == 15 and value(found, "train_step_total") == 25
    assert value(found, "train_tokens_total") == 25_000
    assert value(found, "train_goodput_ratio") == pytest.approx(15 * 0.4 / 100)


def test_the_time_that_a_run_was_stopped_for_is_nobodys_loss(folder: Folder) -> None:
    run = folder.run()
    run.claim()
    say(run, START, at=NOW - 1000)
    say(run, replace(STEP, step=100), SAVED, RunEnd(outcome="stopped", step=100), at=NOW - 950)
    say(run, replace(START, attempt=1, start_step=10), at=NOW - 50)
    assert value(folder.look(), "train_goodput_ratio") == pytest.approx(0.4, abs=0.01)


def test_what_is_not_a_number_is_counted_and_spoils_no_sum(folder: Folder) -> None:
    run = folder.run()
    run.claim()
    say(run, START, replace(STEP, loss=math.nan, seconds=math.nan), replace(STEP, step=20))
    found = folder.look()
    assert value(found, "train_nonfinite_total") == 1 and value(found, "train_step_seconds_total") == 5
    say(run, replace(STEP, step=30, grad_norm=math.inf, seconds=math.nan))
    found = folder.look()
    assert value(found, "train_nonfinite_total") == 2
    assert value(found, "train_tokens_per_second") is None and value(found, "train_grad_norm") == math.inf


def test_samples_are_no_tokens(folder: Folder) -> None:
    run = folder.run()
    run.claim()
    say(run, replace(START, unit="samples"), STEP)
    found = folder.look()
    assert value(found, "train_samples_total") == 10_000 and value(found, "train_samples_per_second") == 2000
    assert not {"train_tokens_total", "train_tokens_per_second", "train_mfu_ratio"} & names(found)


def test_findings_are_counted_by_rule_and_verdict(folder: Folder) -> None:
    run = folder.run()
    run.claim()
    slow = Finding(check="run.rank-slow", verdict=Verdict.WARN, observed="rank 1", scope={"rank": 1})
    say(run, START, slow, replace(slow, observed="rank 1 again"), replace(slow, scope={"rank": 0}))
    found = folder.look()
    assert value(found, "train_findings", check="run.rank-slow", verdict="WARN") == 2
    assert value(found, "train_verdict") is None
    run.save_findings([Finding(check="run.finite", verdict=Verdict.FAIL, observed="nan")])
    found = folder.look()
    assert value(found, "train_findings", check="run.finite", verdict="FAIL") == 1
    assert value(found, "train_verdict", verdict="FAIL") == 1


def test_heartbeats_are_told_by_rank_and_node(folder: Folder) -> None:
    run = folder.run()
    run.claim()
    say(run, START)
    run.heartbeat_path(1).touch()
    os.utime(run.heartbeat_path(1), (NOW - 5, NOW - 5))
    assert value(folder.look(), "train_heartbeat_timestamp_seconds", rank="1", node="b") == NOW - 5


def test_a_torn_last_line_waits_for_its_end(folder: Folder) -> None:
    run = folder.run()
    run.claim()
    whole = encode(STEP, NOW)
    say(run, START)
    with run.events_path.open("ab") as file:
        file.write(whole[:50])
        file.flush()
        assert value(folder.look(), "train_loss") is None
        file.write(whole[50:])
    assert value(folder.look(), "train_loss") == 2.5


def test_an_unreadable_line_is_a_problem(folder: Folder) -> None:
    run = folder.run()
    run.claim()
    say(run, START)
    with run.events_path.open("ab") as file:
        file.write(b"{]\n")
    say(run, STEP)
    found = folder.look(problems=1)
    assert value(found, "train_events_unreadable_total") == 1 and value(found, "train_loss") == 2.5


@pytest.mark.parametrize("cut", [True, False])
def test_events_that_begin_anew_are_counted_anew(folder: Folder, cut: bool) -> None:
    run = folder.run()
    run.claim()
    say(run, START, STEP, replace(STEP, step=20))
    assert value(folder.look(), "train_step_total") == 20
    if cut:
        run.events_path.write_bytes(b"")
    else:  # rotated: the new file may be longer than the old one
        run.events_path.rename(run.path / "events.old")
        say(run, *[START] * 20)
    say(run, START, STEP)
    assert value(folder.look(), "train_step_total") == 10


def test_a_run_that_ended_disappears_after_a_while_and_comes_back_when_it_is_resumed(folder: Folder) -> None:
    run = folder.run()
    say(run, START, STEP, RunEnd(outcome="completed", step=10), at=NOW - 10)
    found = folder.look()
    assert value(found, "train_run_state", state="completed") == 1
    assert value(found, "train_end_timestamp_seconds") == NOW - 10
    folder.now += 60
    assert folder.look() == {}
    run.save_job(run.job)
    os.utime(run.path / "job.json", (folder.now + 1, folder.now + 1))
    assert folder.look() == {}  # nothing has happened yet
    run.save_job(run.job)
    run.claim()
    say(run, replace(START, attempt=1, start_step=10), at=folder.now)
    assert value(folder.look(), "train_run_state", state="running") == 1


def test_a_run_that_is_over_is_not_read(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        say(folder.run(f"old-{number}"), START, RunEnd(outcome="completed", step=0), at=NOW - 3600)
    monkeypatch.setattr(collector, "OneRun", None)  # calling it would be a problem
    for _ in range(3):
        assert folder.look() == {}


def test_a_run_whose_engine_has_it_is_told_however_quiet_it_is(folder: Folder) -> None:
    run = folder.run()
    say(run, START, STEP, at=NOW - 36_000)
    run.save_submission(Submission(name="a", cluster={}, job_id="17", standing=Standing(phase=Phase.RUNNING)))
    found = folder.look()
    assert value(found, "train_run_state", state="running") == 1 and value(found, "train_run_info", job_id="17") == 1


def test_a_cancelled_run_has_stopped(folder: Folder) -> None:
    run = folder.run()
    say(run, START, STEP)
    run.mark_cancelled()
    assert value(folder.look(), "train_run_state", state="stopped") == 1


def test_a_folder_that_vanishes_takes_its_series_along(folder: Folder) -> None:
    run, other = folder.run("a"), folder.run("b")
    for each in (run, other):
        each.claim()
        say(each, START, STEP)
    assert len({dict(labels)["run_id"] for _, labels in folder.look()}) == 2
    shutil.rmtree(run.path)
    assert {dict(labels)["run_id"] for _, labels in folder.look()} == {"b"}
    shutil.rmtree(folder.root)
    assert folder.look(problems=1) == {}


def test_what_is_no_run_is_passed_over_and_a_broken_one_is_told_until_it_is_old(folder: Folder) -> None:
    (folder.root / "notes").mkdir()
    (folder.root / "README").touch()
    run = folder.run("good")
    run.claim()
    say(run, START, STEP)
    (folder.root / "bad").mkdir()
    (folder.root / "bad/job.json").write_text("{")
    os.utime(folder.root / "bad/job.json", (NOW, NOW))
    for _ in range(2):
        assert value(folder.look(problems=1), "train_loss", run_id="good") == 2.5
    folder.now += 61
    assert value(folder.look(), "train_loss", run_id="good") == 2.5


@pytest.mark.parametrize("file", ["submission.json", "supervisor.json"])
@pytest.mark.parametrize("text", ["{}", "[]", "{", "null"])
def test_a_file_that_is_not_what_it_should_be_hides_neither_steps_nor_other_runs(
    folder: Folder, file: str, text: str
) -> None:
    for name in ("a", "b"):
        run = folder.run(name)
        run.claim()
        say(run, START, STEP)
    (folder.root / "a" / file).write_text(text)
    collected = folder.runs.collect()
    found = samples(collected.families)
    assert value(found, "train_loss", run_id="a") == value(found, "train_loss", run_id="b") == 2.5
    expected = (
        0 if (file, text) == ("supervisor.json", "{") else 1
    )  # half a file of its owner: it is about to be written
    assert len(collected.problems) == expected, collected.problems


def test_a_pass_that_takes_long_goes_on_in_the_next(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "PASS", -1)
    for number in range(3):
        run = folder.run(f"run-{number}")
        run.claim()
        say(run, START, STEP)
    for told in (1, 2, 3):
        found = folder.look(problems=1)
        assert len([name for name, _ in found if name == "train_loss"]) == told


def test_of_many_quiet_runs_some_are_looked_at_closely_each_pass(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "TURN", 3)
    for number in range(7):
        run = folder.run(f"run-{number}")
        run.claim()
        say(run, START, STEP)
    folder.look()
    for number in range(7):
        Run(folder.root / f"run-{number}").release()  # without an event: only a close look shows it
    lost = [sum(value(folder.look(), "train_run_state", run_id=f"run-{n}", state="lost") == 1 for n in range(7))]
    for _ in range(3):
        found = folder.look()
        lost.append(sum(value(found, "train_run_state", run_id=f"run-{n}", state="lost") == 1 for n in range(7)))
    assert lost[-1] == 7


def test_a_label_that_needs_escaping(folder: Folder) -> None:
    run = folder.run('a "b" \\')
    run.claim()
    say(run, START, STEP)
    assert value(folder.look(), "train_loss", run_id='a "b" \\') == 2.5
