"""One rank: how it starts, what it writes, which signals it understands, how it leaves."""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
import torch

from seatrial.errors import ExitCode, Problem, UserError
from seatrial.events import PRINTED, EventWriter, Heartbeat, RunEnd, RunStart, Step, read_events
from seatrial.findings import Finding, Verdict
from seatrial.train import worker as module
from seatrial.train.worker import Worker, start, versions

pytestmark = pytest.mark.torch

SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run's folder as the launcher leaves it for rank 0 of 1."""
    folder = tmp_path / "a run"
    for name in ("stacks", "heartbeats"):
        (folder / name).mkdir(parents=True)
    job = {"args": {"steps": 3}, "digest": "0123", "device": "cpu", "processes_per_node": 2, "pins": {}}
    (folder / "job.json").write_text(json.dumps(job))
    variables = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "SEATRIAL_RUN": str(folder)}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return folder


@pytest.fixture
def started(run: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], contextlib.AbstractContextManager]]:
    """`start` in this process: without a process group, and leaving is an exception."""

    class Left(SystemExit):
        pass

    def leave(worker: Worker, code: int) -> None:
        worker._stacks.close()
        raise Left(code)

    monkeypatch.setattr(Worker, "_join", lambda self: None)
    monkeypatch.setattr(Worker, "_choose_interface", lambda self: None)  # it is told through the environment
    monkeypatch.setattr(module, "_leave", leave)
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield start
    for number, handler in before.items():
        signal.signal(number, handler)
    faulthandler.unregister(signal.SIGUSR2)


def ends(run: Path) -> list[RunEnd]:
    return read_events(run / "events.jsonl").of(RunEnd)


# --- starting and leaving ---


