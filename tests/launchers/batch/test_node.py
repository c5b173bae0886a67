"""What Batch runs on a node, run for real: in shells, and with torch on two nodes on loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.events import RunStart
from seatrial.launchers._printed_events import events_in
from seatrial.launchers.batch import requests
from seatrial.runs import Run
from seatrial.spec import Cluster, Job, Mount
from tests.launchers.batch.aws import (
    SECRETS,
    cluster,
    container,
    cpu_job,
    environment,
    gpu_job,
    rendered,
    run_folder,
)

GPU_CLUSTER = cluster(options=SECRETS)

# What Batch sets on the two nodes of a job: https://docs.aws.amazon.com/batch/latest/userguide/mnp-env-vars.html
NODE_0 = {
    "AWS_BATCH_JOB_NUM_NODES": "2",
    "AWS_BATCH_JOB_MAIN_NODE_INDEX": "0",
    "AWS_BATCH_JOB_NODE_INDEX": "0",
    "AWS_BATCH_JOB_ATTEMPT": "1",
}
NODE_1 = NODE_0 | {"AWS_BATCH_JOB_NODE_INDEX": "1", "AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS": "10.0.0.7"}


SHELLS = ["sh", "bash"]
NASTY = "a b'c\"d$(touch pwned)`touch pwned`;&"


def fake_python(folder: Path) -> Path:
    """Prints its arguments and where it was told to be; asked for its own address, it says 10.0.0.5."""
    path = folder / NASTY
    path.write_text(
        '#!/bin/sh\nif [ "$1" = -c ]; then echo 10.0.0.5; exit; fi\n'
        'for word in "$@"; do printf "%s\\n" "$word"; done\n'
        'printf "%s\\n" "${MASTER_ADDR-}:${MASTER_PORT-} ${NODE_RANK-} ${NNODES-} ${NPROC_PER_NODE-}"\n'
    )
    path.chmod(0o755)
    return path


def on_a_node(shell: str, job: Job, where: Cluster, node: dict[str, str], folder: Path) -> subprocess.CompletedProcess:
    words = container(job, where)["command"]
    assert words[:2] == ["sh", "-c"]
    given = {"PATH": os.environ["PATH"]} | node
    return subprocess.run(
        [shell, *words[1:]], env=given, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("node", "address"), [(NODE_0, "10.0.0.5"), (NODE_1, "10.0.0.7")], ids=["main-node", "other-node"]
)
class TestNodeCommand:
    def test_torchrun_on_each_node(self, tmp_path: Path, shell: str, node: dict[str, str], address: str) -> None:
        where = replace(GPU_CLUSTER, python=str(fake_python(tmp_path)))
        done = on_a_node(shell, gpu_job(program=f"/p/{NASTY}.py"), where, node, tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines()[:-1] == [
            "-m",
            "torch.distributed.run",
            "--nnodes=2",
            "--nproc-per-node=8",
            "--max-restarts=0",
            f"--node-rank={node['AWS_BATCH_JOB_NODE_INDEX']}",
            f"--master-addr={address}",
            "--master-port=29400",
            f"/p/{NASTY}.py",
        ]
        assert not (tmp_path / "pwned").exists()

    def test_a_program_once_per_node(self, tmp_path: Path, shell: str, node: dict[str, str], address: str) -> None:
        where = replace(GPU_CLUSTER, python=str(fake_python(tmp_path)))
        done = on_a_node(shell, gpu_job(launch="node"), where, node, tmp_path)
        assert done.stdout.splitlines() == [
            "-m",
            "seatrial.cases.pretend.train",
            f"{address}:29400 {node['AWS_BATCH_JOB_NODE_INDEX']} 2 8",
        ]


@pytest.mark.parametrize("shell", SHELLS)
class TestNodeCommandThatCannotStart:
    def test_without_an_address(self, tmp_path: Path, shell: str) -> None:
        path = tmp_path / "python"
        path.write_text('#!/bin/sh\n[ "$1" != -c ] && echo started\n')
        path.chmod(0o755)
        done = on_a_node(shell, gpu_job(), replace(GPU_CLUSTER, python=str(path)), NODE_0, tmp_path)
        assert (done.returncode, done.stdout) == (1, "")

    def test_outside_of_batch(self, tmp_path: Path, shell: str) -> None:
        done = on_a_node(shell, gpu_job(), replace(GPU_CLUSTER, python="echo"), {}, tmp_path)
        assert done.returncode != 0
        assert "AWS_BATCH_JOB_NODE_INDEX" in done.stderr


def test_the_main_node_finds_the_address_that_others_reach_it_by() -> None:
    done = subprocess.run([sys.executable, "-c", requests.OWN_ADDRESS], capture_output=True, text=True, check=False)
    if done.returncode:  # this machine has no route to anywhere
        assert "unreachable" in done.stderr
    else:
        with socket.socket() as probe:
            probe.bind((done.stdout.strip(), 0))  # raises unless it is an address of this machine
        assert not done.stdout.startswith("127.")


class Nodes:
    """Two nodes on loopback, each running what Batch would run in its container."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        # The main node's own address is one that node 1 reaches it by: here that is loopback's.
        python = folder / "python"
        python.write_text(f'#!/bin/sh\nif [ "$1" = -c ]; then echo 127.0.0.1; exit; fi\nexec {sys.executable} "$@"\n')
        python.chmod(0o755)
        where = cluster(
            shared=str(folder / "shared"),
            mounts=(Mount(source=str(folder), target=str(folder)),),
            python=str(python),
            environment={"GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"},
        )
        job = cpu_job(where, settings=settings)
        self.run = Run(Path(run_folder(rendered(job, where)[1])))
        self.command, self.folder = container(job, where)["command"], folder
        self.given = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
        self.given |= environment(job, where) | {"SEATRIAL_RUN": str(self.run.path)}
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        loopback = NODE_1 | {"AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS": "127.0.0.1"}
        self.processes = [self._node(number, place) for number, place in enumerate((NODE_0, loopback))]

    def _node(self, number: int, place: dict[str, str]) -> subprocess.Popen[bytes]:
        with (self.folder / f"node-{number}.log").open("wb") as log:
            return subprocess.Popen(self.command, env=self.given | place, cwd=self.folder, stdout=log, stderr=log)

    def wait(self) -> list[int]:
        return [process.wait(timeout=120) for process in self.processes]

    def terminate(self) -> None:
        """What Batch does to a job that is cancelled."""
        for process in self.processes:
            process.terminate()

    def printed(self, node: int) -> str:
        return (self.folder / f"node-{node}.log").read_text()

    def wait_for(self, event: str) -> None:
        """Until rank 0 has printed an event of that type."""
        deadline = time.monotonic() + 120
        while f'"type": "{event}"' not in self.printed(0):
            assert self.processes[0].poll() is None and time.monotonic() < deadline, self.printed(0) + self.printed(1)
            time.sleep(0.1)  # a file: there is nothing to wait on


