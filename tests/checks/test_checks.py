"""Every rule about nodes judges its own examples, and none passes what it cannot read."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from seatrial.checks.catalogue import Check, all_checks, sources
from seatrial.checks.collectives.baselines import Baseline
from seatrial.checks.judging import judge
from seatrial.checks.observations import Observation
from seatrial.checks.profile import NOT_KNOWN, Profile
from seatrial.findings import Finding, Severity, Verdict

CHECKS = {check.id: check for check in all_checks()}
BETTER = (Verdict.PASS, Verdict.SKIP)
OWN = {
    # What a user must have recorded first, since nobody published it.
    "nccom.speed": Baseline(
        instance_type="trn1.32xlarge",
        nodes=2,
        ranks=64,
        operation="all_reduce",
        size_bytes=2**30,
        busbw_gbps=50.0,
        source="a test",
    )
}


def judged(check: Check, text: str, profile: Profile | None = None, **fields: object) -> list[Finding]:
    """What a check says of a text."""
    observation = Observation(kind=check.source.kind, origin="here", text=text, **fields)
    return judge([check], [observation], profile or where(check))


def where(check: Check) -> Profile:
    """The node of a check's examples."""
    own = OWN.get(check.id)
    return replace(Profile.of(check.rule.on), baselines=(own,) if own else ())


@pytest.mark.parametrize("id", CHECKS)
def test_a_check_passes_its_good_example(id):
    findings = judged(CHECKS[id], CHECKS[id].rule.good)
    assert {finding.verdict for finding in findings} == {Verdict.PASS}, findings


@pytest.mark.parametrize("id", CHECKS)
def test_a_check_finds_the_fault_of_its_bad_example(id):
    check = CHECKS[id]
    findings = judged(check, check.rule.bad)
    bad = [finding for finding in findings if finding.verdict in (Verdict.FAIL, Verdict.WARN)]
    assert bad, findings
    assert all(finding.remedy and finding.evidence and finding.source for finding in bad)
    if check.rule.severity is not Severity.NONE:
        assert any(finding.severity is not Severity.NONE for finding in bad)


@pytest.mark.parametrize("id", CHECKS)
@pytest.mark.parametrize("text", ["", "\n", "\x00\xff\n", "{", "[]\n", "null\n", "garbage that no tool prints\n" * 3])
def test_a_check_never_passes_what_it_cannot_read(id, text):
    findings = judged(CHECKS[id], text)
    assert findings and not {finding.verdict for finding in findings} & {*BETTER}, findings


@pytest.mark.parametrize("id", CHECKS)
def test_a_check_never_passes_what_was_not_seen(id):
    check = CHECKS[id]
    here = Profile.of(check.rule.on)
    for observations in ([], [Observation(kind=check.source.kind, origin="x", problem="x is not installed")]):
        assert {finding.verdict for finding in judge([check], observations, here)} == {Verdict.UNKNOWN}
    failed = judged(check, check.rule.good, status=99)
    assert Verdict.PASS not in {finding.verdict for finding in failed}, "the command ended with an error"


@pytest.mark.parametrize("id", CHECKS)
def test_a_check_of_a_part_that_a_node_does_not_have_is_skipped_with_the_reason(id):
    check = CHECKS[id]
    [finding] = judge([check], [], Profile.of("c5.2xlarge"))
    if check.source.part == "node":
        assert finding.verdict is Verdict.UNKNOWN
    else:
        assert finding.verdict is Verdict.SKIP
        assert "c5.2xlarge" in finding.observed
    [finding] = judge([check], [], NOT_KNOWN)
    assert finding.verdict is Verdict.UNKNOWN, "no profile is no reason to skip"


@pytest.mark.parametrize("id", CHECKS)
def test_a_check_says_what_where_and_why(id):
    rule = CHECKS[id].rule
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*\.[a-z0-9]+(-[a-z0-9]+)*", id)
    assert rule.expected and rule.remedy and rule.source
    assert rule.why.endswith(".") and not rule.remedy.endswith(".")


def test_a_kind_has_one_source():
    by_kind = {check.source.kind: check.source for check in all_checks()}
    assert all(check.source is by_kind[check.source.kind] for check in all_checks())
    for source in by_kind.values():
        assert not (source.command and source.files), source.kind
        assert source.collected or source.read, f"nobody looks at {source.kind}"
        assert source.package or not source.command, f"what brings {source.command[0]}?"


def test_what_is_said_about_a_cluster_is_read_and_never_collected():
    cluster = {check.source.kind for check in all_checks() if check.rule.scope == "cluster"}
    assert cluster and not cluster & {*sources()}
