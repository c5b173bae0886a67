"""The case `node`: what several nodes found, told together; one that is silent is not well."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.cases.node import CASE, Args, check
from seatrial.cases.node.look import together
from seatrial.checks.catalogue import all_checks, select_checks
from seatrial.checks.environment.facts import Facts
from seatrial.events import RunStart
from seatrial.findings import Finding, Severity, Verdict
from seatrial.runs import Run
from seatrial.spec import Layout
from tests.trials.slurm.configuration import free_ports

RULE = next(check for check in all_checks() if check.id == "node.memory").rule
WELL = RULE.finding(Verdict.PASS, "2048 GiB", evidence="/proc/meminfo")
SICK = RULE.finding(Verdict.FAIL, "1750 GiB", scope={"module": 3})


def facts(host: str, **values: str) -> Facts:
    return Facts(rank=int(host.rpartition("-")[2]), local_rank=0, host=host, values=values)


def verdicts(findings: list[Finding]) -> list[tuple[str, Verdict]]:
    return [(finding.check, finding.verdict) for finding in findings]


def test_a_fault_is_told_with_its_node_and_what_is_right_once():
    found = together({0: (facts("ip-1"), [WELL]), 1: (facts("ip-2"), [SICK]), 2: (facts("ip-3"), [WELL])}, 60)
    assert verdicts(found) == [
        ("node.told", Verdict.PASS),
        ("node.told", Verdict.PASS),
        ("node.memory", Verdict.FAIL),
        ("node.told", Verdict.PASS),
        ("node.memory", Verdict.PASS),
    ]
    assert found[2].scope == {"node": "ip-2", "module": 3}
    assert found[2].severity is Severity.ISOLATE
    assert (found[4].observed, found[4].scope) == ("2048 GiB on 2 nodes", {"nodes": ["ip-1", "ip-3"]})


def test_what_is_right_in_several_ways_says_so():
    [*_, right] = together({0: (facts("ip-1"), [WELL, replace(WELL, observed="2000 GiB")])}, 60)
    assert right.observed == "2048 GiB, and so on"


def test_a_node_that_is_silent_is_unknown():
    [silent, *_] = together({0: None, 1: (facts("ip-2"), [WELL])}, 60)
    assert (silent.verdict, silent.observed, silent.scope) == (
        Verdict.UNKNOWN,
        "nothing within 60 s",
        {"node": "number 0"},
    )


def test_an_instance_type_that_is_not_known_is_refused():
    layout = Layout(nodes=1, processes_per_node=1, device="cpu")
    assert list(check(Args(instance="p5.48xlarge"), layout)) == []
    [problem] = check(Args(instance="p5.48xlrge"), layout)
    assert problem.where == "instance" and "p5.48xlarge" in problem.remedy


def start(run: Path, node: int, port: int, patience: int) -> subprocess.Popen[str]:
    """The program as a launcher starts it on one of two nodes, which share a folder."""
    run.mkdir(exist_ok=True)
    for name in ("heartbeats", "logs", "stacks"):
        (run / name).mkdir(exist_ok=True)
    job = {"args": {"level": "quick", "instance": "p5.48xlarge", "patience": patience}, "digest": "0" * 16}
    job |= {"device": "cpu", "launch": "node", "nodes": 2, "processes_per_node": 1, "pins": {}}
    (run / "job.json").write_text(json.dumps(job))
    place = {"NODE_RANK": str(node), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "SEATRIAL_RUN": str(run)}
    return subprocess.Popen(
        [sys.executable, "-m", CASE.program],
        env=os.environ | place,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("silent", [False, True])
def test_two_nodes_tell_the_first_one(tmp_path, silent):
    port = free_ports(1)
    there = [start(tmp_path / "run", node, port, 3 if silent else 60) for node in range(1 if silent else 2)]
    for process in there:
        _, err = process.communicate(timeout=100)
        assert process.returncode == 0, err
    log = Run(tmp_path / "run").events()
    told = [finding for finding in log.of(Finding) if finding.check == "node.told"]
    assert [finding.verdict for finding in told] == [Verdict.PASS, Verdict.UNKNOWN if silent else Verdict.PASS]
    begin, end = log.last(RunStart), log.end()
    assert begin is not None and begin.steps == 1
    assert end is not None and end.outcome == "completed"
    quick = {check.id for check in select_checks("quick")}
    assert {finding.check for finding in log.of(Finding)} == {"node.told", "node.alike", *quick}
    alike = [finding for finding in log.of(Finding) if finding.check == "node.alike"]
    assert alike[-1].verdict is (Verdict.SKIP if silent else Verdict.PASS), "two nodes of one machine"
    kept = [Facts.from_json(line) for line in (tmp_path / "run/facts.jsonl").read_text().splitlines()]
    assert [facts.rank for facts in kept] == ([0] if silent else [0, 1])
    assert {"sysctl.kernel.pid_max", "system.kernel", "software.driver"} <= kept[0].values.keys()
    assert "gpus.vbios_version" in kept[0].values | kept[0].problems, "what nvidia-smi says, or why it says nothing"
    assert not any(str(tmp_path) in finding.evidence for finding in log.of(Finding)), (
        "places are below the run's folder"
    )
    assert {path.name for path in (tmp_path / "run/observed").iterdir()} == {socket.gethostname()}


def test_a_node_that_reaches_nobody_says_what_it_found_and_kills_nobody(tmp_path):
    process = start(tmp_path / "run", 1, free_ports(1), 2)
    out, err = process.communicate(timeout=100)
    assert process.returncode == 0, err
    assert "the first node cannot be told" in out and "FAIL node.memory: " in out
