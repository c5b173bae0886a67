"""The case env: its arguments, and real ranks of which one is different."""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.cases.env import CASE, check
from seatrial.events import read_events
from seatrial.findings import Finding, Verdict, overall
from seatrial.spec import Layout
from tests.ranks import JOB

TINY = CASE.recipe("tiny")
RANKS = 4


@pytest.mark.parametrize(("pins", "good"), [("", True), ("a==1", True), ("a==1.0+cu,b-c==2", True), ("a", False)])
def test_pins_are_packages_and_versions(pins, good):
    problems = check(replace(TINY.args, pins=pins), Layout(nodes=1, processes_per_node=2, device="cpu"))
    assert [p.where for p in problems] == ([] if good else ["pins"])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run(folder: Path, odd: dict[str, str] | None = None, files: int | None = None, **job: object) -> list[Finding]:
    """Starts the ranks as a launcher does, one of them with other variables or another ulimit; what rank 0 found."""
    record = {**JOB, "processes_per_node": RANKS, "purpose": "check", "args": vars(TINY.args), **job}
    common = {
        **os.environ,
        "WORLD_SIZE": str(RANKS),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
        "OMP_NUM_THREADS": "1",
        "SEATRIAL_RUN": str(folder),
        "SEATRIAL_JOB": json.dumps(record),
    }
    processes = []
    for rank in range(RANKS):
        env = {**common, "RANK": str(rank), "LOCAL_RANK": str(rank), **(odd if odd and rank == 2 else {})}
        limit = f"ulimit -Sn {files} && " if files and rank == 2 else ""
        command = ["sh", "-c", f'{limit}exec "$@"', "sh", sys.executable, "-m", CASE.program]
        processes.append(subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True))
    try:
        said = [process.communicate(timeout=120)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    assert [process.returncode for process in processes] == [0] * RANKS, said
    log = read_events(folder / "events.jsonl")
    assert log.unreadable == 0
    return [*log.of(Finding)]


def different(findings: list[Finding]) -> list[tuple[Verdict, str]]:
    return [(f.verdict, f.observed) for f in findings if f.check == "env.ranks-equal" and f.verdict is not Verdict.PASS]


@pytest.mark.torch
class TestRealRanks:
    """Four processes that talk over gloo."""

    def test_one_with_another_variable_thread_count_and_ulimit_is_named(self, tmp_path: Path) -> None:
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        findings = run(tmp_path / "run", {"NCCL_DEBUG": "INFO", "OMP_NUM_THREADS": "2"}, files=1000)
        host = socket.gethostname()
        start = f"all 4 ranks equal except rank 2 on {host}: "
        told = dict((text, verdict) for verdict, text in different(findings))
        assert set(told) == {
            f"{start}NCCL_DEBUG INFO instead of not set",
            f"{start}OMP_NUM_THREADS 2 instead of 1",
            f"{start}threads of torch 2 instead of 1",
            f"{start}open files (ulimit -n) 1000 instead of {soft}",
        }
        assert set(told.values()) == {Verdict.FAIL} and overall(findings) is Verdict.FAIL
        facts = [json.loads(line) for line in (tmp_path / "run/facts.jsonl").read_text().splitlines()]
        assert [record["rank"] for record in facts] == [0, 1, 2, 3]
        assert [record["values"]["threads.torch"] for record in facts] == [1, 1, 2, 1]

    def test_ranks_that_are_the_same_differ_in_nothing(self, tmp_path: Path) -> None:
        findings = run(tmp_path / "run")
        assert different(findings) == []
        assert overall(findings) in (Verdict.PASS, Verdict.WARN), "four ranks may be more than the CPUs here"
        right = [f.observed for f in findings if f.check == "env.collectives" and f.verdict is Verdict.PASS]
        assert [text.partition(":")[0] for text in right] == ["all-reduce over gloo", "all-to-all over gloo"]

    def test_a_rank_that_computes_wrong_is_named(self, tmp_path: Path) -> None:
        """Its all-to-all gets a wrong element, by a sitecustomize of its own Python."""
        (tmp_path / "broken").mkdir()
        (tmp_path / "broken/sitecustomize.py").write_text(BROKEN)
        findings = run(tmp_path / "run", {"PYTHONPATH": str(tmp_path / "broken")})
        wrong = [f for f in findings if f.check == "env.collectives" and f.verdict is Verdict.FAIL]
        assert [(f.observed, f.scope["rank"]) for f in wrong] == [("all-to-all over gloo: 1 wrong elements", 2)]


BROKEN = """
import importlib.abc, sys

class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "seatrial.cases.env.check" or name != "seatrial.checks.environment.framework":
            return None
        sys.meta_path.remove(self)
        import torch.distributed as dist
        right = dist.all_to_all_single
        def wrong(out, *args, **kwargs):
            right(out, *args, **kwargs)
            out[5] += 1
        dist.all_to_all_single = wrong
        return None

sys.meta_path.insert(0, Finder())
"""
