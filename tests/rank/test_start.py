"""How a rank begins, which signals it understands, how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from seatrial.errors import ExitCode, Problem, UserError
from seatrial.events import PRINTED, Heartbeat, RunEnd, read_events
from seatrial.findings import Finding
from seatrial.rank import announce
from seatrial.rank.core import Rank
from seatrial.rank.start import start
from tests.ranks import JOB, Left


def ends(run: Path) -> list[RunEnd]:
    return read_events(run / "events.jsonl").of(RunEnd)


def test_outside_of_a_run_it_says_how_it_is_started(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught, start(Rank):
        pytest.fail("it went on")
    assert caught.value.code == ExitCode.USAGE
    assert capsys.readouterr().err == "error: SEATRIAL_RUN is not set; this program is started by: seatrial run\n"


def test_a_signal_of_a_fault_leaves_a_traceback_in_the_log(run: Path) -> None:
    code = "import os, signal; from seatrial.rank.core import Rank; from seatrial.rank.start import start\n"
    code += "with start(Rank): os.kill(os.getpid(), signal.SIGSEGV)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGSEGV and "Fatal Python error: Segmentation fault" in done.stderr


def test_it_knows_its_place_and_its_arguments(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEATRIAL_ATTEMPT", "4")
    with pytest.raises(Left) as caught, start(Rank) as rank:
        assert (rank.rank, rank.local_rank, rank.world_size, rank.attempt) == (0, 0, 1, 4)
        assert (rank.args, rank.digest, rank.run) == ({"steps": 3}, JOB["digest"], run)
        assert (rank.stop_signal, rank.keeps_checkpoints) == (None, True)
    assert caught.value.code == ExitCode.PASSED, "one of the lines above failed"
    assert ends(run) == [], "the program says how it ended"


def test_a_process_of_a_node_stands_for_its_ranks(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCAL_RANK")
    monkeypatch.setenv("NODE_RANK", "1")
    (run / "job.json").write_text(json.dumps(JOB | {"launch": "node", "nodes": 2}))
    with pytest.raises(Left) as caught, start(Rank) as rank:
        assert (rank.rank, rank.world_size) == (2, 4)
        rank.end("completed", 1)
    assert caught.value.code == ExitCode.PASSED
    assert not (run / "events.jsonl").exists(), "the first node's process writes them"


def test_the_job_may_come_by_environment_and_the_folder_is_made(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEATRIAL_RUN", str(run / "deeper/down"))
    monkeypatch.setenv("SEATRIAL_JOB", json.dumps(JOB | {"args": {"steps": 9}, "digest": "4567"}))
    monkeypatch.setenv("SEATRIAL_PRINT_EVENTS", "1")
    monkeypatch.setenv("SEATRIAL_CHECKPOINTS", "0")
    with pytest.raises(Left) as caught, start(Rank) as rank:
        assert (rank.args, rank.digest, rank.keeps_checkpoints) == ({"steps": 9}, "4567", False)
        rank.end("completed", 9)
    assert caught.value.code == ExitCode.PASSED
    lines = [line.removeprefix(PRINTED) for line in capsys.readouterr().out.splitlines() if line.startswith(PRINTED)]
    assert "".join(f"{line}\n" for line in lines) == (run / "deeper/down/events.jsonl").read_text()
    assert len(lines) == 2


def test_other_versions_than_the_pins_are_told_at_the_start(run: Path) -> None:
    (run / "job.json").write_text(json.dumps(JOB | {"pins": {"pytest": "0.1"}}))
    with pytest.raises(Left) as caught, start(Rank):
        pass
    assert caught.value.code == ExitCode.PASSED, "it goes on"
    assert [finding.check for finding in read_events(run / "events.jsonl").of(Finding)] == ["run.versions"]


def test_a_user_error_is_one_line_and_exit_code_2(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Left) as caught, start(Rank):
        raise UserError(Problem("matches no file", "text:x", "check its folder"))
    assert caught.value.code == ExitCode.USAGE
    assert capsys.readouterr().err == "error: text:x: matches no file\n    check its folder\n"
    (end,) = ends(run)
    assert (end.outcome, end.reason) == ("failed", "text:x: matches no file\n    check its folder")
    assert end.final, "a restart would only meet it again"


def test_any_other_error_shows_its_traceback(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Left) as caught, start(Rank):
        raise RuntimeError("first line\nsecond line")
    assert caught.value.code == ExitCode.FAILED
    assert "Traceback" in capsys.readouterr().err
    (end,) = ends(run)
    assert (end.outcome, end.reason) == ("failed", "RuntimeError: first line")


@pytest.mark.parametrize("code", [0, 1, ExitCode.INVALID, ExitCode.STOPPED])
@pytest.mark.usefixtures("run")
def test_an_exit_code_is_passed_on(code: int) -> None:
    with pytest.raises(Left) as caught, start(Rank):
        sys.exit(code)
    assert caught.value.code == code


def test_a_rank_that_cannot_join_says_why(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Alone(Rank):
        def join(self) -> None:
            raise UserError(Problem("does not answer", "node 0", "look there"))

    with pytest.raises(Left), start(Alone):
        pytest.fail("it went on")
    assert capsys.readouterr().err == "error: node 0: does not answer\n    look there\n"
    assert [(end.outcome, end.final) for end in ends(run)] == [("failed", True)]
    assert [event.phase for event in read_events(run / "events.jsonl").of(Heartbeat)] == ["start"]


# --- signals ---


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
@pytest.mark.usefixtures("run")
def test_a_request_to_stop_is_noted(number: signal.Signals) -> None:
    with pytest.raises(Left) as caught, start(Rank) as rank:
        announce.run_start(rank, steps=3)
        signal.raise_signal(number)
        assert rank.stop_signal == number.name
    assert caught.value.code == ExitCode.PASSED, "the line above failed"


@pytest.mark.usefixtures("run")
def test_ctrl_c_is_the_launchers() -> None:
    with pytest.raises(Left) as caught, start(Rank) as rank:
        signal.raise_signal(signal.SIGINT)
        assert rank.stop_signal is None
    assert caught.value.code == ExitCode.PASSED, "the line above failed"


@pytest.mark.usefixtures("run")
def test_before_the_first_step_a_request_to_stop_just_ends_it() -> None:
    """It has nothing to save yet; others may never come, and a large model takes long to build."""
    before, seen = signal.getsignal(signal.SIGTERM), []

    class Joining(Rank):
        def join(self) -> None:
            seen.append(signal.getsignal(signal.SIGTERM))

    with pytest.raises(Left), start(Joining) as rank:
        rank.stage("build model")
        seen.append(signal.getsignal(signal.SIGTERM))
        announce.run_start(rank, steps=3)
        seen.append(signal.getsignal(signal.SIGTERM))
    assert seen[0] is before and seen[1] is before
    assert seen[2] is not before
