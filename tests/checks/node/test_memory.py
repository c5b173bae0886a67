"""Swap and huge pages."""

from __future__ import annotations

from seatrial.findings import Verdict
from tests.checks.node.trees import C5, edited


def test_swap_and_huge_pages():
    assert edited("node.swap", "SwapTotal:             0 kB", "SwapTotal:             4 kB") is Verdict.WARN
    assert edited("efa.huge-pages", "5128", "2560") is Verdict.PASS
    assert edited("efa.huge-pages", "5128", "2559") is Verdict.WARN
    assert edited("efa.huge-pages", "5128", "0", C5) is not Verdict.WARN, "it has no EFA"
