"""Statistics over steps: what is no number is left out, and neighbours that are alike are worth less."""

from __future__ import annotations

import math
import random
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.samples import MIN_SAMPLES, SIGMAS, mean, median, sigmas, spread, standard_error


def test_statistics_of_what_is_known():
    assert (median([]), median([math.nan, 1.0, None, 3.0])) == (None, 2.0)
    assert (mean([1.0, 4.0, None, math.inf], [2, 1, 5, 5]), mean([], [])) == (2.0, None)
    assert (spread([1.0, 2.0, 4.0]), spread([]), spread([0.0, 0.0])) == (1.5, None, None)


def test_few_samples_say_nothing_about_their_own_noise():
    samples = [random.Random(1).gauss(0, 1) for _ in range(MIN_SAMPLES)]
    assert standard_error(samples[:-1], fmean) is None and standard_error(samples, fmean) is not None
    assert standard_error([2.0] * 20, fmean) == 0.0
    assert standard_error([1.0] * 19 + [math.nan], fmean) is None


def test_the_standard_error_is_that_of_a_mean():
    chance = random.Random(1)
    independent = [chance.gauss(0, 1) for _ in range(10_000)]
    assert 0.5 < standard_error(independent, fmean) / 0.01 < 1.5  # 1 / sqrt(10,000), by ten batches


def test_steps_that_resemble_their_neighbours_are_worth_less_and_what_recurs_is_no_noise():
    chance = random.Random(1)
    independent = [chance.gauss(0, 1) for _ in range(400)]
    assert standard_error(sorted(independent), fmean) > 5 * standard_error(independent, fmean)
    checkpoints = [9.0 if n % 10 == 0 else 1.0 for n in range(400)]
    assert standard_error(checkpoints, fmean) == 0.0


@settings(deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=MIN_SAMPLES, max_size=60))
def test_standard_error_is_a_number(samples):
    assert standard_error(samples, fmean) >= 0


def test_a_deviation_that_few_values_tell_is_worth_less():
    """Against quantiles of Student's t at 0.99865 in the tables (1 degree: tan(pi (0.99865 - 0.5)))."""
    told = [sigmas(freedom) for freedom in (1, 2, 3, 4, 5, 10, 30)]
    assert told == pytest.approx([235.8, 19.21, 9.219, 6.620, 5.507, 3.957, 3.270], rel=1e-3)
    assert sigmas(5000) == pytest.approx(SIGMAS, rel=1e-3)
