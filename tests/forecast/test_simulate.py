"""Runs that are played through many times: against closed forms, the published run, and common sense."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seatrial.errors import UserError
from seatrial.forecast.checkpoints import shares
from seatrial.forecast.failures import Component, Fleet, fleet
from seatrial.forecast.simulate import PARTS, Scenario, simulate, spread
from tests.forecast.test_checkpoints import young


def of_rate(per_hour: float, kind: str = "node") -> Fleet:
    """One kind of interruption, so often for each accelerator."""
    return Fleet(title="", accelerator_hours=1.0, components=(Component("x", per_hour, kind),), source="", date="")


BARE = Scenario(
    accelerators=1000, days=20, fleet=of_rate(1e-4), detection=0, restart=0, stall=0, interval=600, spares=None
)
LLAMA3 = Scenario(accelerators=16_384, days=54, fleet=fleet("llama3-405b"))


def test_interruptions_that_cost_no_time_are_a_poisson_process():
    found = simulate(BARE, draws=4000).total
    expected = 1e-4 * 1000 * 24 * 20
    assert found.mean() == pytest.approx(expected, rel=0.01) and found.var() == pytest.approx(expected, rel=0.1)


def test_the_waste_of_checkpoints_is_youngs():
    stall, mean_time = 30.0, 36_000.0
    interval = float(young(stall, mean_time))
    scenario = replace(BARE, days=100, stall=stall, interval=interval)
    found = simulate(scenario, draws=400)
    assert 1 - found.goodput.mean() == pytest.approx(stall / interval + interval / 2 / mean_time, rel=0.03)
    lost = found.seconds["lost work"].mean() / found.total.mean()
    assert lost == pytest.approx(interval / 2, rel=0.03)


def test_parts_are_those_of_the_closed_form():
    scenario = replace(BARE, days=200, fleet=of_rate(5e-4), stall=20.0, detection=300.0, restart=400.0)
    exact = shares(1 / scenario.rate, interval=600.0, stall=20.0, detection=300.0, restart=400.0)
    found = simulate(scenario, draws=200)
    assert found.goodput.mean() == pytest.approx(float(exact["useful"]), rel=0.003)
    for part, share in exact.items():
        assert found.seconds[part].mean() / (200 * 86_400) == pytest.approx(float(share), rel=0.01), part


def test_the_published_run_of_16384_gpus_keeps_above_90_percent():
    found = simulate(LLAMA3)
    assert spread(found.goodput).low > 0.90
    assert spread(found.total).expected == pytest.approx(466, rel=0.02)
    # While nobody is there to notice what a watchdog takes half an hour for, it does not.
    assert spread(simulate(replace(LLAMA3, detection=1800.0)).goodput).high < 0.85


def test_components_are_interrupted_by_in_proportion_to_the_table():
    found = simulate(LLAMA3).interruptions
    assert list(found) == [c.name for c in LLAMA3.fleet.components]
    total = sum(counts.mean() for counts in found.values())
    for component in LLAMA3.fleet.components:
        assert found[component.name].mean() / total == pytest.approx(component.events / 466, abs=0.005)


@pytest.mark.parametrize("spares", [None, 0, 2, 40])
def test_parts_are_all_of_the_time(spares):
    scenario = replace(LLAMA3, days=5, spares=spares, slow=1e-6)
    found = simulate(scenario, draws=50)
    assert tuple(found.seconds) == PARTS
    assert sum(found.seconds.values()) == pytest.approx(np.full(50, 5 * 86_400.0))
    assert all((seconds >= 0).all() for seconds in found.seconds.values())


def test_the_same_seed_gives_the_same_and_another_another():
    one, same, other = (simulate(LLAMA3, draws=20, seed=seed).goodput for seed in (7, 7, 8))
    assert (one == same).all() and (one != other).any()


def test_more_spares_wait_less_and_without_any_each_node_is_waited_for():
    few, many = (simulate(replace(LLAMA3, spares=n), draws=50).seconds["waiting"].mean() for n in (4, 30))
    assert few > 10 * many
    none = simulate(replace(BARE, spares=0, repair=3600.0, days=40), draws=200)
    assert none.seconds["waiting"].mean() / none.total.mean() == pytest.approx(3600, rel=0.01)


def test_only_broken_nodes_wait_for_spares():
    for kind in ("network", "software", "planned"):
        scenario = replace(BARE, fleet=of_rate(1e-4, kind), spares=0)
        assert not simulate(scenario, draws=20).seconds["waiting"].any()


def test_what_was_announced_loses_no_work_and_needs_no_detection():
    found = simulate(replace(BARE, fleet=of_rate(1e-4, "planned"), detection=600.0), draws=20)
    assert found.total.any() and not found.seconds["lost work"].any() and not found.seconds["detection"].any()


def test_stragglers_cost_what_they_slow_while_they_are_in_the_job():
    # One in a while: the share of the time with one in it, times what it costs.
    rare = simulate(replace(BARE, slow=1e-6, noticed=3600.0, slowdown=0.2, days=60), draws=300)
    share = rare.seconds["stragglers"].mean() / (60 * 86_400)
    assert share == pytest.approx((1 - np.exp(-1e-6 * 1000)) * 0.2, rel=0.1)
    always = simulate(replace(BARE, slow=1.0, slowdown=0.2), draws=20)
    counted = always.seconds["useful"] + always.seconds["stragglers"]
    assert always.seconds["stragglers"] / counted == pytest.approx(np.full(20, 0.2), rel=1e-3)


def test_a_shorter_detection_never_leaves_less():
    seconds = [simulate(replace(LLAMA3, detection=d), draws=100).goodput.mean() for d in (30, 300, 1800)]
    assert seconds[0] > seconds[1] > seconds[2]


def test_all_that_cannot_be_is_said_at_once():
    wrong = replace(BARE, accelerators=0, days=-1, slowdown=1.0, spares=-1, stall=-1.0)
    with pytest.raises(UserError) as error:
        simulate(wrong, draws=0)
    assert {problem.where for problem in error.value.problems} == {
        "accelerators", "days", "slowdown", "spares", "stall", "draws",
    }  # fmt: skip
    for infinite in ({"stall": float("inf")}, {"days": float("nan")}, {"interval": 0.0}, {"interval": None}):
        with pytest.raises(UserError):
            simulate(replace(BARE, **infinite))
    with pytest.raises(UserError, match="interruptions, one in"):
        simulate(replace(BARE, accelerators=10**9))


def test_a_best_interval_is_found_where_none_is_given():
    assert LLAMA3.every == pytest.approx(float(young(10.0, 1 / LLAMA3.rate)), rel=0.03)
