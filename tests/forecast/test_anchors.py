"""The table of measurements: possible, consistent, sourced."""

import collections

import pytest

from seatrial.forecast.anchors import COLUMNS, anchors, read
from seatrial.forecast.rates import achievable
from seatrial.forecast.step import step


def test_there_are_enough_of_each_kind():
    kinds = collections.Counter((one.tuned, one.workload.model.num_experts > 0) for one in anchors())
    assert kinds[True, False] > 400
    assert kinds[True, True] > 130
    assert kinds[False, False] + kinds[False, True] > 10
    assert len({one.place.accelerator for one in anchors()}) == 13


def test_every_measurement_is_possible():
    for one in anchors():
        flops = one.workload.flops_per_token()["causal"] * (2 / 3 if one.workload.frozen else 1)
        rate = achievable(one.place.accelerator, one.workload.compute, one.place.watts)
        assert one.tokens_per_second * flops < rate, one.name


def test_degrees_fill_the_accelerators_and_batches_divide():
    for one in anchors():
        degrees = one.workload.degrees
        world = degrees.tensor * degrees.pipeline * degrees.context * degrees.data
        assert world <= one.accelerators, one.name
        assert world > 0.6 * one.accelerators, one.name
        assert one.workload.global_batch_size >= one.workload.micro_batch_size * degrees.data, one.name


def test_every_measurement_has_a_source_and_a_date():
    assert all(one.source and 2022 <= one.year < 2027 for one in anchors())


def test_a_release_dates_a_measurement_better_than_its_publication():
    row = dict.fromkeys(COLUMNS, "1") | {
        "source": "s", "date": "2025-11", "framework": "nemo", "release": "25.04.02", "architecture": "llama3.1-8b",
        "task": "pretrain", "tuned": "yes", "accelerator": "B200", "watts": "", "domain": "8", "outside": "50",
        "fabric": "efa", "sequence": "8192", "sample": "", "batch": "8", "data": "8", "compute": "bf16", "scaling": "",
        "recompute": "", "graphs": "none", "tokens_per_second": "100.5", "measured": "tokens",
    }  # fmt: skip
    (one,) = read([",".join(row), ",".join(row.values())])
    assert one.year == pytest.approx(2025.25)
    assert one.place.links.inside == 18 * 40.1e9 and one.place.links.between == 50e9
    assert one.tokens_per_second == 100.5
    row |= {"release": ""}
    (one,) = read([",".join(row), ",".join(row.values())])
    assert one.year == pytest.approx(2025 + 10 / 12)


def test_a_frozen_model_is_not_trained():
    one = next(one for one in anchors() if one.task == "lora")
    assert one.workload.frozen > 100 * one.workload.parameters
    assert float(step(one.workload, one.place).optimizer) == 0
