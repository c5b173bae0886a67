"""Arithmetic of intervals, against sets of whole moments."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.profiles import intervals

SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12)), max_size=12)


def made(spans):
    return intervals.merged([a for a, _ in spans], [a + n for a, n in spans])


def moments(one):
    """The unit stretches that are covered: exact, since all ends are whole numbers."""
    return {moment for a, b in one.astype(int) for moment in range(a, b)}


def well_formed(one):
    flat = one.reshape(-1)
    return one.shape[1:] == (2,) and bool((np.diff(flat) > 0).all())


@settings(max_examples=40)
@given(SPANS)
def test_merging_keeps_what_is_covered(spans):
    one = made(spans)
    assert well_formed(one)
    assert moments(one) == {moment for a, n in spans for moment in range(a, a + n)}
    assert intervals.length(one) == len(moments(one))


@settings(max_examples=40)
@given(SPANS, SPANS)
def test_union_intersection_and_difference_are_those_of_sets(left, right):
    one, other = made(left), made(right)
    for found, wanted in (
        (intervals.union(one, other), moments(one) | moments(other)),
        (intervals.intersection(one, other), moments(one) & moments(other)),
        (intervals.difference(one, other), moments(one) - moments(other)),
    ):
        assert well_formed(found)
        assert moments(found) == wanted


@settings(max_examples=40)
@given(SPANS, st.integers(0, 30), st.integers(0, 30))
def test_clipping_keeps_what_is_inside(spans, low, size):
    found = intervals.clipped(made(spans), low, low + size)
    assert well_formed(found)
    assert moments(found) == {m for m in moments(made(spans)) if low <= m < low + size}


@settings(max_examples=40)
@given(SPANS, st.integers(1, 6))
def test_closing_fills_short_gaps_only(spans, gap):
    one = made(spans)
    found = intervals.closed(one, gap)
    assert well_formed(found) and moments(found) >= moments(one)
    assert all(b - a >= gap for a, b in zip(found[:-1, 1], found[1:, 0], strict=True))
    added = moments(found) - moments(one)
    assert not added or min(one[:, 0]) <= min(added) <= max(added) < max(one[:, 1])
