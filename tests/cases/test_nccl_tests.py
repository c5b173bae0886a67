"""nccl-tests and nccom-test as cases: refused where they are not, and judged where something prints what they print."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial import catalog
from seatrial.binding import bind
from seatrial.cases import nccl_tests, nccom_tests
from seatrial.cases.nccl_tests import bench, tool
from seatrial.cases.nccom_tests import bench as nccom_bench
from seatrial.checks.observations import Observation
from seatrial.errors import UserError
from seatrial.events import CollectiveSweep
from seatrial.findings import Verdict
from seatrial.rank.core import Rank
from seatrial.spec import Layout
from seatrial.verdict import judge
from tests.clusters import P5

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


def test_what_fits_nothing_is_refused():
    assert [*nccl_tests.check(nccl_tests.Args(), ONE)] == [] == [*nccom_tests.check(nccom_tests.Args(), ONE)]
    [problem] = nccl_tests.check(nccl_tests.Args(min_bytes=8, max_bytes=4), ONE)
    assert problem.where == "max_bytes"
    trainium = Layout(nodes=1, processes_per_node=32, device="neuron")
    assert "nccom-tests" in str(next(iter(nccl_tests.check(nccl_tests.Args(), trainium))))


@pytest.mark.parametrize(("case", "several"), [("nccl-tests", "mpi"), ("nccom-tests", "driver")])
def test_on_several_nodes_it_is_started_otherwise(case, several):
    found = catalog.recipe(f"{case}/tiny")
    assert [bind(*found, replace(P5, shared="/fsx"), nodes=nodes).launch for nodes in (1, 2)] == ["node", several]


def test_what_the_programs_are_told():
    told = shlex.join(bench.options(nccl_tests.Args(), 8))
    assert told == "-b 8 -e 17179869184 -f 2 -w 5 -n 20 -c 1 -g 8"
    assert shlex.join(bench.options(nccl_tests.Args(), 1)).endswith(" -g 1")
    told = shlex.join(nccom_bench.options(nccom_tests.Args(), 32))
    assert told.startswith("--nworkers 32 --minbytes 8 --maxbytes 1073741824 --stepfactor 2 ")
    assert told.endswith("--datatype fp32 all_reduce --check")


def test_nccom_joins_the_allocation_if_its_version_can(tmp_path, monkeypatch):
    program(tmp_path, "nccom-test", tmp_path / "none", usage="-S, --slurm-mode")
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    told = nccom_bench.in_slurm(str(tmp_path / "nccom-test"), 2)
    assert told == ["--nnodes", "2", "--slurm-mode", "--slurm-job-id", "17"]
    program(tmp_path, "nccom-test", tmp_path / "none", usage="--minbytes")
    with pytest.raises(UserError, match="no --slurm-mode"):
        nccom_bench.in_slurm(str(tmp_path / "nccom-test"), 2)


@pytest.mark.parametrize(
    ("text", "ranks", "verdict", "observed"),
    [
        ("2.19-two-p5.txt", 16, Verdict.PASS, "16 ranks"),
        ("2.19-two-p5.txt", 32, Verdict.UNKNOWN, "16 of 32 ranks"),
        ("2.19-two-p5.txt", 8, Verdict.UNKNOWN, "16 of 8 ranks"),
        ("json-v3.txt", 16, Verdict.PASS, "16 ranks"),
        ("none", 16, Verdict.UNKNOWN, "an unknown number of 16 ranks"),
    ],
)
def test_a_program_that_did_not_find_the_others_is_no_test_of_the_job(text, ranks, verdict, observed):
    path = RECORDED / "nccl-tests" / text
    seen = Observation(kind="nccl-tests", origin="", text=path.read_text() if path.exists() else "no table\n")
    found = tool.all_ranks(tool.read(seen), ranks)
    assert (found.check, found.verdict, found.observed) == ("collectives.ranks", verdict, observed)
    assert verdict is Verdict.PASS or "MPI=1" in found.remedy


def test_of_several_ranks_only_the_first_keeps_what_its_program_prints(tmp_path, monkeypatch):
    for name, value in {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    job = {"args": {}, "digest": "", "pins": {}, "device": "cuda", "launch": "mpi", "processes_per_node": 1}
    failed = tool.report(Rank(tmp_path, job), ["sh", "-c", "echo one; echo two; exit 7"], "nccl-tests")
    assert failed == "sh ended with exit code 7: two" and not (tmp_path / tool.FILE).exists()
    assert tool.report(Rank(tmp_path, job), ["true"], "nccl-tests") == ""


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
    program(tmp_path, "nccom-test", output, usage="--report-to-json-file")
    path = f"{tmp_path}:/usr/bin:/bin"
    command("run", "nccom-tests", "--name", "cores", "--set", "max_bytes=64", expect=1, PATH=path)
    run = command.find("cores")
    told, _, printed = (run.path / "output.txt").read_text().partition("\n")
    where = run.path / "nccom-test.json"
    assert told.startswith(f"{tmp_path}/nccom-test --report-to-json-file {where} --nworkers 2 --minbytes 8 ")
    assert printed == output.read_text()
    # It was asked for 4 sizes of 2 ranks, and these are 11 of 64: neither is passed over.
    ended = next(finding for finding in judge(run) if finding.check == "nccom.ended")
    assert ended.verdict is Verdict.UNKNOWN and "11 of 4 sizes" in ended.observed
