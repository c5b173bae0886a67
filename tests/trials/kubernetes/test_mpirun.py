"""nccl-tests as an MPIJob: what its launcher pod runs, by a real mpirun, with this machine as both of its workers.

What measures is fake: tests/trials/fake_nccl_tests.py.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from seatrial.events import RunEnd, decode
from seatrial.findings import Finding, Verdict
from seatrial.launchers._printed_events import events_in
from tests.launchers.kubernetes import samples

FAKE = Path(__file__).parents[1] / "fake_nccl_tests.py"
SOURCE = Path(__file__).parents[3] / "src"


@pytest.mark.skipif(shutil.which("mpirun") is None, reason="no Open MPI: openmpi-bin")
def test_mpirun_starts_the_ranks_whose_programs_find_each_other(tmp_path):
    shutil.copy(FAKE, tmp_path / "all_reduce_perf")
    (tmp_path / "all_reduce_perf").chmod(0o755)
    where = samples.cluster(options={"kind": "mpijob"}, python=sys.executable)
    job = samples.job(where, "nccl-tests/tiny")
    job.args.update(folder=str(tmp_path), max_bytes=1024)
    launcher, _ = samples.pods(samples.documents(where, job))
    variables = {name: value for name in ("PATH", "HOME") if (value := os.environ.get(name))}
    for name, value in samples.env(launcher).items():
        variables[name] = samples.expand(value, variables)
    variables |= {"PYTHONPATH": str(SOURCE), "SEATRIAL_RUN": str(tmp_path / "run"), "LD_LIBRARY_PATH": ""}
    hosts = tmp_path / "hostfile"
    hosts.write_text("localhost slots=4\n")
    # The operator's file of hosts, and one host with the slots of both.
    here = {"/etc/mpi/hostfile": str(hosts), "ppr:2:node": "ppr:4:node"}
    command = [samples.expand(part, variables) for part in launcher["containers"][0]["command"]]
    for there, instead in here.items():
        assert sum(there in part for part in command) == 1
        command = [part.replace(there, instead) for part in command]
    variables["OMPI_MCA_orte_default_hostfile"] = str(hosts)  # which the operator sets in the launcher pod
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    found = [decode(line).event for line in events_in(done.stdout)]
    verdicts = {event.check: event.verdict for event in found if isinstance(event, Finding)}
    assert (
        verdicts["collectives.ranks"]
        is verdicts["nccl-tests.arithmetic"]
        is verdicts["nccl-tests.data"]
        is Verdict.PASS
    )
    assert isinstance(found[-1], RunEnd) and found[-1].outcome == "completed"
    assert "# Collective test concluded" in (tmp_path / "run/output.txt").read_text()