@pytest.fixture
def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[dict[str, str]], Nodes]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        monkeypatch.setattr("seatrial.launchers._ranks.PORT", probe.getsockname()[1])
    made: list[Nodes] = []

    def make(settings: dict[str, str]) -> Nodes:
        made.append(Nodes(tmp_path, settings))
        return made[-1]

    yield make
    for each in made:  # torchrun ends its ranks, which a signal to its process group would not reach
        each.terminate()
        each.wait()


@pytest.mark.torch
@pytest.mark.slow
def test_two_nodes_train_together(nodes: Callable[[dict[str, str]], Nodes]) -> None:
    two = nodes({"steps": "20", "validation_every": "20", "checkpoint_every": "20"})
    two.start()
    assert two.wait() == [0, 0], two.printed(0) + two.printed(1)
    end = two.run.events().end()
    assert end is not None and (end.outcome, end.step, end.ranks_agree) == ("completed", 20, True)
    assert events_in(two.printed(0)) == two.run.events_path.read_text().splitlines()
    assert events_in(two.printed(1)) == []


@pytest.mark.torch
@pytest.mark.slow
def test_a_cancelled_job_writes_a_checkpoint_and_goes_on_from_it(nodes: Callable[[dict[str, str]], Nodes]) -> None:
    two = nodes({"steps": "1000000", "validation_every": "1000000", "checkpoint_every": "1000000"})
    two.start()
    two.wait_for("step")
    two.terminate()
    assert 0 not in two.wait()
    stopped = two.run.events().end()
    assert stopped is not None and stopped.outcome == "stopped"
    two.start()
    two.wait_for("run_start")
    start = two.run.events().last(RunStart)
    assert start is not None and (start.attempt, start.start_step) == (1, stopped.step)
