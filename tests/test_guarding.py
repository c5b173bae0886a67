"""What a check found, put where a scheduler acts on it: against one in memory that does as it is told."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from seatrial import guarding
from seatrial.checks.catalogue import all_checks
from seatrial.checks.quarantine import Mark, Step
from seatrial.cluster import Cluster
from seatrial.errors import UserError
from seatrial.findings import Finding, Severity, Verdict
from seatrial.launchers import Guard
from tests.launchers import fake

CHECK = next(check for check in all_checks() if check.id == "node.memory")
SICK = [CHECK.rule.finding(Verdict.FAIL, "half of it")]
WELL = [CHECK.rule.finding(Verdict.PASS, "all of it")]


@dataclass
class Scheduler:
    """Node -> why it gets no jobs."""

    nodes: dict[str, str] = field(default_factory=lambda: dict.fromkeys("abcd", ""))
    asked: int = 0
    severities: list[Severity] = field(default_factory=list)

    def reasons(self, _: Cluster) -> dict[str, str]:
        self.asked += 1
        return self.nodes

    def quarantine(self, name: str, _: Cluster, words: str, severity: Severity) -> None:
        self.nodes[name] = words
        self.severities.append(severity)

    def guard(self) -> Guard:
        return Guard(
            here=lambda: "a",
            node=lambda cluster: cluster,
            reason=lambda name, _: self.nodes[name],
            reasons=self.reasons,
            quarantine=self.quarantine,
            release=lambda name, _: self.nodes.update({name: ""}),
        )


@pytest.fixture
def scheduler(monkeypatch):
    scheduler = Scheduler()
    fake.offer(monkeypatch, replace(fake.launcher(fake.Memory()), guard=scheduler.guard()))
    return scheduler


def act(findings: list[Finding], level: str = "quick") -> Step:
    return guarding.act(guarding.on_node("memory"), [CHECK], findings, level)[0]


def test_a_sick_node_is_quarantined_until_it_passes(scheduler):
    assert act(SICK, "full") is Step.QUARANTINE
    assert Mark.of(scheduler.nodes["a"]) == Mark("full", "node.memory", "half of it")
    assert scheduler.severities == [Severity.ISOLATE], "what the node needs is the engine's to know"
    assert act(SICK) is Step.KEEP
    assert act(WELL) is Step.KEEP, "a lesser check"
    assert act(WELL, "full") is Step.RELEASE
    assert scheduler.nodes["a"] == ""


def test_a_healthy_node_costs_the_scheduler_one_question(scheduler):
    assert act(WELL) is Step.NOTHING
    assert scheduler.asked == 0, "of a thousand nodes that start a job at once each would ask for all"


def test_no_more_than_a_share_of_the_cluster_is_quarantined(scheduler):
    scheduler.nodes["b"] = str(Mark("quick", "x.y", "z"))
    scheduler.nodes["c"] = "new memory tomorrow"
    assert act(SICK) is Step.HOLD
    assert scheduler.nodes["a"] == ""
    scheduler.nodes["b"] = ""
    assert act(SICK) is Step.QUARANTINE, "what others have drained does not count"


def test_what_somebody_else_has_drained_is_his(scheduler):
    scheduler.nodes["a"] = "new memory tomorrow"
    assert act(SICK) is Step.NOTHING
    assert act(WELL, "deep") is Step.NOTHING
    assert scheduler.nodes["a"] == "new memory tomorrow"


def test_an_operator_releases_all_that_he_names_or_nothing(scheduler):
    cluster = guarding.on_node("memory")
    scheduler.nodes |= {"a": str(Mark("deep", "x.y", "z")), "b": "his"}
    with pytest.raises(UserError, match=r"b is not quarantined by Seatrial, but: his(?s:.*)c is not quarantined"):
        guarding.release(["a", "b", "c"], cluster)
    assert scheduler.nodes["a"]
    assert guarding.release(["a"], cluster) == {"a": Mark("deep", "x.y", "z")}
    assert scheduler.nodes["a"] == ""
