"""What Batch runs on its nodes, with torch on two of them on loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seatrial.cluster import Mount
from seatrial.events import RunStart
from seatrial.launchers._printed_events import events_in
from seatrial.runs import Run
from tests.launchers.batch.aws import (
    NODE_0,
    NODE_1,
    cluster,
    container,
    cpu_job,
    environment,
    rendered,
    run_folder,
)


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


def test_two_nodes_train_together(nodes: Callable[[dict[str, str]], Nodes]) -> None:
    two = nodes({"steps": "20", "validation_every": "20", "checkpoint_every": "20"})
    two.start()
    assert two.wait() == [0, 0], two.printed(0) + two.printed(1)
    end = two.run.events().end()
    assert end is not None and (end.outcome, end.step, end.ranks_agree) == ("completed", 20, True)
    assert events_in(two.printed(0)) == two.run.events_path.read_text().splitlines()
    assert events_in(two.printed(1)) == []


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
