"""The tests' own tools: pairs of values, and deployments with what they need."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import pytest

from seatrial import architectures
from seatrial.architectures import Architecture, ArchitectureParams
from seatrial.plan import Plan
from tests.architectures.deployments import deployment
from tests.architectures.pairs import pairwise

VALUES = {"a": (1, 2, 3), "b": ("x", "y"), "c": (None, [1], [2], [3]), "d": (True, False)}


def test_each_two_values_meet_in_few_combinations() -> None:
    made = [*pairwise(VALUES)]
    for one, other in combinations(VALUES, 2):
        met = [(combination[one], combination[other]) for combination in made]
        assert all((x, y) in met for x in VALUES[one] for y in VALUES[other])
    assert len(made) <= 16  # of 48; 12 are the least
    assert made == [*pairwise(VALUES)]


def test_what_is_impossible_is_left_out_and_all_else_still_meets() -> None:
    made = [*pairwise(VALUES, lambda one: not (one["a"] == 1 and one["b"] == "x"))]
    assert all((one["a"], one["b"]) != (1, "x") for one in made)
    assert {(one["a"], one["b"]) for one in made} == {(1, "y"), (2, "x"), (2, "y"), (3, "x"), (3, "y")}


def test_a_value_that_only_goes_with_others_is_found_by_a_combination_that_is_known() -> None:
    def possible(one: dict[str, object]) -> bool:
        return (one["a"] == 3) == (one["c"] == [3]) == (one["d"] is False) and (one["a"] == 3) == (one["b"] == "y")

    made = [*pairwise(VALUES, possible, [{"a": 3, "b": "y", "c": [3], "d": False}])]
    assert any(one["a"] == 3 for one in made)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ground(ArchitectureParams):
    size: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class House(ArchitectureParams):
    ground: str = "ground"


@dataclass(frozen=True, kw_only=True, slots=True)
class Town(ArchitectureParams):
    ground: str = "ground"
    house: str | None = "house"


@pytest.fixture
def town(monkeypatch: pytest.MonkeyPatch) -> None:
    def made(name: str, Params: type[ArchitectureParams], **needs: str) -> Architecture:
        return Architecture(name=name, title=name, Params=Params, render=lambda *_: Plan(), needs=needs)

    made_of = {
        "ground": made("ground", Ground),
        "house": made("house", House, ground="ground"),
        "town": made("town", Town, ground="ground", house="house"),
    }
    monkeypatch.setattr(architectures, "find", made_of.__getitem__)


@pytest.mark.usefixtures("town")
@pytest.mark.parametrize("key", ["ground.size", "house.ground.size"])
def test_what_two_need_is_one_deployment_with_what_either_way_was_set(key: str) -> None:
    one = deployment("town", {key: 7}, "eu-north-1")
    assert one.needs["ground"] is one.needs["house"].needs["ground"]
    assert one.needs["ground"].params == Ground(region="eu-north-1", size=7)
    assert [needed.name for needed in one.order()] == ["ground", "house", "town"]


@pytest.mark.usefixtures("town")
def test_what_is_not_wanted_is_not_made_and_what_is_named_otherwise_is() -> None:
    assert {*deployment("town", {"house": None, "house.ground.size": 7}).needs} == {"ground"}
    one = deployment("town", {"house": "villa", "house.ground": "park"})
    assert [needed.name for needed in one.order()] == ["ground", "park", "villa", "town"]


@pytest.mark.usefixtures("town")
def test_a_key_of_what_nothing_needs_is_refused() -> None:
    with pytest.raises(AssertionError, match=r"cellar\.size"):
        deployment("town", {"cellar.size": 7})
