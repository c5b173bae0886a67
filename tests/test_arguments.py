"""Bases of Args: ranges beside the fields, and rules that several cases have in common."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.arguments import (
    AdamWArgs,
    CaseArgs,
    Count,
    NotNegative,
    Positive,
    SequenceArgs,
    Share,
    ValidationArgs,
    WholeNumber,
    at_least,
    batch_divides,
    degrees_divide,
    fits_context,
    override,
    splits,
)
from seatrial.models import LLAMA


@dataclass(frozen=True, kw_only=True)
class Numbers(CaseArgs):
    """One argument of each range."""

    count: Count = 1
    whole: WholeNumber = 0
    amount: NotNegative = 0.0
    rate: Positive = 1e-9
    share: Share = 0.0
    length: Annotated[int, at_least(2)] = 2
    anything: int = -1
    nothing: int | None = None


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, []),
        ({"count": 0}, ["count: 0 is less than 1"]),
        ({"whole": -1, "amount": -0.5}, ["whole: -1 is less than 0", "amount: -0.5 is less than 0"]),
        ({"amount": math.nan}, ["amount: nan is less than 0"]),
        *(({"rate": bad}, [f"rate: {bad} is not a positive number"]) for bad in (0, -1.0, math.nan, math.inf)),
        *(({"share": bad}, [f"share: {bad} is not in [0, 1)"]) for bad in (1.0, -0.1, math.nan)),
        ({"length": 1}, ["length: 1 is less than 2"]),
    ],
    ids=str,
)
def test_each_range(changes: dict[str, Any], says: list[str]) -> None:
    assert list(map(str, replace(Numbers(), **changes).problems())) == says


@dataclass(frozen=True, kw_only=True)
class Wider(Numbers):
    """Another range for what a base has."""

    count: WholeNumber = 0


def test_a_case_may_declare_another_range() -> None:
    assert list(Wider().problems()) == []
    assert list(map(str, Wider(count=-1).problems())) == ["count: -1 is less than 0"]


@dataclass(frozen=True, kw_only=True)
class Training(AdamWArgs, ValidationArgs, SequenceArgs):
    """All bases together."""


def test_rules_of_all_bases_hold_at_once() -> None:
    args = Training(steps=1, global_batch_size=8, sequence_length=8, learning_rate=1e-3, min_learning_rate=1e-4)
    assert list(args.problems()) == []
    changes = {"steps": "0", "beta1": "1", "min_learning_rate": "0.1", "validation_every": 5, "validation_batches": 0}
    assert {problem.where for problem in override(args, changes).problems()} == {*changes} - {"validation_every"}


def test_degrees_divide_the_world() -> None:
    assert list(degrees_divide(8, tensor=2, pipeline=2)) == []
    (problem,) = degrees_divide(8, tensor=3)
    assert (
        str(problem)
        == "tensor: 8 ranks do not divide into groups of tensor=3\n    take a multiple of 3 ranks, or smaller degrees"
    )
    (problem,) = degrees_divide(8, tensor=2, pipeline=3)
    assert problem.where == "tensor, pipeline"
    assert problem.what == "8 ranks do not divide into groups of tensor=2 x pipeline=3"
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


def test_a_sequence_is_no_longer_than_its_model_was_made_for() -> None:
    assert list(fits_context(2048, "tiny", LLAMA["tiny"])) == []
    (problem,) = fits_context(2049, "tiny", LLAMA["tiny"])
    assert str(problem) == "sequence_length: 2049 is more than the 2048 tokens tiny was made for"
