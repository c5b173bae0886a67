"""What a manifest says, run for real: its containers' commands and variables as processes of this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.events import RunEnd, Step, decode
from seatrial.launchers._printed_events import events_in
from seatrial.launchers.kubernetes.operators import MPI_RANK, MPIRUN
from seatrial.launchers.local import free_port
from tests.launchers.kubernetes import samples

SOURCE = Path(__file__).parents[3] / "src"


def start(pod, node, folder, port):
    """A pod's container as a process: Kubernetes' own replacements, loopback for the cluster's network."""
    variables = {"NODE_RANK": str(node), "PYTHONPATH": str(SOURCE), "PATH": os.environ["PATH"]}
    for name, value in samples.env(pod).items():
        if isinstance(value, str):
            variables[name] = samples.expand(value, variables)
    variables |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "SEATRIAL_RUN": str(folder)}
    command = [samples.expand(part, variables) for part in pod["containers"][0]["command"]]
    return subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.torch
@pytest.mark.slow
def test_two_pods_train_together_and_print_their_events(tmp_path):
    where = samples.cluster(options={"kind": "job"}, python=sys.executable)
    job = samples.job(where, processes_per_node=1, threads_per_process=1)
    job = replace(job, args=job.args | {"steps": 30, "log_every": 10})
    [pod] = samples.pods(samples.documents(where, job))
    port = free_port()
    processes = [start(pod, node, tmp_path / f"node-{node}", port) for node in (1, 0)]
    printed = [process.communicate(timeout=180)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], printed
    assert events_in(printed[0]) == []  # only rank 0 speaks
    found = [decode(line).event for line in events_in(printed[1])]
    assert [event.step for event in found if isinstance(event, Step)] == [1, 10, 20, 30]
    assert isinstance(found[-1], RunEnd) and found[-1].outcome == "completed" and found[-1].ranks_agree


@pytest.mark.skipif(shutil.which("sh") is None, reason="there is no sh")
def test_mpi_rank_is_a_rank_and_its_arguments_stay_data():
    ompi = {"RANK": "5", "LOCAL_RANK": "1", "SIZE": "8", "LOCAL_SIZE": "4"}
    variables = {f"OMPI_COMM_WORLD_{name}": value for name, value in ompi.items()}
    program = "import os, sys; print([os.environ[n] for n in sys.argv[1].split()], sys.argv[2:])"
    names = "RANK LOCAL_RANK WORLD_SIZE LOCAL_WORLD_SIZE"
    command = ["sh", "-c", MPI_RANK, "sh", sys.executable, "-c", program, names, "a  b", "$HOME", "'"]
    printed = subprocess.run(command, env=variables, capture_output=True, text=True, check=True).stdout
    assert printed == "['5', '1', '8', '4'] ['a  b', '$HOME', \"'\"]\n"


@pytest.mark.skipif(shutil.which("sed") is None, reason="there is no sed")
def test_mpirun_starts_with_the_first_host_as_master(tmp_path):
    hosts = tmp_path / "hostfile"
    hosts.write_text("trial-worker-0.trial.default.svc slots=8\ntrial-worker-1.trial.default.svc slots=8\n")
    mpirun = tmp_path / "mpirun"
    mpirun.write_text('#!/bin/sh\necho "$MASTER_ADDR $0 $*"\n')
    mpirun.chmod(0o755)
    script = MPIRUN.replace("/etc/mpi/hostfile", str(hosts))
    variables = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    command = ["sh", "-c", script, "sh", "-np", "16"]
    printed = subprocess.run(command, env=variables, capture_output=True, text=True, check=True).stdout
    assert printed == f"trial-worker-0.trial.default.svc {mpirun} -np 16\n"
