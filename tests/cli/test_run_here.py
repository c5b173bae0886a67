"""seatrial run on this machine, as a process: what its user, its terminal and its disk do to it."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from seatrial.events import RunEnd, Step, StopRequested, encode
from seatrial.runs import Run, State, process_started
from tests.command import Command, is_gone, settings, wait_for_step
from tests.waiting import poll

WALK = str(Path(__file__).parents[1] / "walk.py")


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    found = Command(tmp_path / "runs")
    yield found
    assert all(is_gone(Run(path)) for path in found.root.glob("*")), "a rank is left"


def begin(command: Command, *args: str, steps: int = 3000) -> tuple[subprocess.Popen[str], Run]:
    process, run = command.begin("run", WALK, *settings(f"steps={steps}"), *args, name="walk")
    wait_for_step(run, 12)
    # Ranks that exchange nothing begin each by itself: one that still starts has no ear for a request to stop.
    poll(lambda: "step 1" in (run.path / "logs" / "rank-1.log").read_text(), 60, "rank 1 has begun")
    return process, run


def test_a_smoke_test_passes_and_says_what_was_not_judged(command: Command) -> None:
    out = command("run", WALK, *settings("steps=3"))
    assert "SKIP    run.loss-fell" in out and "not judged: stated for 30 steps, this is after 3" in out
    assert "walk/tiny completed: PASS (on CPU, fidelity real), without run.loss-fell, run.accuracy" in out


def test_the_user_may_expect_something_else(command: Command) -> None:
    command("run", WALK, *settings("steps=3"), "--expect", "loss_decrease=0.1")
    assert "run.loss-fell" in command("run", WALK, *settings("steps=3"), "--expect", "loss_decrease=9", expect=1)
    command("run", WALK, *settings("fall=0.001"), "--expect", "none")
    command("run", WALK, *settings("fall=0.001"), expect=1)


def test_a_run_that_was_stopped_is_not_judged_by_its_end_and_its_hint_can_be_pasted(command: Command) -> None:
    process, _ = begin(command, "--runs-dir", str(command.root), "--hang-timeout", "60", "--option", "max_restarts=3")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 75
    assert "SIGINT: the ranks write a checkpoint and stop; Ctrl-C again kills them" in err
    assert "FAIL" not in out and "UNKNOWN run.accuracy" in out
    [hint] = [line for line in out.splitlines() if line.startswith("resume")]
    words = shlex.split(hint)[1:]
    assert words[:5] == ["seatrial", "run", WALK, "--resume", "walk"]
    rest = dict(zip(words[5::2], words[6::2], strict=True))
    assert rest == {"--runs-dir": str(command.root), "--hang-timeout": "60.0", "--option": "max_restarts=3"}


def test_ctrl_c_while_the_ranks_start_ends_the_run_as_stopped_with_a_report(command: Command) -> None:
    process, run = command.begin("run", WALK, *settings("import_seconds=60"), name="walk")
    poll(lambda: run.supervisor() is not None, 30, "it is watched")
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 75 and run.state() is State.STOPPED
    assert "stopped before it could write a checkpoint" in out and run.report_path.exists()


@pytest.mark.parametrize("closed", ["stdout", "stderr", "both"])
def test_a_reader_that_ends_ends_no_training(command: Command, closed: str) -> None:
    """``seatrial run ... 2>&1 | head -3``"""
    read, write = os.pipe()
    pipes = {name: write for name in ("stdout", "stderr") if closed in (name, "both")}
    other = {name: subprocess.PIPE for name in ("stdout", "stderr") if name not in pipes}
    args = [sys.executable, "-m", "seatrial", "run", WALK, "--name", "walk", *settings("seconds=0.02")]
    process = subprocess.Popen(args, env={**os.environ, "SEATRIAL_RUNS_DIR": str(command.root)}, **pipes, **other)
    os.close(write)
    os.close(read)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert command.find("walk").state() is State.COMPLETED and command.find("walk").report_path.exists()


def test_a_terminal_that_is_closed_stops_the_run_with_a_checkpoint(command: Command) -> None:
    process, run = begin(command)
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=30)
    assert process.returncode == 75 and run.state() is State.STOPPED
    assert [event.signal for event in run.events().of(StopRequested)] == ["SIGHUP"]
    done = run.events().last(Step).step
    assert (run.checkpoints / str(done)).exists()


def test_a_detached_run_goes_on_without_its_terminal_until_it_is_cancelled(command: Command) -> None:
    [said] = json.loads(command("run", WALK, "--detach", "--json", "--name", "walk", *settings("steps=3000")))
    run = command.find("walk")
    owner = run.supervisor()
    assert owner is not None and said["run"] == "walk" and os.getsid(owner) == owner
    wait_for_step(run, 12)
    assert "walk: stopped" in command("cancel", "walk")
    poll(lambda: process_started(owner) is None, 30, "its command has ended")
    assert "walk/tiny stopped: UNKNOWN" in (run.path / "command.log").read_text()
    assert run.report_path.exists()


def test_two_unnamed_runs_in_one_second_both_work(command: Command) -> None:
    both = [command.start("run", WALK, *settings("steps=3")) for _ in range(2)]
    for process in both:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, out + err
    assert len(list(command.root.glob("*/report.html"))) == 2


# Root may write everywhere, but not without this capability.
UNPRIVILEGED = ["setpriv", "--bounding-set", "-dac_override"] if os.geteuid() == 0 else []


@pytest.mark.skipif(bool(UNPRIVILEGED) and shutil.which("setpriv") is None, reason="no setpriv, and root")
def test_another_users_run_can_be_read_and_nothing_else(command: Command) -> None:
    command("run", WALK, "--name", "walk")
    report = command("report", "walk")
    paths = [command.root, *command.root.rglob("*")]
    before = {path: path.read_bytes() for path in paths if path.is_file()}
    modes = {path: path.stat().st_mode for path in paths}

    def other(*args: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [*UNPRIVILEGED, sys.executable, "-m", "seatrial", *args, "--runs-dir", str(command.root)],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout, done.stderr

    for path, mode in modes.items():
        path.chmod(mode & ~0o222)
    try:
        code, out, err = other("report", "walk")
        assert (code, out) == (0, report) and "the verdict and the page are not kept: Permission denied" in err
        for verb in ("status", "runs", "logs"):
            code, out, _ = other(verb)
            assert code == 0 and out
        code, _, err = other("run", WALK)
        assert code == 2 and "name a folder that can be written to" in err
        (command.root / "walk" / "events.jsonl").chmod(0o644)
        with (command.root / "walk" / "events.jsonl").open("ab") as events:
            events.write(encode(StopRequested(signal="SIGINT"), 1.0) + encode(RunEnd(outcome="stopped", step=9), 2.0))
        code, _, err = other("run", WALK, "--resume", "walk")
        assert code == 2 and err.startswith("error: ") and "Permission denied" in err
    finally:
        for path, mode in modes.items():
            path.chmod(mode)
    del before[command.root / "walk" / "events.jsonl"]
    assert all(path.read_bytes() == content for path, content in before.items())


def test_a_plan_that_cannot_be_written_is_one_line(command: Command, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    process = command.start("render", WALK, "-o", str(tmp_path / "file" / "plan"))
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2 and "--output: " in err and "Traceback" not in err
