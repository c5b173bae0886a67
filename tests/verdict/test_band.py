"""Bands of losses: good runs are inside, others are not."""

from __future__ import annotations

import math
import random
import time
from functools import cache

import pytest

from seatrial.verdict.band import LEAST, LEAST_OF_ONE, MOST, TOGETHER, band, common, outside
from tests.verdict.curves import course, part, share

SEEDS = range(20)


@cache
def made(runs, seed, **settings):
    return band([course(1000 * (seed + 1) + run, **settings) for run in range(runs)])


@pytest.mark.parametrize("noise", [0.002, 0.05])
@pytest.mark.parametrize("runs", [1, 3])
def test_runs_with_other_seeds_are_inside(noise, runs):
    """A hundred of them in all."""
    for seed in range(25):
        steps, left = outside(made(runs, seed, steps=100, noise=noise), course(seed, 100, noise=noise))
        assert (steps, left) == (100, None)


def scaled(losses, factor, since=1, until=100):
    return losses | {step: loss * factor for step, loss in losses.items() if since <= step <= until}


LEVEL = course(0, noise=0)
OFF = {
    "nothing is learnt": (lambda losses: dict.fromkeys(losses, losses[1]), True),
    "a third as fast": (lambda losses: {step: LEVEL[max(step // 3, 1)] for step in losses}, True),
    "a sixth above from step 50 on": (lambda losses: scaled(losses, 1.16, since=50), True),
    "a sixth below": (lambda losses: scaled(losses, 0.84), False),
    "not a number": (lambda losses: losses | dict.fromkeys(range(60, 101), math.nan), True),
    "nothing left": (lambda losses: losses | dict.fromkeys(range(60, 101), 0.0), False),
}


@pytest.mark.parametrize("name", OFF)
def test_runs_that_learn_otherwise_are_outside(name):
    change, above = OFF[name]
    right = []
    for seed in SEEDS:
        _, left = outside(made(3, seed, steps=100), change(course(seed, 100)))
        right.append(left is not None and left.above == above)
    assert share(right) >= 0.95


def test_where_it_left_is_told():
    _, left = outside(made(3, 1, steps=100), scaled(course(1, 100), 1.5, since=50))
    assert left is not None and 40 <= left.first <= 50 and left.last == 100 and left.low < left.high < left.loss
    assert left.loss == pytest.approx(1.5 * LEVEL[left.worst], rel=0.05)


def test_single_steps_may_lie_anywhere():
    losses = course(1, 100)
    for step in random.Random(1).sample(sorted(losses), 5):
        losses[step] *= 1.3
    assert outside(made(3, 1, steps=100), losses) == (100, None)


def level(loss):
    return dict.fromkeys(range(1, 101), loss)


def test_the_band_of_runs_that_are_the_same_is_as_narrow_as_it_says():
    assert band([level(3.0)] * 3).width == pytest.approx(LEAST)
    assert band([level(3.0)]).width == pytest.approx(LEAST_OF_ONE)


def test_runs_that_lie_apart_make_it_wide():
    assert band([level(2.7), level(3.0), level(3.3)]).width > 0.1


def test_more_runs_make_it_narrower_and_noise_wider():
    widths = [made(runs, 1, steps=100).width for runs in (1, 3, 10)]
    assert widths == sorted(widths, reverse=True)
    assert made(3, 1, steps=100, noise=0.05).width > 1.5 * made(3, 1, steps=100).width


def test_only_steps_that_all_logged_with_a_loss_above_zero_count():
    runs = [{1: 2.0, 2: 1.0, 3: 0.0, 4: 1.0}, {2: 1.0, 3: 1.0, 4: math.nan, 5: 1.0}]
    assert common(runs) == [2]
    tenth = course(1, 100, every=10)
    assert outside(made(3, 1, steps=100), tenth) == (len(tenth), None)  # it logged every tenth
    assert outside(made(3, 1, steps=100), part(course(1), range(101, 201))) == (0, None)


def test_a_long_run_is_thinned_out():
    long = {step: 2 + 1 / step for step in range(1, 20_001)}
    begin = time.process_time()
    found = band([long, long])
    assert len(found.steps) == MOST and (found.steps[0], found.steps[-1]) == (1, 20_000)
    assert time.process_time() - begin < 5 and outside(found, long) == (MOST, None)
    assert len(band([part(long, range(1, TOGETHER + 1))]).steps) == TOGETHER
