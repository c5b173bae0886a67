"""What ranks have to send each other, against a line of arithmetic."""

import pytest

from seatrial.workload import FP32_ADAM, Degrees, Workload

STATES = ("parameters", "gradients", "optimizer")


def needed(**changes):
    degrees = {name: changes.pop(name) for name in list(changes) if name in Degrees.__dataclass_fields__}
    fields = {
        "parameters": 1000, "global_batch_size": 64, "micro_batch_size": 2, "degrees": Degrees(**degrees),
        "compute": "bf16", "states": FP32_ADAM,
    }  # fmt: skip
    return Workload(**{**fields, **changes}).collective_bytes()


def test_copies_reduce_each_gradient_once():
    assert needed(data=4) == {"all_reduce": 4000}
    assert needed(data=1) == {}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"all_gather": 8 * 2 * 2000, "reduce_scatter": 8 * 4000}),  # 8 micro-batches
        ({"accumulate_whole": True}, {"all_gather": 8 * 2 * 2000, "reduce_scatter": 4000}),
        ({"reshard_after_forward": False}, {"all_gather": 8 * 2000, "reduce_scatter": 8 * 4000}),
        ({"frozen": 500}, {"all_gather": 8 * 2 * 3000, "reduce_scatter": 8 * 4000}),
        ({"shard": 2}, {"all_gather": 8 * 2 * 2000, "reduce_scatter": 8 * 4000, "all_reduce": 8 * 2000}),
        ({"shard": 1}, {"all_reduce": 8 * 4000}),
    ],
)
def test_what_is_sharded_is_gathered_and_reduced(changes, expected):
    assert needed(**{"data": 4, "shard": 4, "sharded": STATES, **changes}) == expected


@pytest.mark.parametrize("kind", ["tensor", "pipeline", "context", "expert"])
def test_of_ranks_that_share_more_than_data_nothing_is_said(kind):
    assert needed(data=4, **{kind: 2}) == {}
    assert needed(data=4, shard=4, sharded=("optimizer",)) == {}
