"""A loss after a resume: steps that were trained twice, or else the course before it."""

from __future__ import annotations

import math
import random

import pytest

from seatrial.events import Restart, Timed
from seatrial.findings import Verdict
from seatrial.verdict import continuation
from tests.verdict.curves import course, log, part, share


def found(*attempts):
    return [*continuation.continues(log(*attempts))]


def verdict(*attempts):
    [one] = found(*attempts)
    return one.verdict


def rounded(losses, by, seed):
    """What other kernels or another order of sums leave of it: more with every step."""
    chance, first = random.Random(seed), min(losses)
    return {s: loss * (1 + by * math.sqrt(1 + s - first) * chance.gauss(0, 1)) for s, loss in losses.items()}


NOISES = (0.003, 0.03)
SEEDS = range(20)
BEFORE, AFTER = range(1, 61), range(61, 91)
"""The steps up to a checkpoint, and those of the attempt that loaded it."""


def test_a_run_that_never_stopped_is_not_asked():
    assert found(course(1)) == []


# --- steps that were trained twice


def redone(seed, noise, twice, after):
    """The verdict of a run that died `twice` steps after its checkpoint."""
    return verdict(part(course(seed, 90, noise=noise), range(1, 61 + twice)), part(after, AFTER))


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("twice", [1, 10, 30])
@pytest.mark.parametrize("by", [0.0, 1e-4])
def test_the_same_batches_give_the_same_losses(noise, twice, by):
    for seed in SEEDS:
        whole = course(seed, 90, noise=noise)
        assert redone(seed, noise, twice, rounded(part(whole, AFTER), by, seed)) is Verdict.PASS


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("twice", [3, 10])
def test_other_batches_do_not(noise, twice):
    """Whose order was lost."""
    right = []
    for seed in SEEDS:
        level, chance = course(seed, 90, noise=0), random.Random(1000 + seed)
        other = {step: level[step] * math.exp(chance.gauss(0, noise)) for step in AFTER}
        right.append(redone(seed, noise, twice, other) is Verdict.FAIL)
    assert share(right) >= 0.95


def test_one_step_of_another_batch_is_mostly_seen():
    """By chance it has the same loss once in so often, within a tenth of what batches differ by."""
    right = []
    for seed in range(100):
        whole = course(seed, 61)
        other = {61: whole[61] * math.exp(random.Random(seed).gauss(0, 0.014))}
        right.append(verdict(whole, other) is Verdict.FAIL)
    assert share(right) >= 0.9


@pytest.mark.parametrize("lost", [0.05, 0.2])
def test_weights_or_states_that_were_lost_show_in_every_step(lost):
    right = []
    for seed in SEEDS:
        whole = course(seed, 90)
        after = {s: loss * (1 + lost * math.exp(-(s - 61) / 20)) for s, loss in whole.items()}
        right.append(redone(seed, 0.01, 5, after) is Verdict.FAIL)
    assert share(right) >= 0.95


def test_where_few_were_logged_the_cards_bound_of_a_hundredth_holds():
    assert verdict({1: 5.0, 2: 4.9, 3: 4.8}, {3: 4.81}) is Verdict.PASS
    assert verdict({1: 5.0, 2: 4.9, 3: 4.8}, {3: 4.9}) is Verdict.FAIL


def test_rounding_is_no_other_batch_where_batches_hardly_differ():
    flat = dict.fromkeys(range(1, 91), 3.0)
    assert verdict(part(flat, range(1, 71)), rounded(part(flat, AFTER), 5e-5, 1)) is Verdict.PASS
    assert verdict(part(flat, range(1, 71)), rounded(part(flat, AFTER), 5e-3, 1)) is Verdict.FAIL


def test_means_over_other_steps_are_not_compared():
    """A framework that logs every ten steps resumes at 105, and logs the mean of 5 as step 110."""
    whole = course(1, every=10)
    [one] = found(part(whole, range(1, 121)), {110: 9.0} | part(whole, range(120, 201)))
    assert one.verdict is Verdict.PASS and one.observed.startswith("step 120, trained twice: the same losses")


def test_a_log_whose_steps_go_back_has_a_resume_there():
    whole = course(1)
    events = log(part(whole, range(1, 111)), part(whole, range(101, 201)))
    del events.events[111]
    assert [one.verdict for one in continuation.continues(events)] == [Verdict.PASS]
    events.events.insert(111, Timed(1.7e9, Restart(attempt=1, reason="rank 1 was killed")))
    assert [one.verdict for one in continuation.continues(events)] == [Verdict.PASS]


def test_of_several_resumes_the_one_that_failed_is_told():
    whole = course(1)
    bad = {s: loss * 1.2 for s, loss in part(whole, range(61, 101)).items()}
    [one] = found(part(whole, range(1, 66)), bad, rounded(part(whole, range(141, 201)), 1e-6, 1))
    assert one.verdict is Verdict.FAIL and one.observed.startswith("5 steps from 61, trained twice: losses ")
    assert one.observed.endswith("other data, or other weights")


# --- no step was trained twice


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("at", [20, 60])
def test_a_course_goes_on(noise, at):
    for seed in SEEDS:
        whole = course(seed, 90, noise=noise)
        assert verdict(part(whole, range(1, at + 1)), part(whole, range(at + 1, 91))) is Verdict.PASS


@pytest.mark.parametrize("factor", [0.8, 1.2])
def test_a_course_that_breaks_off_does_not(factor):
    right = []
    for seed in SEEDS:
        whole = course(seed, 90)
        after = {step: factor * whole[step] for step in AFTER}
        right.append(verdict(part(whole, BEFORE), after) is Verdict.FAIL)
    assert share(right) >= 0.95


def test_what_was_hardly_logged_before_is_not_judged():
    whole = course(1)
    [one] = found(part(whole, range(1, 5)), part(whole, range(5, 201)))
    assert (one.verdict, one.observed) == (
        Verdict.SKIP,
        "not judged: 4 losses were logged before the resume, 5 after it",
    )
