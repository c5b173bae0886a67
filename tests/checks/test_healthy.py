"""A whole healthy node passes every rule, and one with a planted fault fails by that alone."""

from __future__ import annotations

from seatrial.checks.catalogue import all_checks
from seatrial.checks.evidence import kept
from seatrial.checks.judging import judge, severity
from seatrial.checks.profile import Profile
from seatrial.findings import Severity, Verdict, overall
from tests.checks.healthy import FAULTS, TYPE, make_healthy, make_sick


def test_a_healthy_node_passes(tmp_path):
    make_healthy(tmp_path)
    found = judge([c for c in all_checks() if c.source.command or c.source.files], kept(tmp_path), Profile.of(TYPE))
    assert [f for f in found if f.verdict not in (Verdict.PASS, Verdict.SKIP)] == []
    assert overall(found) is Verdict.PASS and severity(found) is Severity.NONE


def test_a_sick_node_fails_by_its_fault_alone(tmp_path):
    make_sick(tmp_path)
    found = judge([c for c in all_checks() if c.source.command or c.source.files], kept(tmp_path), Profile.of(TYPE))
    bad = {f.check for f in found if f.verdict not in (Verdict.PASS, Verdict.SKIP)}
    assert bad == {*FAULTS}
