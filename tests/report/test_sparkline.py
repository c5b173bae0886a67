"""A curve in one line of text."""

import math

from hypothesis import given
from hypothesis import strategies as st

from seatrial.report.sparkline import BARS, GAP, sparkline


def test_a_curve_rises_and_falls():
    assert sparkline([1, 2, 3, 4, 5, 6, 7, 8], 8) == BARS
    assert sparkline([8, 7, 6, 5, 4, 3, 2, 1], 8) == BARS[::-1]
    assert sparkline([1, 1, 8, 8], 2) == BARS[0] + BARS[-1]
    assert sparkline([3, 3, 3], 8) == BARS[0] * 3
    assert sparkline([], 8) == sparkline([1], 0) == ""


def test_what_is_not_a_number_shows():
    assert sparkline([1, math.nan, 8], 3) == f"{BARS[0]}{GAP}{BARS[-1]}"
    assert sparkline([1, math.inf, None, 8], 4) == f"{BARS[0]}{GAP}{GAP}{BARS[-1]}"
    assert sparkline([1, 1, math.nan, 8], 2) == f"{BARS[0]}{GAP}"  # no mean hides it


@given(st.lists(st.none() | st.floats()), st.integers(1, 80))
def test_it_fits_and_is_drawn_of_bars(values, width):
    drawn = sparkline(values, width)
    assert len(drawn) == min(width, len(values)) and set(drawn) <= {*BARS, GAP}
