"""nccl-tests on several nodes: started by srun under PMIx as one MPI program, its output kept and judged; nccom-test,
which calls srun itself.

The MPI and the scheduler are real, what measures is fake: tests/trials/fake_nccl_tests.py, and NCCOM below.
"""

from __future__ import annotations

import ctypes.util
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from seatrial.events import RunEnd, RunStart
from seatrial.findings import Verdict
from seatrial.runs import Run, State
from seatrial.verdict import judge
from tests.trials.slurm.namespaced import NamespacedSlurm
from tests.trials.slurm.project import Project

FAKE = Path(__file__).parents[1] / "fake_nccl_tests.py"
SIZES = ("--set", "max_bytes=1024")
NCCOM = """\
#!/bin/sh
# FAKE: it starts a task on every node as nccom-test does, and prints a table after its guide's layout.
[ "$1" != -h ] || { echo "--slurm-mode --report-to-json-file"; exit 0; }
while [ $# -gt 0 ]; do
    [ "$1" != --slurm-job-id ] || job=$2
    [ "$1" != --nnodes ] || nodes=$2
    shift
done
srun --jobid="$job" --nodes="$nodes" --ntasks="$nodes" hostname
echo "size(B) count(elems) type time:avg(us) algbw(GB/s) busbw(GB/s)"
echo "1048576 262144 fp32 100.00 10.49 15.73"
echo "Avg bus bandwidth: 15.7300GB/s"
"""
WORKS = {"nccl-tests.data", "nccl-tests.ended", "nccl-tests.arithmetic", "collectives.ranks"}


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder with the programs."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in ("all_reduce", "broadcast", "reduce"):
        shutil.copy(FAKE, folder / f"{name}_perf")
        (folder / f"{name}_perf").chmod(0o755)
    return folder


@pytest.fixture
def sea(namespaced_slurm: NamespacedSlurm, tmp_path: Path) -> Iterator[Project]:
    if ctypes.util.find_library("mpi") is None:
        pytest.skip("no Open MPI: openmpi-bin")
    if error := namespaced_slurm.run("srun", "--mpi=pmix", "true", check=False).stderr:
        pytest.skip(f"no PMIx for Slurm: libpmix-dev; {error}")
    hardware = "cpus_per_node = 4\nprocesses_per_node = 4"
    project = Project.make(tmp_path / "project", namespaced_slurm, hardware=hardware, python=sys.executable)
    yield project
    project.close()


def measure(sea: Project, tools: Path, program: str, code: int) -> Run:
    name = program.replace("_", "-")
    where = ("--on", "sea", "--nodes", "2", "--processes", "2", "--set", f"folder={tools}", "--name", name)
    sea("run", "nccl-tests/tiny", *where, *SIZES, "--set", f"program={program}", code=code)
    return sea.run(name)


def verdicts(run: Run) -> dict[str, Verdict]:
    return {finding.check: finding.verdict for finding in judge(run)}


def test_all_ranks_of_both_nodes_are_one_program(sea, tools):
    run = measure(sea, tools, "all_reduce", 3)  # nobody published what a CPU must reach
    found = verdicts(run)
    assert {check for check, verdict in found.items() if verdict is Verdict.PASS} >= WORKS | {"run.completed"}
    assert [check for check, verdict in found.items() if verdict is Verdict.UNKNOWN] == ["nccl-tests.speed"]
    assert run.events().last(RunStart).world_size == 4
    text = (sea.folder / "shared" / run.id / "output.txt").read_text()
    assert [line.split()[8] for line in text.splitlines() if line.startswith("#  Rank")] == ["cpu-1"] * 2 + [
        "cpu-2"
    ] * 2
    assert "--mpi=pmix" in (sea.folder / "shared" / run.id / "job.sbatch").read_text()


def test_wrong_elements_are_found_though_every_rank_fails(sea, tools):
    run = measure(sea, tools, "broadcast", 1)
    assert verdicts(run)["nccl-tests.data"] is Verdict.FAIL
    assert run.events().last(RunEnd).reason == "RuntimeError: broadcast_perf ended with exit code 1"


def test_a_rank_that_dies_ends_the_job_and_says_why(sea, tools):
    run = measure(sea, tools, "reduce", 3)  # PMIx kills the first rank, too, before it can say anything
    assert verdicts(run)["run.completed"] is Verdict.UNKNOWN and run.state() is State.FAILED
    said = sea("diagnose", "reduce", code=1)
    assert "reduce_perf ended with exit code 1: cpu-1: Test NCCL failure" in said and "rank 1" in said, said


def test_nccom_starts_its_ranks_in_the_allocation(namespaced_slurm, tools, tmp_path):
    (tools / "nccom-test").write_text(NCCOM)
    (tools / "nccom-test").chmod(0o755)
    python = tools / "python"
    python.write_text(f'#!/bin/sh\nPATH={tools}:$PATH exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    hardware = "cpus_per_node = 4\nprocesses_per_node = 4"
    sea = Project.make(tmp_path / "project", namespaced_slurm, hardware=hardware, python=str(python))
    where = ("--on", "sea", "--nodes", "2", "--processes", "2", "--name", "cores")
    sea("run", "nccom-tests/tiny", *where, "--set", "min_bytes=1048576", code=3)
    run = sea.run("cores")
    found = verdicts(run)
    assert {found[f"nccom.{rule}"] for rule in ("data", "ended", "arithmetic")} == {Verdict.PASS}
    text = (sea.folder / "shared" / run.id / "output.txt").read_text()
    assert "--nnodes 2 --slurm-mode --slurm-job-id" in text and "--nworkers 4" in text
    assert {"cpu-1", "cpu-2"} <= set(text.splitlines())
