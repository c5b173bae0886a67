"""Curves of measured parts, between what was measured and beyond it."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.forecast.measured import Curve, Rates

SIDES = (32, 128, 512)


def grid(largest: float = float("inf"), rate: float = 1e9) -> Curve:
    """Of products that all run at one rate."""
    shapes = [shape for shape in itertools.product(SIDES, repeat=3) if shape[0] * shape[1] * shape[2] <= largest]
    forward = [2 * a * b * c / rate for a, b, c in shapes]
    return Curve.of(shapes, forward, [2 * one for one in forward])


def test_what_was_measured_comes_back() -> None:
    curve = Curve.of([[10], [1000]], [1.0, 3.0], [2.0, 0.0])
    assert curve.seconds(10) == pytest.approx([1.0, 2.0])
    assert curve.seconds(1000) == pytest.approx([3.0, 0.0], abs=1e-9)


@given(rows=st.integers(32, 4096), inputs=st.integers(32, 4096), outputs=st.integers(32, 4096))
def test_one_rate_is_one_rate_at_every_shape(rows: int, inputs: int, outputs: int) -> None:
    wanted = 2 * rows * inputs * outputs / 1e9
    for curve in (grid(), grid(largest=128**3)):
        assert curve.seconds(rows, inputs, outputs) == pytest.approx([wanted, 2 * wanted])


def test_below_the_smallest_a_part_takes_as_long_as_that() -> None:
    curve = Curve.of([[64], [256]], [1e-5, 2e-5], [1e-5, 2e-5])
    assert curve.seconds(1) == pytest.approx([1e-5, 1e-5])


def test_beyond_the_largest_what_starts_late_grows_in_proportion_and_what_grows_faster_does_so_on() -> None:
    late = Curve.of([[100], [200]], [1.1, 1.2], [1.1, 1.2])  # 1 s, and 1 ms for each
    assert late.seconds(1000) == pytest.approx([2.0, 2.0])
    square = Curve.of([[100], [200]], [1.0, 4.0], [1.0, 4.0])
    assert square.seconds(1000) == pytest.approx([100.0, 100.0])


def test_what_was_measured_at_one_place_alone_is_the_same_elsewhere() -> None:
    assert Curve.of([[2]], [3.0], [3.0]).seconds(4) == pytest.approx([3.0, 3.0])


@given(st.floats(1, 1e9), st.floats(1.0, 10.0))
def test_more_never_takes_less(numbers: float, factor: float) -> None:
    curve = Curve.of([[64], [256], [4096]], [1e-5, 2e-5, 9e-4], [2e-5, 2e-5, 1e-3])
    assert (curve.seconds(numbers * factor) >= curve.seconds(numbers) * (1 - 1e-9)).all()


@pytest.mark.parametrize(
    ("shapes", "forward"),
    [([], []), ([[1], [2]], [0.0, 1.0]), ([[1, 2], [2, 1]], [1.0, 1.0])],
)
def test_what_is_no_curve_is_refused(shapes: list[list[int]], forward: list[float]) -> None:
    with pytest.raises(ValueError):
        Curve.of(shapes, forward, forward)


def test_a_part_that_was_not_measured_is_named() -> None:
    rates = Rates(source="", ranks=1, dtype="fp32", curves={"norm": Curve.of([[1]], [1.0], [1.0])})
    with pytest.raises(ValueError, match="attention is not among"):
        rates.seconds("attention", 1, 1)
