"""The bounds of a clock's skew hold, whatever the network does."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from seatrial.checks.environment.clocks import REFUSED, TOLERATED, Skew, judge, skews
from seatrial.findings import Severity, Verdict
from tests.checks.environment.recorded import CPU, gpus


def barriers(
    offsets: list[float], count: int, slowest: float, seed: int
) -> tuple[list[list[float]], list[list[float]]]:
    """What ranks with these clocks note down; each barrier takes up to `slowest` seconds on each of them."""
    random_ = random.Random(seed)
    entered: list[list[float]] = [[] for _ in offsets]
    left: list[list[float]] = [[] for _ in offsets]
    now = 1.8e9
    for _ in range(count):
        arrivals = [now + random_.uniform(0, slowest) for _ in offsets]
        for rank, offset in enumerate(offsets):
            entered[rank].append(arrivals[rank] + offset)
            left[rank].append(max(arrivals) + random_.uniform(0, slowest) + offset)
        now = max(arrivals) + 2 * slowest
    return entered, left


@pytest.mark.parametrize("seed", range(40))
def test_the_true_skew_is_within_the_bounds(seed):
    offsets = [0.0, 0.5, -3.0, 1e-4, 400.0]
    measured = skews(*barriers(offsets, 16, 0.002, seed))
    for offset, skew in zip(offsets, measured, strict=True):
        assert skew.least - 1e-6 <= offset <= skew.most + 1e-6
        assert skew.possible or offset == 0
        assert skew.most - skew.least < 0.008


def test_a_clock_that_is_right_passes_and_one_that_is_not_is_named():
    ranks = gpus(nodes=3, per_node=2)
    right = [Skew(-0.001, 0.001)] * 6
    [finding] = judge(ranks, right)
    assert finding.verdict is Verdict.PASS and "3 clocks are within 0.001000 s" in finding.observed
    for skew, verdict, said in (
        (Skew(0.4, 0.6), Verdict.WARN, "0.500000 s ahead, give or take 0.1"),
        (Skew(-0.6, -0.4), Verdict.WARN, "0.500000 s behind"),
        (Skew(-0.2, 0.2), Verdict.UNKNOWN, "not exact enough"),
        (Skew(0.002, -0.002), Verdict.UNKNOWN, "it was set while"),
        (Skew(REFUSED, REFUSED + 1), Verdict.FAIL, "ahead"),
        (Skew(TOLERATED, TOLERATED), Verdict.PASS, "within"),
    ):
        [finding] = judge(ranks, [*right[:2], skew, *right[3:]])
        assert finding.verdict is verdict and said in finding.observed
        if verdict is not Verdict.PASS:
            assert finding.scope == {"rank": 2, "node": "ip-10-0-0-1"} and "ip-10-0-0-1" in finding.observed
        assert (finding.severity is Severity.ISOLATE) == (verdict is Verdict.FAIL)


def test_one_node_has_one_clock():
    [finding] = judge(CPU, [Skew(0, 0)] * 2)
    assert finding.verdict is Verdict.SKIP
    [finding] = judge([CPU[0], replace(CPU[1], host="other", local_rank=0)], [Skew(0, 0), Skew(9, 9)])
    assert finding.verdict is Verdict.WARN
