"""Published tables of interruptions, the mean times that follow from them, and what a cluster's own runs add."""

from __future__ import annotations

import pytest

from seatrial.errors import UserError
from seatrial.forecast.failures import FLEETS, PRIOR, Belief, fleet, mean_time_to_failure


def test_the_table_of_llama_3_adds_up_as_printed():
    table = fleet("llama3-405b")
    unexpected = [c for c in table.components if c.kind != "planned"]
    assert sum(c.events for c in unexpected) == 419 and sum(c.events for c in table.components) == 466
    assert table.rate == pytest.approx(1.97e-5, rel=0.01)
    # Shares by its counts, which are not those that it prints: 30.1 % and 58.7 %.
    gpu = [c.events for c in unexpected if c.name.startswith(("faulty", "HBM", "GPU", "silent"))]
    assert round(148 / 419, 3) == 0.353 and sum(gpu) / 419 == pytest.approx(0.64, abs=0.005)
    assert "30.1 %" in table.note and "58.7 %" in table.note


@pytest.mark.parametrize(
    ("name", "accelerators", "hours"),
    [
        ("meta-rsc-1", 16_384, 1.8),
        ("meta-rsc-1", 131_072, 0.23),
        ("meta-rsc-1", 1024, 28.8),
        ("meta-jobs-1024", 1024, 7.9),
        ("crusoe", 1600, 14.3),
        ("llama3-405b", 16_384, 3.1),
    ],
)
def test_published_mean_times_to_failure_are_recomputed(name, accelerators, hours):
    assert mean_time_to_failure(fleet(name).rate, accelerators) == pytest.approx(hours, rel=0.025)


def test_node_failures_are_not_all_that_ends_a_job():
    assert fleet("meta-jobs-1024").rate / fleet("meta-rsc-1").rate == pytest.approx(3.6, abs=0.1)
    assert "7.9 h" in fleet("meta-rsc-1").note


def test_every_table_has_its_source_and_its_rate_lies_near_the_others():
    for name, table in FLEETS.items():
        assert table.source and table.date, name
        assert 1e-5 < table.rate < 2e-4, name


def test_an_unknown_table_is_told_with_the_nearest():
    with pytest.raises(UserError, match="did you mean llama3-405b"):
        fleet("llama3")


def test_the_prior_spans_the_published_tables():
    found = PRIOR.interval()
    assert found.expected == pytest.approx(3e-5) and found.high / found.low == pytest.approx(9, rel=0.02)
    within = [table.rate in found for table in FLEETS.values()]
    assert sum(within) >= len(within) - 2  # OPT's restarts by hand, and jobs that ended for any reason


def test_own_runs_make_a_rate_narrower_and_draw_it_to_what_they_saw():
    before, after = PRIOR.interval(), PRIOR.seen(40, 40 / 1e-4).interval()
    assert after.high / after.low < 2 < before.high / before.low
    assert before.expected < after.expected < 1e-4 and 9e-5 in after
    assert PRIOR.seen(1, 1e5).seen(2, 1e5) == PRIOR.seen(3, 2e5)


def test_quantiles_are_those_of_a_gamma_distribution():
    # Of shape 1 it is an exponential: -ln(1 - p).
    found = Belief(1.0, 1.0).interval()
    assert (found.low, found.high) == (pytest.approx(0.1053605, rel=1e-6), pytest.approx(2.3025851, rel=1e-6))
    # Of shape 1000, close to a normal distribution of the mean 1000 and the variance 1000.
    found = Belief(1000.0, 1.0).interval()
    assert (found.low, found.high) == (pytest.approx(1000 - 40.5, rel=1e-3), pytest.approx(1000 + 40.5, rel=1e-3))
