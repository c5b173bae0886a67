"""Rules that several cases have in common: what they let through, and what they say."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.cases._rules import at_least, batch_divides, degrees_divide, degrees_fill, positive, splits


def test_bounds() -> None:
    args = SimpleNamespace(steps=0, warmup=-1, rate=math.nan, decay=0.5)
    assert list(map(str, at_least(args, 0, "steps", "decay"))) == []
    assert list(map(str, at_least(args, 0, "steps", "warmup", "rate"))) == [
        "warmup: -1 is less than 0",
        "rate: nan is less than 0",
    ]


@pytest.mark.parametrize("value", [0, -1, 0.0, math.nan, math.inf, -math.inf])
def test_positive_numbers_are_finite(value: float) -> None:
    assert list(positive(SimpleNamespace(rate=1e-9), "rate")) == []
    (problem,) = positive(SimpleNamespace(rate=value), "rate")
    assert str(problem) == f"rate: {value} is not a positive number"


def test_degrees_fill_the_world() -> None:
    assert list(degrees_fill(8, data=2, tensor=2, pipeline=2)) == []
    (problem,) = degrees_fill(8, data=2, tensor=2)
    assert str(problem) == "data, tensor: data=2 x tensor=2 is 4 ranks, the job has 8"


def test_degrees_divide_the_world() -> None:
    assert list(degrees_divide(8, tensor=2, pipeline=2)) == []
    (problem,) = degrees_divide(8, tensor=3)
    assert str(problem) == "tensor: 8 ranks do not divide into groups of tensor=3"
    (problem,) = degrees_divide(8, tensor=2, pipeline=3)
    assert str(problem) == "tensor, pipeline: 8 ranks do not divide into groups of tensor=2 x pipeline=3"
    for nothing in (0, -2):  # 8 % -2 is 0
        assert len(list(degrees_divide(8, tensor=nothing))) == 1


def test_a_batch_of_whole_micro_batches_of_whole_ranks() -> None:
    assert list(batch_divides(16, 2, 8)) == []
    (problem,) = batch_divides(20, 2, 8)
    assert str(problem) == (
        "global_batch_size: 20 do not divide into 8 data-parallel ranks x 2\n"
        "    --set global_batch_size=16, or change micro_batch_size or the number of processes"
    )
    (problem,) = batch_divides(1, 2, 8, "batch")
    assert "--set batch=16," in str(problem), "never 0"
    assert list(batch_divides(16, 0, 8)) == [], "that is told by the rule of micro_batch_size"


@given(st.integers(1, 10_000), st.integers(1, 64), st.integers(1, 64))
def test_the_batch_that_is_proposed_divides(batch: int, micro: int, ranks: int) -> None:
    for problem in batch_divides(batch, micro, ranks):
        proposed = int(problem.remedy.partition("=")[2].partition(",")[0])
        assert proposed > 0 and list(batch_divides(proposed, micro, ranks)) == []


def test_heads_divide_by_a_degree() -> None:
    assert list(splits("attention heads", 32, "tensor_parallel", 8)) == []
    (problem,) = splits("attention heads", 12, "tensor_parallel", 8)
    assert str(problem) == "tensor_parallel: 12 attention heads do not divide by tensor_parallel=8"
    assert list(splits("attention heads", 12, "tensor_parallel", 0)) == [], "that is told by the rule of degrees"
