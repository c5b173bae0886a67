"""A rank with torch: its device, its collectives, its process group."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from seatrial.errors import ExitCode, UserError
from seatrial.events import RunEnd, RunStart, Step, read_events
from seatrial.rank import announce
from seatrial.train.worker import Worker, start
from tests.ranks import JOB, Left, leaving_is_an_exception

pytestmark = pytest.mark.torch


# --- its device ---


def test_the_device_is_that_of_the_job(make_worker: Callable[..., Worker]) -> None:
    worker = make_worker(device="cpu")
    assert (worker.device, worker.backend) == (torch.device("cpu"), "gloo")
    assert worker.device_name().startswith("cpu (")
    assert worker.peak_memory() > 50e6
    worker = make_worker(device="cuda", rank=1)
    assert (worker.device, worker.backend) == (torch.device("cuda", 1), "nccl")


@pytest.mark.parametrize("join", [True, False])
def test_on_trainium_it_does_not_compute_on_the_cpu_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], join: bool
) -> None:
    (tmp_path / "job.json").write_text(json.dumps(JOB | {"device": "neuron"}))
    for name, value in {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "SEATRIAL_RUN": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    with leaving_is_an_exception(monkeypatch), pytest.raises(Left) as caught, start(join=join):
        pytest.fail("it began")
    assert caught.value.code == ExitCode.USAGE
    what = "error: device 'neuron': torch alone has no such device, and this case brings none\n"
    assert capsys.readouterr().err.startswith(what + "    run it on GPUs or CPUs")
    (end,) = read_events(tmp_path / "events.jsonl").of(RunEnd)
    assert (end.outcome, end.final) == ("failed", True)


def test_a_case_may_bring_a_device(make_worker: Callable[..., Worker]) -> None:
    class OnNeuron(Worker):
        device = torch.device("meta")  # stands for torch_xla's

    run = make_worker().run
    assert OnNeuron(run, JOB | {"device": "neuron"}).device.type == "meta"
    with pytest.raises(UserError, match="torch alone has no such device"):
        Worker(run, JOB | {"device": "neuron"}).sum([1.0])


# --- its collectives, and what it announces ---


@pytest.mark.usefixtures("group")
def test_collectives_keep_double_precision(make_worker: Callable[..., Worker]) -> None:
    worker = make_worker()
    value = 1.0 + 2.0**-50
    assert worker.sum([value, 2.0]) == [value, 2.0]
    assert worker.gather([value, 2.0]) == [[value, 2.0]]
    assert len(worker.hosts()) == 1


@pytest.mark.usefixtures("group")
def test_the_start_names_torch_and_states_no_peak_of_a_cpu(make_worker: Callable[..., Worker]) -> None:
    worker = make_worker()
    announce.run_start(worker, steps=9)
    (said,) = read_events(worker.run / "events.jsonl").of(RunStart)
    assert said.versions["torch"] == torch.__version__
    assert said.peak_flops is None and said.peak_source.startswith("not stated: a CPU")
    assert (said.backend, len(said.hosts)) == ("gloo", 1)


@pytest.mark.usefixtures("group")
def test_a_request_is_asked_of_all_ranks_as_often_as_one_likes(make_worker: Callable[..., Worker]) -> None:
    worker = make_worker()
    assert worker.request() is None
    worker.stop_signal = "SIGTERM"
    assert worker.request() == "stop"
    worker.emit(Step(step=2, loss=float("nan"), count=1, seconds=1.0))
    assert worker.request() == "give up"


REQUESTS = """
import json, os, sys
from pathlib import Path
import torch.distributed as dist
from seatrial.events import Step
from seatrial.train.worker import Worker

folder = Path(sys.argv[1])
store = f"file://{folder / 'store'}"
dist.init_process_group("gloo", init_method=store, rank=int(os.environ["RANK"]), world_size=2)
worker = Worker(folder, json.loads(sys.argv[2]))
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
        command = [sys.executable, "-c", REQUESTS, str(tmp_path), json.dumps(JOB)]
        ranks.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True))
    said = [process.communicate(timeout=60)[0] for process in ranks]
    assert [json.loads(answers) for answers in said] == [[None, "stop", "give up"]] * 2


PROGRAM = """
import sys, threading
from seatrial.errors import ExitCode
from seatrial.rank import announce
from seatrial.train.worker import start

def wait_in_a_function_with_a_name(worker):
    print("ready", flush=True)
    while worker.stop_signal is None:
        threading.Event().wait(0.01)

with start() as worker:
    announce.run_start(worker, steps=5)
    wait_in_a_function_with_a_name(worker)
    worker.end("stopped", 5, reason=worker.stop_signal)
    sys.exit(ExitCode.STOPPED)
"""


def test_a_real_rank_writes_its_stacks_and_stops(tmp_path: Path) -> None:
    run, program = tmp_path / "run", tmp_path / "program.py"
    program.write_text(PROGRAM)
    place = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "SEATRIAL_RUN": str(run)}
    # Port 0: rank 0 keeps the store itself, and chooses a free one.
    job = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "0", "SEATRIAL_JOB": json.dumps(JOB)}
    environment = os.environ | place | job
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
    (end,) = read_events(run / "events.jsonl").of(RunEnd)
    assert (end.outcome, end.step, end.reason) == ("stopped", 5, "SIGTERM")
