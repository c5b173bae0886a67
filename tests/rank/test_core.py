"""One rank: what it writes, and how it leaves."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from seatrial.errors import ExitCode
from seatrial.events import EventWriter, Heartbeat, RunEnd, RunStart, Step, read_events
from seatrial.findings import Finding, Verdict
from seatrial.rank.core import Rank
from tests.ranks import JOB


def ends(run: Path) -> list[RunEnd]:
    return read_events(run / "events.jsonl").of(RunEnd)


def step(number: int, loss: float) -> Step:
    return Step(step=number, loss=loss, count=1, seconds=1.0)


def test_only_rank_0_writes_events(make_rank: Callable[..., Rank]) -> None:
    first, second = (make_rank(rank=rank, world_size=2) for rank in (0, 1))
    for rank in (first, second):
        rank.stage("load")
        rank.end("completed", 3)
    log = read_events(first.run / "events.jsonl")
    assert [event.rank for event in log.of(Heartbeat)] == [0]
    assert len(log.of(RunEnd)) == 1


def test_the_first_word_about_the_end_counts(make_rank: Callable[..., Rank]) -> None:
    rank = make_rank()
    rank.end("stopped", 7, reason="SIGTERM")
    rank.end("failed", 0, reason="on the way out")
    (end,) = ends(rank.run)
    assert (end.outcome, end.step, end.reason) == ("stopped", 7, "SIGTERM")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_ends_no_training_and_is_told(
    make_rank: Callable[..., Rank], capfd: pytest.CaptureFixture[str]
) -> None:
    rank = make_rank()
    writer = rank._events
    assert writer is not None
    file, full = writer._file, os.open("/dev/full", os.O_WRONLY)
    writer._file = full
    for number in (1, 2):
        rank.emit(step(number, 1.0))
    assert capfd.readouterr().err == "warning: events.jsonl: No space left on device; training goes on\n"
    writer._file = file  # somebody has made room
    os.close(full)
    rank.emit(step(3, 1.0))
    rank.end("completed", 3)
    log = read_events(rank.run / "events.jsonl")
    assert [s.step for s in log.steps()] == [3] and log.unreadable == 0
    [found] = log.of(Finding)
    assert (found.check, found.verdict, found.observed) == (
        "run.events-written",
        Verdict.UNKNOWN,
        "2 events were not written",
    )


def test_signs_of_life_are_given_where_they_are_wanted(
    make_rank: Callable[..., Rank], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEATRIAL_HEARTBEATS", "1")
    rank = make_rank()
    heartbeat = rank.run / "heartbeats" / "rank-0"
    os.utime(heartbeat, (1, 1))
    rank.alive()
    assert heartbeat.stat().st_mtime > 1
    os.utime(heartbeat, (1, 1))
    rank.stage("validate")
    assert heartbeat.stat().st_mtime > 1

    monkeypatch.delenv("SEATRIAL_HEARTBEATS")
    os.utime(heartbeat, (1, 1))
    make_rank().alive()
    assert heartbeat.stat().st_mtime == 1


def test_without_a_count_of_starts_the_events_are_counted(
    make_rank: Callable[..., Rank], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_rank().run
    writer = EventWriter(run / "events.jsonl")
    writer.write(RunStart(attempt=1, start_step=0, steps=3, world_size=1, device="cpu", backend="gloo"))
    writer.close()
    monkeypatch.delenv("SEATRIAL_ATTEMPT")
    assert Rank(run, JOB).attempt == 2
    assert make_rank(attempt=4).attempt == 4


def test_prepared_data_stand_beside_the_runs_or_where_the_user_says(
    make_rank: Callable[..., Rank], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rank = make_rank()
    assert rank.data == rank.run.parent / "datasets"
    monkeypatch.chdir(tmp_path)
    rank.run = Path("run")
    assert rank.data == tmp_path / "datasets", "also after a program has changed its folder"
    monkeypatch.setenv("SEATRIAL_DATA", "/fsx/datasets")
    assert rank.data == Path("/fsx/datasets")
    monkeypatch.setenv("SEATRIAL_DATA", "")
    assert rank.data == tmp_path / "datasets"


def test_a_device_that_it_does_not_know_is_called_by_its_kind(make_rank: Callable[..., Rank]) -> None:
    assert make_rank(device="cpu").device_name().startswith("cpu (")
    assert make_rank(device="neuron").device_name() == "neuron"


# --- what all ranks shall do ---


def test_a_request_is_a_signal_or_a_loss_that_is_no_number(make_rank: Callable[..., Rank]) -> None:
    rank = make_rank()
    rank.emit(step(1, 2.5))
    assert rank.request() is None
    rank.stop_signal = "SIGTERM"
    assert rank.request() == "stop"
    rank.emit(step(2, float("nan")))
    assert rank.request() == "give up", "a checkpoint of it would be worth nothing"
    rank.stop_signal = None
    rank.emit(step(3, 2.5))
    assert rank.request() == "give up", "it was seen, and stays seen"


@pytest.mark.parametrize(
    ("request_", "saved", "code", "outcome", "reason", "final"),
    [
        ("stop", True, ExitCode.STOPPED, "stopped", "SIGTERM", False),
        ("stop", False, ExitCode.FAILED, "failed", "SIGTERM", False),
        ("give up", False, ExitCode.INVALID, "failed", "the loss of step 7 is not a finite number", True),
        ("give up", True, ExitCode.INVALID, "failed", "the loss of step 7 is not a finite number", True),
    ],
)
def test_leaving_as_asked(
    make_rank: Callable[..., Rank],
    request_: Literal["stop", "give up"],
    saved: bool,
    code: int,
    outcome: str,
    reason: str,
    final: bool,
) -> None:
    rank = make_rank()
    rank.stop_signal = "SIGTERM"
    with pytest.raises(SystemExit) as caught:
        rank.leave(request_, 7, saved=saved)
    assert caught.value.code == code
    (end,) = ends(rank.run)
    assert (end.outcome, end.step, end.reason, end.final) == (outcome, 7, reason, final)


def test_a_rank_that_was_not_asked_itself_says_so(make_rank: Callable[..., Rank]) -> None:
    rank = make_rank()
    with pytest.raises(SystemExit):
        rank.leave("stop", 7, saved=True)
    assert ends(rank.run)[0].reason == "another rank was asked to"
