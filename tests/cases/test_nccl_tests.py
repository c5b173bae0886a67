"""nccl-tests and nccom-test as cases: refused where they are not, and judged where something prints what they print."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from seatrial.cases import nccl_tests, nccom_tests
from seatrial.cases.nccl_tests import bench
from seatrial.cases.nccom_tests import bench as nccom_bench
from seatrial.events import CollectiveSweep
from seatrial.findings import Verdict
from seatrial.spec import Layout
from seatrial.verdict import judge

RECORDED = Path(__file__).parents[1] / "checks/recorded"
ONE = Layout(nodes=1, processes_per_node=8, device="cuda")


def program(folder: Path, name: str, output: Path, usage: str = "") -> None:
    """Prints a recorded output."""
    path = folder / name
    path.write_text(f'#!/bin/sh\n[ "$1" = -h ] && echo "{usage}" && exit 0\ncat {shlex.quote(str(output))}\n')
    path.chmod(0o755)


def test_what_is_not_there_is_refused_with_what_to_do(tmp_path):
    [problem] = nccl_tests.preflight(nccl_tests.Args(folder=str(tmp_path)))
    assert "all_reduce_perf" in str(problem) and "--set folder=DIR" in str(problem)
    program(tmp_path, "all_reduce_perf", RECORDED / "nccl-tests/2.19-slow.txt")
    assert [*nccl_tests.preflight(nccl_tests.Args(folder=str(tmp_path)))] == []
    [problem] = nccom_tests.preflight(nccom_tests.Args())
    assert "nccom-test" in str(problem) and "aws-neuronx-tools" in str(problem)


def test_more_nodes_need_mpi():
    two = Layout(nodes=2, processes_per_node=8, device="cuda")
    assert "MPI" in str(next(iter(nccl_tests.check(nccl_tests.Args(), two))))
    assert "MPI" in str(next(iter(nccom_tests.check(nccom_tests.Args(), two))))
    assert [*nccl_tests.check(nccl_tests.Args(), ONE)] == [] == [*nccom_tests.check(nccom_tests.Args(), ONE)]


def test_what_the_programs_are_told():
    told = shlex.join(bench.options(nccl_tests.Args(), 8))
    assert told == "-b 8 -e 17179869184 -f 2 -w 5 -n 20 -c 1 -g 8"
    told = shlex.join(nccom_bench.options(nccom_tests.Args(), 32))
    assert told.startswith("--nworkers 32 --minbytes 8 --maxbytes 1073741824 --stepfactor 2 ")
    assert told.endswith("--datatype fp32 all_reduce --check")


@pytest.mark.slow
def test_a_program_runs_and_is_judged(command, tmp_path):
    program(tmp_path, "all_reduce_perf", RECORDED / "nccl-tests/2.19-corrupt.txt")
    command("run", "nccl-tests", "--name", "corrupt", "--set", f"folder={tmp_path}", expect=1)
    run = command.find("corrupt")
    verdicts = {finding.check: finding.verdict for finding in judge(run)}
    assert verdicts["nccl-tests.data"] is Verdict.FAIL and verdicts["run.completed"] is Verdict.PASS
    assert (run.path / "output.txt").read_text() == (RECORDED / "nccl-tests/2.19-corrupt.txt").read_text()
    [sweep] = run.events().of(CollectiveSweep)
    assert sweep.operation == "all_reduce" and len(sweep.bus_bandwidths) == len(sweep.sizes) > 1


@pytest.mark.slow
def test_nccom_runs_and_its_command_line_is_read_with_it(command, tmp_path):
    output = tmp_path / "printed"
    lines = (RECORDED / "nccom/two-trn1.txt").read_text().splitlines(True)[1:]
    output.write_text("".join(lines))
    program(tmp_path, "nccom-test", output)
    path = f"{tmp_path}:/usr/bin:/bin"
    command("run", "nccom-tests", "--name", "cores", "--set", "max_bytes=64", expect=1, PATH=path)
    run = command.find("cores")
    assert (run.path / "output.txt").read_text().startswith(f"{tmp_path}/nccom-test --nworkers 2 --minbytes 8 ")
    # It was asked for 4 sizes of 2 ranks, and these are 11 of 64: neither is passed over.
    ended = next(finding for finding in judge(run) if finding.check == "nccom.ended")
    assert ended.verdict is Verdict.UNKNOWN and "11 of 4 sizes" in ended.observed
