"""What Batch runs on a node, run for real in shells."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.cluster import Cluster
from seatrial.job import Job
from seatrial.launchers.batch import requests
from seatrial.spec import Shipped
from tests.launchers import shapes
from tests.launchers.batch.aws import (
    NODE_0,
    NODE_1,
    SECRETS,
    cluster,
    container,
    environment,
    gpu_job,
)

GPU_CLUSTER = cluster(options=SECRETS)

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
def test_files_of_a_case_are_there_before_its_program_starts(
    tmp_path: Path, shell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = "import json, os, pathlib, sys\nprint(pathlib.Path(sys.path[0], 'conf/a set.json').read_text(), end='')\n"
    program += "print(os.environ.get('SEATRIAL_FILES'), sys.argv)\n"
    files = {**shapes.FILES, "mine.py": Shipped("0" * 64, program)}
    monkeypatch.setattr(requests, "PROGRAM_FOLDER", f"{tmp_path}/{NASTY}")
    where, job = replace(GPU_CLUSTER, python=sys.executable), gpu_job(launch="node", program="mine.py", files=files)
    packed = {"SEATRIAL_FILES": environment(job, where)["SEATRIAL_FILES"]}
    done = on_a_node(shell, job, where, NODE_1 | packed, tmp_path)
    said = f"{shapes.FILES['conf/a set.json'].text}None ['{tmp_path}"
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith(said)
    assert not (tmp_path / "pwned").exists()


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
