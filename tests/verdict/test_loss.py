"""What the course of a loss shows by itself: where it starts, jumps, a level that it keeps."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from seatrial.binding import bind
from seatrial.cases.cpu_ddp import CASE as DIGITS
from seatrial.findings import Verdict
from seatrial.verdict import loss
from tests.test_binding import CASE, LOCAL, TINY
from tests.verdict.curves import course, log, part, share

JOB = replace(bind(CASE, TINY, LOCAL), classes=33_000)
"""The courses begin at ln 60,000."""
HIGH = dict.fromkeys(range(1, 201), 1e-3)


def found(*attempts, job=JOB, **settings):
    return {finding.check: finding for finding in loss.judge(job, log(*attempts, **settings))}


def verdicts(*attempts, **settings):
    return {check: finding.verdict for check, finding in found(*attempts, **settings).items()}


CLEAN = {"run.loss-start": Verdict.PASS}


@pytest.mark.parametrize("noise", [0.001, 0.003, 0.01, 0.03])
def test_nothing_is_said_of_good_courses(noise):
    assert all(verdicts(course(seed, noise=noise), rates=HIGH) == CLEAN for seed in range(25))


# --- start


@pytest.mark.parametrize(
    ("first", "verdict"),
    [
        (math.log(33_000) - 0.4, Verdict.PASS),
        (math.log(33_000) + 3.9, Verdict.PASS),
        (math.log(33_000) - 0.6, Verdict.FAIL),
        (math.log(33_000) / 2, Verdict.FAIL),  # half of the tokens are padding, and count
        (2.4, Verdict.FAIL),  # it was trained before
        (math.log(33_000) + 4.1, Verdict.WARN),
        (math.nan, Verdict.UNKNOWN),
    ],
)
def test_a_loss_starts_where_nothing_is_known(first, verdict):
    assert verdicts(course(1) | {1: first})["run.loss-start"] is verdict


def test_a_start_that_nobody_saw_or_knows_is_not_judged():
    later = part(course(1), range(10, 201))
    assert "run.loss-start" not in verdicts(later)  # the log begins in the middle
    assert "run.loss-start" not in verdicts(course(1), job=replace(JOB, classes=None))
    assert verdicts(course(1, every=10) | {}, job=JOB)["run.loss-start"] is Verdict.PASS
    tenth = log(later)
    tenth.events[0] = replace(tenth.events[0], event=replace(tenth.events[0].event, start_step=0))
    [said] = [f for f in loss.judge(JOB, tenth) if f.check == "run.loss-start"]
    assert (said.verdict, said.observed) == (Verdict.SKIP, "not judged: the first logged step is 10")
    empty = log({1: 1.0})
    del empty.events[1]
    assert [f.verdict for f in loss.judge(JOB, empty)] == [Verdict.UNKNOWN]


def test_ten_digits_are_ten_classes_and_prepared_data_have_no_loss():
    digits = bind(DIGITS, DIGITS.recipes[0], LOCAL)
    assert digits.classes == 10 and replace(digits).from_json(digits.to_json()).classes == 10
    assert verdicts({1: 2.3, 10: 2.1}, job=digits) == CLEAN
    assert loss.judge(replace(digits, purpose="preparation"), log(course(1))) == []


# --- spikes


def spiked(seed, begin, length, height):
    """A jump by that factor, which wears off over `length` steps; never, if that is 0."""
    losses = course(seed)
    for step in range(begin, 201):
        left = 1.0 if not length else max(0.0, 1 - (step - begin) / length)
        losses[step] *= 1 + height * left
    return losses


def test_a_spike_that_comes_back_is_a_warning():
    told = [found(spiked(seed, 100 + 4 * seed, 12, 0.4)).get("run.loss-spikes") for seed in range(20)]
    right = [f is not None and f.verdict is Verdict.WARN and f"at step {100 + 4 * seed}," in f.observed
             and "was back at step" in f.observed for seed, f in enumerate(told)]  # fmt: skip
    assert share(right) >= 0.95


def test_a_loss_that_stays_up_there_is_a_failure():
    told = [found(spiked(seed, 100 + 4 * seed, 0, 0.4)).get("run.loss-spikes") for seed in range(20)]
    assert (
        share([f is not None and f.verdict is Verdict.FAIL and "never came back" in f.observed for f in told]) >= 0.95
    )


def test_one_hard_batch_is_no_spike_and_the_end_of_a_run_tells_no_more():
    assert verdicts(course(1) | {100: 9.0, 150: 9.0}) == CLEAN
    late = found(spiked(3, 195, 0, 0.4))["run.loss-spikes"]
    assert late.verdict is Verdict.WARN and late.observed.endswith("; step 200 is the last")
    twice = spiked(3, 60, 10, 0.4)
    twice = twice | part(spiked(3, 120, 10, 0.4), range(120, 201))
    assert found(twice)["run.loss-spikes"].observed.startswith("2 times; the last time at step 120, from ")


def test_losses_that_are_no_numbers_are_another_rule_s():
    assert verdicts(course(1) | {100: math.nan, 101: math.inf, 102: math.nan}) == CLEAN


# --- plateau


def flat(seed, since):
    losses, level = course(seed, noise=0.002), course(0, noise=0)
    return losses | {step: losses[step] / level[step] * level[since] for step in range(since, 201)}


def test_a_loss_that_no_longer_falls_is_told_while_the_learning_rate_is_high():
    told = [verdicts(flat(seed, 60), rates=HIGH).get("run.loss-plateau") for seed in range(20)]
    assert share([verdict is Verdict.WARN for verdict in told]) >= 0.95


def test_no_plateau_where_nothing_could_be_learnt_any_more():
    through = {step: 1e-3 * (1 - step / 201) for step in range(1, 201)}
    assert verdicts(flat(1, 60), rates=through) == CLEAN
    assert verdicts(flat(1, 60)) == CLEAN  # nobody tells the learning rate
    assert verdicts(flat(1, 60), rates=HIGH, steps=1000) == CLEAN  # a fifth of the run
    assert verdicts({s: 11 + 0.01 * (s % 3) for s in range(1, 201)}, rates=HIGH) == CLEAN  # it never learnt
    assert verdicts(part(flat(1, 60), range(1, 201, 3)), rates=HIGH) == CLEAN  # 67 losses are few


def test_noise_that_may_hide_a_fall_is_no_plateau():
    """0.6 % from quarter to quarter, under batches that differ by 3 %."""
    for seed in range(20):
        noisy, level = course(seed, noise=0.03), course(0, noise=0)
        slow = {step: noisy[step] / level[step] * level[60] * (1 - 1.2e-4 * (step - 60)) for step in range(60, 201)}
        assert verdicts(noisy | slow, rates=HIGH) == CLEAN
