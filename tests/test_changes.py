"""Levels of a series: found where they are, and nowhere else."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.changes import LEAST, MOST, levels


def noisy(chance: random.Random, count: int, level: float, spread: float) -> list[float]:
    return [level * math.exp(chance.gauss(0, spread)) for _ in range(count)]


def starts(values: list[float], smallest: float = 0.1) -> list[int]:
    return [level.start for level in levels(values, smallest)]


def test_a_level_begins_where_it_begins() -> None:
    assert starts([1.0] * 12 + [1.5] * LEAST) == [0, 12]
    assert starts([1.0] * 20 + [1.5] * 17 + [1.0] * 19) == [0, 20, 37]
    assert starts([1.0] * 12 + [1.05] * 18) == [0], "less than what counts"


def test_a_long_series_is_looked_at_in_medians_of_neighbours() -> None:
    assert starts([1.0] * 5 * MOST + [1.5] * 4 * MOST) == [0, pytest.approx(5 * MOST, abs=5)]


def test_a_few_values_are_a_disturbance() -> None:
    assert starts([1.0] * 12 + [9.0] * (LEAST // 2) + [1.0] * 12) == [0]
    assert starts([1.0] * 12 + [9.0] * (LEAST // 2)) == [0]
    assert starts([1.0] * (LEAST - 1) + [9.0] * LEAST) == [0], "too few to have two levels"
    assert starts([]) == []


@pytest.mark.parametrize("spread", [0.01, 0.05, 0.2])
def test_chance_is_no_change(spread: float) -> None:
    chance = random.Random(3)
    series = [noisy(chance, chance.randint(2, 120), 1.0, spread) for _ in range(300)]
    assert [values for values in series if starts(values, 0.0) != [0]] == []


def test_a_change_is_found_in_noise_that_is_smaller() -> None:
    chance = random.Random(4)
    for _ in range(100):
        found = starts(noisy(chance, 40, 1.0, 0.05) + noisy(chance, 20, 1.3, 0.05))
        assert len(found) == 2 and abs(found[1] - 40) <= 2


def test_a_level_may_be_shorter_where_the_caller_says_so() -> None:
    """So of runs, of which there are few; chance still is no change."""
    assert [level.start for level in levels([1.0] * 5 + [1.2] * 3, 0.1, least=3)] == [0, 5]
    assert len(levels([1.0] * 5 + [1.2] * 2, 0.1, least=3)) == 1
    chance = random.Random(5)
    series = [noisy(chance, chance.randint(2, 30), 1.0, 0.02) for _ in range(300)]
    assert sum(len(levels(values, 0.0, least=3)) > 1 for values in series) <= 3, "one in a hundred"


@settings(max_examples=100)
@given(st.lists(st.floats(min_value=1e-3, max_value=1e3), max_size=60), st.floats(min_value=0.01, max_value=100.0))
def test_levels_cover_all_values_in_any_unit(values: list[float], unit: float) -> None:
    found = levels(values, 0.1)
    assert [index for level in found for index in level] == list(range(len(values)))
    assert all(len(level) >= LEAST for level in found) or len(found) == 1
    assert levels([value * unit for value in values], 0.1) == found
