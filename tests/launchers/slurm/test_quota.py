"""Limits of accounts and QOS, as a real Slurm told them, against what a job on all nodes asks for."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.cluster import Cluster
from seatrial.findings import Finding, Verdict
from seatrial.launchers import slurm
from seatrial.launchers.slurm.quota import judge

RECORDED = (Path(__file__).with_name("recorded") / "quota/assoc_mgr.txt").read_text()
CONFIG = "AccountingStorageEnforce = associations,limits,qos\nAccountingStorageType   = accounting_storage/slurmdbd\n"
# What sacctmgr says beside that, after its own layout: no QOS of its own, and the limit of each user in one.
TOLD = "user=root\n" + CONFIG + "of=root||\nof=team||\neach=normal|\neach=big|gres/gpu=16\n" + RECORDED
PASS, WARN, FAIL, UNKNOWN, SKIP = Verdict.PASS, Verdict.WARN, Verdict.FAIL, Verdict.UNKNOWN, Verdict.SKIP


def found(text: str = TOLD, nodes: int = 1, cpus: int = 96, **options: object) -> list[Finding]:
    cluster = Cluster(
        name="p5",
        launcher="slurm",
        nodes=nodes,
        cpus_per_node=cpus,
        accelerators_per_node=8,
        processes_per_node=8,
        instance_type="p5.48xlarge",
        options=slurm.Options(**options),  # type: ignore[arg-type]
    )
    return list(judge(text, cluster))


@pytest.mark.parametrize(
    ("nodes", "options", "expected"),
    [
        (1, {}, [(PASS, "4 limits of account team leave room")]),
        (2, {}, [(PASS, "4 limits")]),
        (3, {}, [(WARN, "account team: 3 of node, 1 are in use"), (WARN, "account team: 24 of gres/gpu, 8 are")]),
        (4, {}, [(FAIL, "account team: 3 of node"), (FAIL, "account team: 24 of gres/gpu")]),
        (1, {"qos": "big"}, [(PASS, "7 limits")]),
        (2, {"qos": "big"}, [(WARN, "QOS big: 2 of node, 1 are in use")]),
        (4, {"account": "root"}, [(PASS, "2 limits of account root leave room")]),
        (4, {"account": "root", "qos": "big"}, [(FAIL, "QOS big: 2 of node"), (FAIL, "of each user: 16 of gres/gpu")]),
    ],
)
def test_what_a_real_slurm_allows(nodes, options, expected):
    findings = found(nodes=nodes, **options)
    for finding, (verdict, said) in zip(findings, expected, strict=False):
        assert finding.verdict is verdict and said in finding.observed, finding
    assert len(findings) >= len(expected) and {f.verdict for f in findings} == {v for v, _ in expected}


def test_a_limit_of_one_job_counts_no_others():
    of_job, of_node = found(nodes=2, cpus=193, account="root")
    assert (of_job.verdict, of_job.observed) == (FAIL, "your account root, in one job: 384 of cpu")
    assert of_job.expected == "386 for 2 nodes" and "no waiting helps" in of_job.remedy
    assert (of_node.verdict, of_node.observed) == (FAIL, "your account root, on one node: 192 of cpu")
    assert of_node.expected == "193 on each node"


def test_an_account_above_limits_those_below():
    [finding] = found(TOLD.replace("node=N(1)", "node=1(1)", 1))  # of the first record, which is that of root
    assert (finding.verdict, finding.observed) == (WARN, "account root: 1 of node, 1 are in use")


def test_the_default_qos_of_an_association_is_the_one_of_its_jobs():
    assert [f.verdict for f in found(TOLD.replace("of=team||\n", "of=team||big\n"), nodes=2)] == [WARN]


@pytest.mark.parametrize(
    ("text", "verdict", "said"),
    [
        ("user=root\nAccountingStorageType = accounting_storage/none\n", SKIP, "keeps no accounts"),
        (TOLD.replace("associations,limits,qos", "associations"), SKIP, "it enforces associations"),
        (TOLD.replace("associations,limits,qos", "none"), SKIP, "it enforces none"),
        ("", UNKNOWN, "cannot be seen"),
        ("user=root\n" + CONFIG, UNKNOWN, "cannot be seen"),
        (TOLD.replace("user=root", "user=alice"), UNKNOWN, "cannot be seen"),
        (TOLD.replace("DefAssoc=Yes", "DefAssoc=No"), UNKNOWN, "cannot be seen"),
    ],
)
def test_where_there_are_no_limits_or_they_cannot_be_seen(text, verdict, said):
    [finding] = found(text)
    assert finding.verdict is verdict and said in finding.observed
    assert finding.remedy or verdict is SKIP


@given(st.integers(0, len(TOLD)))
def test_half_an_answer_is_no_error_and_limits_come_only_from_what_is_there(end):
    assert {f.verdict for f in found(TOLD[:end], nodes=4)} <= {SKIP, UNKNOWN, PASS, FAIL}
