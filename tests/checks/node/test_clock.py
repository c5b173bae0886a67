"""Time: the kernel is really asked, and numbers on both sides of each bound."""

from __future__ import annotations

from pathlib import Path

from seatrial.checks.collecting import look
from seatrial.checks.judging import judge
from seatrial.checks.node import clock
from seatrial.checks.profile import NOT_KNOWN
from seatrial.findings import Verdict, overall
from tests.checks.node.trees import edited
from tests.checks.test_checks import CHECKS, judged

RECORDED = Path(__file__).parents[1] / "recorded"


def test_the_kernel_is_asked_about_its_clock():
    seen = look(clock.ADJTIMEX)
    assert not seen.problem and seen.status == 0, seen
    [finding] = judge([CHECKS["node.clock"]], [seen], NOT_KNOWN)
    assert finding.verdict in (Verdict.PASS, Verdict.WARN) and "s off at most" in finding.observed
    for old, new in (("state=0", "state=5"), ("status=8193", "status=8257")):
        assert edited("node.clock", old, new) is Verdict.WARN
    assert edited("node.clock", "state=0", "state=-1") is Verdict.UNKNOWN, "the call was refused"


def test_clocks():
    assert overall(judged(CHECKS["node.clock-offset"], (RECORDED / "chrony/no-server.txt").read_text())) is Verdict.WARN
    assert edited("node.clock-offset", "0.000003", "-0.050000") is Verdict.PASS
    assert edited("node.clock-offset", "0.000003", "-0.051000") is Verdict.WARN
    assert edited("node.clock-offset", "Normal", "Abnormal") is Verdict.UNKNOWN
    assert edited("node.uptime", "86400.50", "600.00") is Verdict.PASS
    assert edited("node.uptime", "86400.50", "599.99") is Verdict.WARN
