"""The line through measured times."""

from __future__ import annotations

import pytest

from seatrial.forecast.line import fit


def test_latency_and_bandwidth_of_a_line_are_found():
    points = [(x, 50e-6 + x / 400e9) for x in (2.0**n for n in range(3, 35))]
    found = fit(points)
    assert found is not None and found.alpha_us == pytest.approx(50) and found.beta_gbps == pytest.approx(400)
    assert found.furthest < 1e-9
    noisy = [(x, t * (1.2 if n % 2 else 0.8)) for n, (x, t) in enumerate(points)]
    found = fit(noisy)
    assert found is not None and found.alpha_us == pytest.approx(50, rel=0.1)
    assert found.beta_gbps == pytest.approx(400, rel=0.1) and 0.1 < found.furthest < 0.3


def test_what_is_no_line_is_none():
    assert fit([(1.0, 1.0), (2.0, 2.0)]) is None
    assert fit([(1.0, 3.0), (2.0, 2.0), (4.0, 1.0)]) is None
    assert fit([(1.0, float("nan")), (2.0, 1.0), (3.0, 0.0)]) is None
    found = fit([(1e9, 1.0), (2e9, 2.5), (4e9, 5.0)])
    assert found is not None and found.alpha_us == 0


def test_a_line_says_its_times_again():
    found = fit([(x, 20e-6 + x / 5e9) for x in (1e3, 1e6, 1e9)])
    assert found is not None and found.seconds(5e9) == pytest.approx(1 + 20e-6)
