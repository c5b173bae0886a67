"""The page of a sea trial: every node in it, the sick ones first, with what to do."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from seatrial.checks.catalogue import all_checks
from seatrial.findings import Finding, Severity, Verdict
from seatrial.report.trial import Ran, Trial, headline, places, to_html

RULE = replace(next(check for check in all_checks() if check.id == "node.memory").rule, verdicts=tuple(Verdict))
WELL = RULE.finding(Verdict.PASS, "all of it", scope={"nodes": ["ip-1", "ip-3", "ip-4"]})
SICK = RULE.finding(Verdict.FAIL, "half of it", scope={"node": "ip-2", "module": 3})
UNSEEN = replace(RULE.finding(Verdict.UNKNOWN, "not installed", scope={"node": "ip-4"}), check="gpu.count")
ODD = replace(RULE.finding(Verdict.WARN, "another version", scope={"rank": 1}), check="env.same")
GONE = replace(RULE.finding(Verdict.UNKNOWN, "no answer", scope={}), check="cluster.reach")
ABSENT = replace(RULE.finding(Verdict.SKIP, "no EFA", scope={"nodes": ["ip-1"]}), check="efa.count")


@pytest.fixture
def trial() -> Trial:
    ran = [
        Ran(job="node/tiny", run="a run", findings=[WELL, SICK, UNSEEN, ABSENT]),
        Ran(job="env/tiny", run="run-2", findings=[ODD], hosts=["ip-1", "ip-3"]),
    ]
    return Trial(cluster="sea", tag="trial-sea", about=[GONE], ran=ran)


def test_a_finding_is_about_the_nodes_that_it_names():
    assert places(WELL, []) == ["ip-1", "ip-3", "ip-4"]
    assert places(SICK, []) == ["ip-2"]
    assert places(ODD, ["ip-1", "ip-3"]) == ["ip-3"]
    assert places(ODD, []) == places(GONE, ["ip-1"]) == []


def test_nodes_with_which_most_is_to_be_done_come_first(trial):
    nodes = trial.nodes()
    assert [(node.name, node.verdict) for node in nodes] == [
        ("ip-2", Verdict.FAIL),
        ("ip-4", Verdict.UNKNOWN),
        ("ip-3", Verdict.WARN),
        ("ip-1", Verdict.PASS),
    ]
    assert nodes[0].severity is Severity.ISOLATE and nodes[3].severity is Severity.NONE
    assert trial.topics() == ["efa", "env", "gpu", "node"]
    assert [nodes[3].cell(topic) for topic in trial.topics()] == [Verdict.SKIP, None, None, Verdict.PASS]
    assert [nodes[1].cell(topic) for topic in trial.topics()] == [None, None, Verdict.UNKNOWN, Verdict.PASS]
    assert trial.elsewhere() == [GONE]
    assert trial.verdict is Verdict.FAIL
    assert headline(trial) == "1 of 4 nodes failed, 1 could not be judged, 1 with a warning"
    assert headline(Trial(cluster="x", tag="x", about=[GONE])) == "no node was looked at"


def test_the_worst_finding_of_a_node_is_told_first(trial):
    mild = RULE.finding(Verdict.WARN, "warm", scope={"node": "ip-2"})
    worse = replace(SICK, severity=Severity.RESET)
    ran = replace(trial.ran[0], findings=[mild, worse, SICK])
    node: list[Finding] = replace(trial, ran=[ran]).nodes()[0].bad()
    assert node == [SICK, worse, mild]


def test_the_page_has_every_node_and_leads_to_every_run(trial):
    text = to_html(trial)
    rows = re.findall(r'<th scope="row">(.*?)</th>', text)
    assert rows == ["ip-2", "ip-4", "ip-3", "ip-1"]
    assert 'href="a%20run/report.html"' in text and 'href="run-2/report.html"' in text
    assert "half of it (module 3)" in text and "Replace the node" in text
    assert "example" not in text and "An example" in to_html(replace(trial, note="An example"))


def test_what_nodes_say_is_text_in_the_page(trial):
    evil = replace(SICK, observed="<script>alert(1)</script>", scope={"node": "<b>"})
    text = to_html(replace(trial, ran=[replace(trial.ran[0], findings=[evil])]))
    assert "<script>alert" not in text and "<b>&" not in text and "&lt;script&gt;" in text


def test_what_is_right_on_all_nodes_is_right_on_each_and_what_is_wrong_somewhere_blames_none(trial):
    right = replace(WELL, check="collectives.data", scope={"op": "all_reduce"})
    wrong = replace(SICK, check="collectives.speed", scope={"op": "all_reduce"})
    ran = Ran(job="collectives/tiny", run="r", findings=[right, wrong], hosts=["ip-1", "ip-1", "ip-2"])
    found = Trial(cluster="sea", tag="t", about=[], ran=[ran])
    assert {node.name: node.findings for node in found.nodes()} == {"ip-1": [right], "ip-2": [right]}
    assert found.elsewhere() == [wrong] and found.verdict is Verdict.FAIL
