"""Runs by hand, and against a published one."""

from __future__ import annotations

import datetime
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.forecast import run
from seatrial.forecast.failures import PRIOR, Belief, fleet
from seatrial.forecast.interval import Interval
from seatrial.forecast.run import Plan, Rate

TODAY = datetime.date(2026, 11, 30)
PLAN = Plan(
    step=Interval(9.0, 10.0, 12.0),
    steps=10_000,
    nodes=128,
    accelerators=1024,
    rate=PRIOR,
    start=300.0,
    stall=10.0,
    restart=600.0,
    detection=120.0,
    watts=700.0,
)
ON_DEMAND = Rate(kind="on demand", usd=55.04, source="list", date=datetime.date(2026, 10, 1))


def test_parts_are_all_of_the_time() -> None:
    found = run.forecast(PLAN, today=TODAY)
    assert sum(found.parts.values()) == pytest.approx(found.wall.expected)
    assert found.parts["training"] == 100_000 and found.parts["start-up"] == 300
    assert found.goodput.expected == pytest.approx(100_000 / found.wall.expected)
    assert found.wall.low < found.wall.expected < found.wall.high
    assert found.goodput.low < found.goodput.expected < found.goodput.high < 1


def test_each_part_by_hand() -> None:
    """Interruptions every 32.6 h, a checkpoint every 25 minutes or so: to first order by Young and Daly."""
    found = run.forecast(PLAN, today=TODAY)
    between = 3600 / (PRIOR.expected * 1024)
    assert found.interval == pytest.approx(math.sqrt(2 * 10 * between), rel=0.05)
    assert found.parts["checkpoints"] == pytest.approx(100_000 / found.interval * 10, rel=1e-3)
    assert found.interruptions.expected == pytest.approx(found.wall.expected / between, rel=0.01)
    assert found.parts["detection"] == pytest.approx(120 * found.interruptions.expected, rel=0.01)
    assert found.parts["restart"] == pytest.approx(600 * found.interruptions.expected, rel=0.01)
    assert found.parts["lost work"] == pytest.approx(found.interval / 2 * found.interruptions.expected, rel=0.05)


def test_the_published_run_of_16384_accelerators() -> None:
    """54 days, more than 90 % of them effective: arXiv:2407.21783, section 3.3.4. That a restart took 5 minutes, a save
    10 seconds and the notice 2 minutes is assumed, as it is for `simulate`."""
    table = fleet("llama3-405b")
    counted = Belief(419, table.accelerator_hours)
    assert counted.expected == pytest.approx(table.rate)
    once = Interval(1.0, 1.0, 1.0)
    steps = int(0.9 * 54 * 86_400)
    plan = replace(PLAN, step=once, steps=steps, accelerators=16_384, rate=counted, restart=300.0)
    found = run.forecast(plan, today=TODAY)
    assert 0.9 < found.goodput.expected < 0.95
    assert 54 * 0.9 < found.wall.expected / 86_400 < 54
    assert 340 < found.interruptions.expected < 419


@pytest.mark.parametrize("steps", [1, 10, 10_000])
def test_what_counts_of_a_short_run_has_its_ends_in_order(steps: int) -> None:
    found = run.forecast(replace(PLAN, steps=steps), today=TODAY).goodput
    assert 0 < found.low <= found.expected <= found.high < 1


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("change", [{"step": Interval(1e9, 1e9, 1e9)}, {"restart": 1e9}])
def test_a_run_that_is_interrupted_before_each_checkpoint_never_ends(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no checkpoint is reached, since every"):
        run.forecast(replace(PLAN, **change), today=TODAY)


def test_a_cluster_s_own_runs_narrow_the_interval() -> None:
    seen = PRIOR.seen(30, 1e6)
    before, after = (run.forecast(replace(PLAN, rate=rate), today=TODAY).goodput for rate in (PRIOR, seen))
    assert after.high - after.low < before.high - before.low


@settings(deadline=None, max_examples=60)
@given(
    st.floats(1e-6, 1e-3),
    st.integers(1, 100_000),
    st.floats(0.1, 300),
    st.sampled_from(["stall", "restart", "detection", "start", "steps", "accelerators"]),
)
def test_more_of_anything_bad_never_takes_less_time(rate: float, accelerators: int, stall: float, name: str) -> None:
    plan = replace(PLAN, rate=Belief(20, 20 / rate), accelerators=accelerators, stall=stall)
    if rate * accelerators > 2:
        return  # interrupted more often than it starts again: no time is long enough
    worse = replace(plan, **{name: 2 * getattr(plan, name)})
    now, then = (run.forecast(each, today=TODAY).wall for each in (plan, worse))
    for one, other in zip(run._ends(now), run._ends(then), strict=True):
        assert other >= one * (1 - 1e-9)


def test_costs_and_energy() -> None:
    block = replace(ON_DEMAND, kind="capacity block", usd=31.464)
    found = run.forecast(PLAN, (ON_DEMAND, block), today=TODAY)
    hours = found.wall.expected / 3600
    assert found.costs[0].usd.expected == pytest.approx(128 * 55.04 * hours)
    assert found.costs[1].usd.expected == pytest.approx(128 * 31.464 * 48), "29 hours are two days"
    assert found.energy == pytest.approx(700 * 1024 * found.wall.expected)
    assert found.complete and not found.unknown


def test_a_capacity_block_of_more_than_two_weeks_is_of_weeks() -> None:
    block = replace(ON_DEMAND, kind="capacity block", usd=1.0)
    days = 86_400 / PLAN.step.expected
    for steps, paid in ((13.5 * days, 14), (14.5 * days, 21)):
        plan = replace(PLAN, steps=int(steps), rate=Belief(1e6, 1e20), start=0.0)
        assert run.forecast(plan, (block,), today=TODAY).costs[0].usd.expected == 128 * 24 * paid


def test_a_price_of_half_a_year_ago_is_old() -> None:
    limit = TODAY - datetime.timedelta(days=180)
    rates = [replace(ON_DEMAND, date=day) for day in (limit, limit - datetime.timedelta(days=1))]
    assert [cost.is_old for cost in run.forecast(PLAN, rates, today=TODAY).costs] == [False, True]


@pytest.mark.parametrize(
    ("name", "part"),
    [("start", "start-up"), ("stall", "checkpoints"), ("restart", "restart"), ("detection", "detection")],
)
def test_what_is_not_known_is_named_and_left_out(name: str, part: str) -> None:
    whole = run.forecast(PLAN, (ON_DEMAND,), today=TODAY)
    found = run.forecast(replace(PLAN, **{name: None}), (ON_DEMAND,), today=TODAY)
    assert set(found.unknown) == {part} and not found.complete
    assert found.parts[part] == 0 and found.wall.expected < whole.wall.expected
    assert found.costs[0].usd.expected < whole.costs[0].usd.expected


def test_time_is_complete_without_prices_and_power() -> None:
    found = run.forecast(replace(PLAN, watts=None), today=TODAY)
    assert set(found.unknown) == {"energy", "costs"} and found.complete
    assert found.energy is None and found.costs == ()
