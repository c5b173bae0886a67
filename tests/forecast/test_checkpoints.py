"""The best interval between checkpoints, and what is left of the time."""

from __future__ import annotations

import numpy as np
import pytest

from seatrial.forecast.checkpoints import daly, shares

HOUR = 3600.0


def young(stall, mean_time):
    """The best interval to first order: Young, CACM 17 (1974) 530."""
    return np.sqrt(2 * stall * mean_time)


def goodput(mean_time, **more):
    return shares(mean_time, **more)["useful"]


def test_young_and_daly_agree_where_a_stall_is_short():
    assert young(10, 3 * HOUR) == pytest.approx(464.8, abs=0.1)
    assert daly(10, 3 * HOUR) == pytest.approx(young(10, 3 * HOUR), rel=0.02)
    assert daly(8 * HOUR, 3 * HOUR) == 3 * HOUR  # nothing is gained by more of them


def test_no_interval_is_better_than_dalys():
    mean_time, stall = 2 * HOUR, 60.0
    best = daly(stall, mean_time)
    others = goodput(mean_time, interval=best * np.linspace(0.3, 3, 55), stall=stall)
    assert others.max() == pytest.approx(goodput(mean_time, interval=best, stall=stall), rel=1e-4)


def test_waste_is_what_young_says():
    """A stall in every interval, and of each failure half an interval, its detection and its restart."""
    mean_time, stall = 20 * HOUR, 20.0
    interval = young(stall, mean_time)
    left = goodput(mean_time, interval=interval, stall=stall, detection=300, restart=300)
    waste = stall / interval + (interval / 2 + 600) / mean_time
    assert 1 - left == pytest.approx(waste, rel=0.05)


def test_shares_are_all_of_the_time():
    found = shares(np.array([600.0, 3600.0, 1e6]), interval=900.0, stall=30.0, detection=60.0, restart=120.0)
    assert sum(found.values()) == pytest.approx(np.ones(3)) and all((share > 0).all() for share in found.values())


def test_more_failures_longer_detection_and_restarts_leave_less():
    base = {"interval": 600.0, "stall": 10.0, "detection": 60.0, "restart": 60.0}
    left = goodput(3 * HOUR, **base)
    assert goodput(1 * HOUR, **base) < left < 1
    for name in ("stall", "detection", "restart"):
        assert goodput(3 * HOUR, **base | {name: 10 * base[name]}) < left
