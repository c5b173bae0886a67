"""This very machine."""

from __future__ import annotations

from seatrial.checks.catalogue import sources
from seatrial.checks.collecting import collect
from seatrial.checks.judging import judge
from seatrial.checks.profile import NOT_KNOWN
from seatrial.findings import Verdict
from tests.checks.test_checks import CHECKS


def test_this_machine_can_be_looked_at():
    quick = sources("quick")
    observations = collect(quick.values(), NOT_KNOWN)
    findings = judge([check for check in CHECKS.values() if check.source.kind in quick], observations, NOT_KNOWN)
    found = {finding.check: finding for finding in findings}
    unreadable = [f for f in findings if "could not be read" in f.observed]
    assert not unreadable, unreadable
    for rule in ("node.swap", "node.open-files", "node.numa", "node.uptime", "node.cpu-share"):
        assert found[rule].verdict in (Verdict.PASS, Verdict.WARN), found[rule]
    slowest = max(observations, key=lambda observation: observation.seconds)
    assert slowest.seconds < 10, slowest.origin
