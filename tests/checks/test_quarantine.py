"""Who is kept away from jobs, and what lifts it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.checks.catalogue import all_checks
from seatrial.checks.observations import LEVELS
from seatrial.checks.quarantine import LONGEST, Mark, Step, mark, step
from seatrial.findings import Finding, Severity, Verdict

CHECK = next(check for check in all_checks() if check.id == "node.memory")
FAULT = CHECK.rule.finding(Verdict.FAIL, "half of it", scope={"module": 3})
FINE = CHECK.rule.finding(Verdict.PASS, "all of it")
UNSEEN = CHECK.rule.finding(Verdict.UNKNOWN, "not looked at")
OLD = Mark("full", "gpu.count", "7")


def test_a_mark_names_the_finding_and_what_lifts_it():
    made = mark([CHECK], [FINE, FAULT], "quick")
    assert str(made) == "seatrial/quick node.memory: half of it, module 3"
    assert Mark.of(str(made)) == made
    traced = replace(CHECK, source=replace(CHECK.source, disproved_by="deep"))
    assert mark([traced], [FAULT], "quick") == replace(made, level="deep")
    assert mark([CHECK], [FAULT], "full") == replace(made, level="full")
    assert len(str(mark([CHECK], [replace(FAULT, observed="a word " * 100)], "quick"))) == LONGEST


def test_the_worst_finding_makes_the_mark():
    worse = replace(FAULT, check="gpu.count", severity=Severity.ISOLATE, observed="x", scope={})
    better = replace(FAULT, severity=Severity.RESET)
    assert str(mark([CHECK], [better, worse], "quick")) == "seatrial/quick gpu.count: x"


@pytest.mark.parametrize(
    "finding",
    [FINE, UNSEEN, replace(FAULT, severity=Severity.MONITOR), replace(FAULT, verdict=Verdict.WARN)],
    ids=["pass", "unknown", "monitor", "warn"],
)
def test_only_a_grave_fault_keeps_jobs_away(finding: Finding):
    assert mark([CHECK], [finding], "deep") is None


@given(st.sampled_from(LEVELS), st.from_regex(r"[a-z0-9-]{1,20}\.[a-z0-9-]{1,20}", fullmatch=True), st.text())
def test_a_mark_is_read_back_from_what_the_scheduler_shows(level, check, words):
    made = Mark(level, check, " ".join(words.split()))
    found = Mark.of(str(made))
    assert found is not None and (found.level, found.check) == (level, check)
    assert made.words.startswith(found.words) and len(str(made)) <= LONGEST


@pytest.mark.parametrize(
    "reason", ["", "Not responding", "NHC: seatrial/quick x.y: z", "seatrial", "seatrial/odd x: y"]
)
def test_somebody_elses_words_are_no_mark(reason):
    assert Mark.of(reason) is None


@pytest.mark.parametrize(
    ("level", "findings", "expected"),
    [
        ("quick", [FINE], Step.KEEP),  # a lesser check proves nothing
        ("full", [FINE], Step.RELEASE),
        ("deep", [FINE], Step.RELEASE),
        ("deep", [FINE, UNSEEN], Step.KEEP),  # one that could not see is no pass
        ("deep", [], Step.KEEP),
        ("deep", [FINE, replace(FAULT, severity=Severity.MONITOR)], Step.KEEP),
    ],
)
def test_only_a_passing_check_of_the_same_level_releases(level, findings, expected):
    assert step(None, OLD, findings, level, 1, 100) is expected


def test_a_new_fault_keeps_the_first_mark():
    assert step(Mark("quick", "a.b", "c"), OLD, [FAULT], "quick", 1, 100) is Step.KEEP
    assert step(Mark("deep", "a.b", "c"), OLD, [FAULT], "quick", 99, 100) is Step.QUARANTINE, "it takes more to lift"


@pytest.mark.parametrize(
    ("quarantined", "nodes", "expected"),
    [(0, 1, Step.QUARANTINE), (1, 1, Step.HOLD), (1, 19, Step.HOLD), (1, 20, Step.QUARANTINE), (2, 20, Step.HOLD)],
)
def test_a_stated_share_of_a_cluster_is_quarantined_at_most(quarantined, nodes, expected):
    assert step(Mark("quick", "a.b", "c"), None, [FAULT], "quick", quarantined, nodes) is expected


def test_a_healthy_node_is_left_alone():
    assert step(None, None, [FINE], "quick", 0, 4) is Step.NOTHING