def test_outside_of_a_run_it_says_how_it_is_started(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught, start():
        pytest.fail("it went on")
    assert caught.value.code == ExitCode.USAGE
    assert capsys.readouterr().err == "error: SEATRIAL_RUN is not set; this program is started by: seatrial run\n"


def test_it_knows_its_place_and_its_arguments(
    run: Path, started: Callable[..., contextlib.AbstractContextManager[Worker]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEATRIAL_ATTEMPT", "4")
    with pytest.raises(SystemExit) as caught, started() as worker:
        assert (worker.rank, worker.local_rank, worker.world_size, worker.attempt) == (0, 0, 1, 4)
        assert (worker.args, worker.digest, worker.run) == ({"steps": 3}, "0123", run)
        assert (worker.device, worker.backend) == (torch.device("cpu"), "gloo")
        assert worker.stop_signal is None
        assert worker.device_name().startswith("cpu (")
        assert worker.peak_memory() > 50e6
    assert caught.value.code == 0, "one of the lines above failed"
    assert ends(run) == [], "the program says how it ended"


def test_without_a_count_of_starts_the_events_are_counted(
    run: Path, started: Callable[..., contextlib.AbstractContextManager[Worker]]
) -> None:
    writer = EventWriter(run / "events.jsonl")
    writer.write(RunStart(attempt=1, start_step=0, steps=3, world_size=1, device="cpu", backend="gloo"))
    writer.close()
    with pytest.raises(SystemExit) as caught, started() as worker:
        assert worker.attempt == 2
    assert caught.value.code == 0


def test_the_job_may_come_by_environment_and_the_folder_is_made(
    run: Path,
    started: Callable[..., contextlib.AbstractContextManager[Worker]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SEATRIAL_RUN", str(run / "deeper/down"))
    monkeypatch.setenv(
        "SEATRIAL_JOB",
        json.dumps({"args": {"steps": 9}, "digest": "4567", "device": "cpu", "processes_per_node": 2, "pins": {}}),
    )
    monkeypatch.setenv("SEATRIAL_PRINT_EVENTS", "1")
    monkeypatch.setenv("SEATRIAL_CHECKPOINTS", "0")
    with pytest.raises(SystemExit) as caught, started() as worker:
        assert (worker.args, worker.digest, worker.keeps_checkpoints) == ({"steps": 9}, "4567", False)
        worker.end("completed", 9)
    assert caught.value.code == 0
    lines = [line.removeprefix(PRINTED) for line in capsys.readouterr().out.splitlines() if line.startswith(PRINTED)]
    assert "".join(f"{line}\n" for line in lines) == (run / "deeper/down/events.jsonl").read_text()
    assert len(lines) == 2


def test_a_user_error_is_one_line_and_exit_code_2(
    run: Path,
    started: Callable[..., contextlib.AbstractContextManager[Worker]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as caught, started():
        raise UserError(Problem("matches no file", "text:x", "check its folder"))
    assert caught.value.code == ExitCode.USAGE
    assert capsys.readouterr().err == "error: text:x: matches no file\n    check its folder\n"
    (end,) = ends(run)
    assert (end.outcome, end.reason) == ("failed", "text:x: matches no file\n    check its folder")
    assert end.final, "a restart would only meet it again"


def test_any_other_error_shows_its_traceback(
    run: Path,
    started: Callable[..., contextlib.AbstractContextManager[Worker]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as caught, started():
        raise RuntimeError("first line\nsecond line")
    assert caught.value.code == 1
    assert "Traceback" in capsys.readouterr().err
    (end,) = ends(run)
    assert (end.outcome, end.reason) == ("failed", "RuntimeError: first line")


@pytest.mark.parametrize("code", [0, 1, ExitCode.INVALID, ExitCode.STOPPED])
def test_an_exit_code_is_passed_on(
    started: Callable[..., contextlib.AbstractContextManager[Worker]], code: int
) -> None:
    with pytest.raises(SystemExit) as caught, started():
        sys.exit(code)
    assert caught.value.code == code


# --- what it writes ---


def test_only_rank_0_writes_events(make_worker: Callable[..., Worker]) -> None:
    first, second = (make_worker(rank=rank, world_size=2) for rank in (0, 1))
    for worker in (first, second):
        worker.phase("load")
        worker.end("completed", 3)
    log = read_events(first.run / "events.jsonl")
    assert [event.rank for event in log.of(Heartbeat)] == [0]
    assert len(log.of(RunEnd)) == 1


def test_the_first_word_about_the_end_counts(make_worker: Callable[..., Worker]) -> None:
    worker = make_worker()
    worker.end("stopped", 7, reason="SIGTERM")
    worker.end("failed", 0, reason="on the way out")
    (end,) = ends(worker.run)
    assert (end.outcome, end.step, end.reason) == ("stopped", 7, "SIGTERM")


def test_signs_of_life_are_given_where_they_are_wanted(
    run: Path, make_worker: Callable[..., Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEATRIAL_HEARTBEATS", "1")
    job = {"args": {}, "digest": "", "device": "cpu", "processes_per_node": 2, "pins": {}}
    worker = Worker(run, job)
    heartbeat = run / "heartbeats" / "rank-0"
    os.utime(heartbeat, (1, 1))
    worker.alive()
    assert heartbeat.stat().st_mtime > 1
    os.utime(heartbeat, (1, 1))
    worker.phase("validate")
    assert heartbeat.stat().st_mtime > 1

    monkeypatch.delenv("SEATRIAL_HEARTBEATS")
    os.utime(heartbeat, (1, 1))
    Worker(run, job).alive()
    assert heartbeat.stat().st_mtime == 1


@pytest.mark.usefixtures("group")
def test_collectives_keep_double_precision(make_worker: Callable[..., Worker]) -> None:
    worker = make_worker()
    value = 1.0 + 2.0**-50
    assert worker.sum([value, 2.0]) == [value, 2.0]
    assert worker.gather([value, 2.0]) == [[value, 2.0]]
    assert len(worker.hosts()) == 1


def test_versions_are_those_of_this_process() -> None:
    found = versions(["pytest", "no-such-package"])
    assert found["torch"] == torch.__version__
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["pytest"] == pytest.__version__
    assert "no-such-package" not in found


def test_other_versions_than_the_pins_are_warned_of(
    run: Path, started: Callable[..., contextlib.AbstractContextManager[Worker]]
) -> None:
    torch_alone = torch.__version__.partition("+")[0]  # 2.13.0+cpu is 2.13.0
    pins = {"torch": torch_alone, "pytest": "0.1", "no-such-package": "1.0"}
    (run / "job.json").write_text(
        json.dumps({"args": {}, "digest": "", "device": "cpu", "processes_per_node": 2, "pins": pins})
    )
    with pytest.raises(SystemExit) as caught, started():
        pass
    assert caught.value.code == 0, "it goes on"
    found = read_events(run / "events.jsonl").of(Finding)
    assert [(f.check, f.verdict, f.observed, f.expected) for f in found] == [
        ("run.versions", Verdict.WARN, f"pytest {pytest.__version__}", "pytest 0.1, which this case was made with"),
        (
            "run.versions",
            Verdict.WARN,
            "no-such-package is not installed as a package",
            "no-such-package 1.0, which this case was made with",
        ),
    ]


def test_prepared_data_stand_beside_the_runs_or_where_the_user_says(
    make_worker: Callable[..., Worker], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    worker = make_worker()
    assert worker.data == worker.run.parent / "datasets"
    monkeypatch.chdir(tmp_path)
    worker.run = Path("run")
    assert worker.data == tmp_path / "datasets", "also after a program has changed its folder"
    monkeypatch.setenv("SEATRIAL_DATA", "/fsx/datasets")
    assert worker.data == Path("/fsx/datasets")
    monkeypatch.setenv("SEATRIAL_DATA", "")
    assert worker.data == tmp_path / "datasets"


# --- what all ranks shall do ---


def step(number: int, loss: float) -> Step:
    return Step(step=number, loss=loss, count=1, seconds=1.0)


@pytest.mark.usefixtures("group")
def test_a_request_is_a_signal_or_a_loss_that_is_no_number(make_worker: Callable[..., Worker]) -> None:
    worker = make_worker()
    worker.emit(step(1, 2.5))
    assert worker.request() is None
    worker.stop_signal = "SIGTERM"
    assert worker.request() == "stop"
    worker.emit(step(2, float("nan")))
    assert worker.request() == "give up", "a checkpoint of it would be worth nothing"
    worker.stop_signal = None
    worker.emit(step(3, 2.5))
    assert worker.request() == "give up", "it was seen, and stays seen"


REQUESTS = """
import json, os, sys
from pathlib import Path
import torch.distributed as dist
from seatrial.events import Step
from seatrial.train.worker import Worker

folder = Path(sys.argv[1])
store = f"file://{folder / 'store'}"
dist.init_process_group("gloo", init_method=store, rank=int(os.environ["RANK"]), world_size=2)
worker = Worker(folder, {"args": {}, "digest": "", "device": "cpu", "processes_per_node": 2, "pins": {}})
answers = [worker.request()]
if worker.rank == 1:
    worker.stop_signal = "SIGTERM"
answers.append(worker.request())
if worker.rank == 0:
    worker.emit(Step(step=2, loss=float("inf"), count=1, seconds=1.0))
answers.append(worker.request())
print(json.dumps(answers), flush=True)
dist.barrier()
os._exit(0)
"""


def test_one_rank_is_asked_and_all_of_them_hear(tmp_path: Path) -> None:
    ranks = []
    for rank in range(2):
        environment = os.environ | {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
        command = [sys.executable, "-c", REQUESTS, str(tmp_path)]
        ranks.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True))
    said = [process.communicate(timeout=60)[0] for process in ranks]
    assert [json.loads(answers) for answers in said] == [[None, "stop", "give up"]] * 2


@pytest.mark.parametrize(
    ("request_", "saved", "code", "outcome", "reason", "final"),
    [
        ("stop", True, ExitCode.STOPPED, "stopped", "SIGTERM", False),
        ("stop", False, 1, "failed", "SIGTERM", False),
        ("give up", False, ExitCode.INVALID, "failed", "the loss of step 7 is not a finite number", True),
        ("give up", True, ExitCode.INVALID, "failed", "the loss of step 7 is not a finite number", True),
    ],
)
def test_leaving_as_asked(
    make_worker: Callable[..., Worker],
    request_: Literal["stop", "give up"],
    saved: bool,
    code: int,
    outcome: str,
    reason: str,
    final: bool,
) -> None:
    worker = make_worker()
    worker.stop_signal = "SIGTERM"
    with pytest.raises(SystemExit) as caught:
        worker.leave(request_, 7, saved=saved)
    assert caught.value.code == code
    (end,) = ends(worker.run)
    assert (end.outcome, end.step, end.reason, end.final) == (outcome, 7, reason, final)


def test_a_rank_that_was_not_asked_itself_says_so(make_worker: Callable[..., Worker]) -> None:
    worker = make_worker()
    with pytest.raises(SystemExit):
        worker.leave("stop", 7, saved=True)
    assert ends(worker.run)[0].reason == "another rank was asked to"


# --- signals ---


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_request_to_stop_is_noted(
    started: Callable[..., contextlib.AbstractContextManager[Worker]], number: signal.Signals
) -> None:
    with pytest.raises(SystemExit) as caught, started() as worker:
        signal.raise_signal(number)
        assert worker.stop_signal == number.name
    assert caught.value.code == 0, "the line above failed"


def test_ctrl_c_is_the_launchers(started: Callable[..., contextlib.AbstractContextManager[Worker]]) -> None:
    with pytest.raises(SystemExit) as caught, started() as worker:
        signal.raise_signal(signal.SIGINT)
        assert worker.stop_signal is None
    assert caught.value.code == 0, "the line above failed"


PROGRAM = """
import sys, threading
from seatrial.errors import ExitCode
from seatrial.train.worker import start

def wait_in_a_function_with_a_name(worker):
    print("ready", flush=True)
    while worker.stop_signal is None:
        threading.Event().wait(0.01)

with start() as worker:
    wait_in_a_function_with_a_name(worker)
    worker.end("stopped", 5, reason=worker.stop_signal)
    sys.exit(ExitCode.STOPPED)
"""


def test_a_real_rank_writes_its_stacks_and_stops(run: Path, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    # Port 0: rank 0 keeps the store itself, and chooses a free one.
    environment = os.environ | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0"}
    stacks = run / "stacks" / "rank-0.txt"
    with subprocess.Popen([sys.executable, str(program)], env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGUSR2)
        deadline = time.monotonic() + 20
        while "wait_in_a_function_with_a_name" not in stacks.read_text() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert process.poll() is None, "it goes on"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == ExitCode.STOPPED
    assert "wait_in_a_function_with_a_name" in stacks.read_text()
    (end,) = ends(run)
    assert (end.outcome, end.step, end.reason) == ("stopped", 5, "SIGTERM")
