"""The verdict: each rule passes, fails and says UNKNOWN where it should; nothing unseen ever passes."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.binding import bind
from seatrial.events import CheckpointSaved, EventWriter, RunEnd, RunStart, Step, Validation
from seatrial.expected import Expected, Range
from seatrial.findings import Finding, Verdict, overall
from seatrial.history import History
from seatrial.job import Job
from seatrial.spec import Expectations, Published
from seatrial.verdict import judge, rules
from tests.test_binding import CASE, LOCAL, TINY

JOB = replace(bind(CASE, TINY, LOCAL), expectations=Expectations(loss_decrease=1.0, at_least={"accuracy": 0.9}))
START = RunStart(attempt=0, start_step=0, steps=10, world_size=2, device="cpu", backend="gloo")
GOOD = [
    START,
    *(Step(step=i, loss=3.0 - 0.2 * i, learning_rate=0.1, grad_norm=1.0, count=1, seconds=1.0) for i in range(1, 11)),
    Validation(step=10, metrics={"accuracy": 0.95}, seconds=1.0),
    RunEnd(outcome="completed", step=10, ranks_agree=True),
]


def verdicts(tmp_path, events, job=JOB) -> dict[str, Verdict]:
    run = History(tmp_path / "runs").create(job)
    writer = EventWriter(run.events_path)
    for event in events:
        writer.write(event)
    writer.close()
    return {finding.check: finding.verdict for finding in judge(run)}


def test_a_good_run_passes_every_rule(tmp_path):
    found = verdicts(tmp_path, GOOD)
    assert set(found.values()) == {Verdict.PASS}
    assert len(found) == 6


def changed(index: int, **values) -> list[object]:
    events = list(GOOD)
    events[index] = replace(events[index], **values)
    return events


@pytest.mark.parametrize(
    ("events", "check", "verdict"),
    [
        (changed(-1, outcome="failed", step=4), "run.completed", Verdict.FAIL),
        (changed(-1, step=9), "run.completed", Verdict.FAIL),
        (changed(-1, outcome="stopped", step=4), "run.completed", Verdict.UNKNOWN),
        (GOOD[:-1], "run.completed", Verdict.UNKNOWN),
        (GOOD[:-1], "run.ranks-agree", Verdict.UNKNOWN),
        (changed(-1, ranks_agree=False), "run.ranks-agree", Verdict.FAIL),
        (changed(-1, ranks_agree=None), "run.ranks-agree", Verdict.UNKNOWN),
        (changed(5, loss=math.nan), "run.finite", Verdict.FAIL),
        (changed(5, grad_norm=math.inf), "run.finite", Verdict.FAIL),
        (changed(1, loss=1.9), "run.loss-fell", Verdict.FAIL),
        ([START, GOOD[-1]], "run.loss-fell", Verdict.UNKNOWN),
        ([START, GOOD[-1]], "run.finite", Verdict.UNKNOWN),
        (changed(-2, metrics={"accuracy": 0.89}), "run.accuracy", Verdict.FAIL),
        (changed(-2, metrics={"loss": 0.1}), "run.accuracy", Verdict.UNKNOWN),
    ],
)
def test_each_rule_sees_what_it_is_for(tmp_path, events, check, verdict):
    assert verdicts(tmp_path, events)[check] is verdict


def test_a_loss_of_nan_at_the_end_did_not_fall(tmp_path):
    found = verdicts(tmp_path, changed(10, loss=math.nan))
    assert found["run.loss-fell"] is Verdict.FAIL


BOUNDS = ("run.loss-fell", "run.accuracy")
FLAT = [replace(event, loss=3.0) if isinstance(event, Step) else event for event in GOOD]
FLAT[-2] = replace(FLAT[-2], metrics={"accuracy": 0.1})


def stated_for(steps: int):
    return replace(JOB, expectations=replace(JOB.expectations, steps=steps))


@pytest.mark.parametrize(
    ("job", "events", "verdict"),
    [
        (JOB, FLAT, Verdict.FAIL),
        (stated_for(10), FLAT, Verdict.FAIL),
        (stated_for(5), FLAT, Verdict.FAIL),  # it had more time than that
        (stated_for(100), FLAT, Verdict.SKIP),  # --set steps=10
        (stated_for(100), GOOD, Verdict.PASS),  # and yet it is good enough
        (JOB, [*FLAT[:5], replace(FLAT[-1], outcome="stopped", step=4)], Verdict.UNKNOWN),  # Ctrl-C
        (JOB, [*FLAT[:5], replace(FLAT[-1], outcome="failed", step=4)], Verdict.UNKNOWN),
        (JOB, FLAT[:2], Verdict.UNKNOWN),
        (stated_for(100), FLAT[:2], Verdict.SKIP),
        (JOB, FLAT[1:], Verdict.UNKNOWN),  # how long it was to be is not known
    ],
)
def test_a_bound_for_a_whole_run_is_not_held_against_a_part(tmp_path, job, events, verdict):
    found = verdicts(tmp_path, events, job)
    assert {found[check] for check in BOUNDS} == {verdict}


def test_a_smoke_test_passes_and_says_what_was_not_judged(tmp_path):
    found = verdicts(tmp_path, FLAT, stated_for(100))
    assert {check for check, verdict in found.items() if verdict is not Verdict.PASS} == set(BOUNDS)
    run = History(tmp_path / "runs").runs[0]
    assert overall(judge(run)) is Verdict.PASS
    [why] = [finding.observed for finding in judge(run) if finding.check == "run.loss-fell"]
    assert why.endswith("; not judged: stated for 100 steps, this is after 10")


def test_what_the_user_does_not_expect_is_skipped(tmp_path):
    found = verdicts(tmp_path, FLAT, replace(JOB, expectations=Expectations(waived=True)))
    assert found["run.loss-fell"] is Verdict.SKIP and "run.accuracy" not in found


def test_no_checkpoint_at_all_is_a_failure_one_that_was_missed_is_not(tmp_path):
    missed = Finding(check=rules.NOT_SAVED, verdict=Verdict.WARN, observed="step 5: OSError: No space left on device")
    saved = CheckpointSaved(step=10, path="checkpoints/step-10", bytes=1, seconds=1.0, stall_seconds=1.0)
    assert verdicts(tmp_path / "a", [*GOOD[:-1], missed, GOOD[-1]])["run.checkpoints"] is Verdict.FAIL
    assert verdicts(tmp_path / "b", [*GOOD[:-1], missed, saved, GOOD[-1]])["run.checkpoints"] is Verdict.PASS
    assert "run.checkpoints" not in verdicts(tmp_path / "c", GOOD)


@pytest.mark.parametrize(("peak", "told"), [(0.01, True), (0.48, True), (0.52, False), (None, False)])
def test_more_than_the_peak_is_never_shown_without_a_word(tmp_path, peak, told):
    start = replace(START, flops_per_token={"full": 1.0}, peak_flops=peak)
    assert ("run.possible" in verdicts(tmp_path, [start, *GOOD[1:]])) is told


def test_nothing_stated_is_unknown(tmp_path):
    found = verdicts(tmp_path, GOOD, replace(JOB, expectations=Expectations()))
    assert found["run.loss-fell"] is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("events", "value", "verdict"),
    [
        (GOOD, 0.5, Verdict.PASS),  # 1 token in 1 s on 2 ranks
        (GOOD, 0.52, Verdict.PASS),
        (GOOD, 0.53, Verdict.FAIL),
        ([START, GOOD[-1]], 0.5, Verdict.UNKNOWN),
    ],
)
def test_a_published_figure_must_be_reached_within_the_noise(tmp_path, events, value, verdict):
    figure = Published(
        metric="tokens/s per accelerator", value=value, instance_type="p5.48xlarge", nodes=1, source="them, 2025-03"
    )
    assert verdicts(tmp_path, events, replace(JOB, published=(figure,)))["run.published"] is verdict


NEAR = Range(low=0.8, expected=0.9, high=1.1, evidence=("llama3.1-8b on 8 H100 SXM, 2025-04",))


@pytest.mark.parametrize(
    ("events", "expected", "verdict"),
    [
        (GOOD, NEAR, Verdict.PASS),  # 1 token in 1 s
        (GOOD, replace(NEAR, low=0.3, expected=0.4, high=0.5), Verdict.PASS),
        (GOOD, replace(NEAR, low=1.01), Verdict.FAIL),
        (GOOD, replace(NEAR, low=1.01, evidence=()), Verdict.UNKNOWN),
        (GOOD, replace(NEAR, evidence=()), Verdict.PASS),
        ([START, GOOD[-1]], NEAR, Verdict.UNKNOWN),
        ([replace(START, flops_per_token={"full": 1.0}, peak_flops=0.01), *GOOD[1:]], NEAR, Verdict.UNKNOWN),
        ([replace(START, world_size=1), *GOOD[1:]], NEAR, Verdict.UNKNOWN),
    ],
)
def test_what_was_forecast_is_reached_or_nobody_can_say(tmp_path, events, expected, verdict):
    job = replace(JOB, expected=Expected(rate=expected))
    assert Job.from_json(job.to_json()) == job
    assert verdicts(tmp_path, events, job)["run.expected"] is verdict


def test_a_figure_that_cannot_be_is_never_praised(tmp_path):
    """Faster than forecast, by more than the hardware can."""
    start = replace(START, flops_per_token={"full": 1.0}, peak_flops=0.01)
    events = [start, *GOOD[1:]]
    found = verdicts(
        tmp_path, events, replace(JOB, expected=Expected(rate=replace(NEAR, low=0.01, expected=0.012, high=0.015)))
    )
    assert found["run.expected"] is Verdict.UNKNOWN


@pytest.mark.parametrize(("value", "verdict"), [(1.0, Verdict.PASS), (1.06, Verdict.FAIL)])
def test_a_figure_for_trainium_is_one_per_chip_whatever_its_ranks(tmp_path, value, verdict):
    figure = Published(
        metric="tokens/s per accelerator", value=value, instance_type="trn1.32xlarge", nodes=1, source="them, 2025-06"
    )  # 1 token in 1 s on 2 ranks, which are one chip
    assert verdicts(tmp_path, GOOD, replace(JOB, published=(figure,)))["run.published"] is verdict


def test_prepared_data_is_not_asked_for_a_falling_loss(tmp_path):
    checksums = Finding(check="data.checksums", verdict=Verdict.PASS, observed="3 files")
    found = verdicts(
        tmp_path, [START, checksums, GOOD[-1]], replace(JOB, purpose="preparation", expectations=Expectations())
    )
    assert found == {"data.checksums": Verdict.PASS, "run.completed": Verdict.PASS, "run.events-readable": Verdict.PASS}


def test_what_the_run_found_itself_counts(tmp_path):
    own = Finding(check="checkpoint.damaged", verdict=Verdict.WARN, observed="x")
    assert overall([own]) is Verdict.WARN
    assert verdicts(tmp_path, [own, *GOOD])["checkpoint.damaged"] is Verdict.WARN


def test_an_unreadable_line_is_unknown(tmp_path):
    run = History(tmp_path / "runs").create(JOB)
    writer = EventWriter(run.events_path)
    for event in GOOD:
        writer.write(event)
    with run.events_path.open("ab") as file:
        file.write(b"garbage\n")
    writer.close()
    assert overall(judge(run)) is Verdict.UNKNOWN


@given(st.sets(st.sampled_from(range(len(GOOD))), min_size=1))
def test_a_log_with_gaps_never_passes_unless_only_middle_steps_are_missing(tmp_path_factory, missing):
    kept = [event for index, event in enumerate(GOOD) if index not in missing]
    found = verdicts(tmp_path_factory.mktemp("gaps"), kept)
    if overall(Finding(check=c, verdict=v, observed="") for c, v in found.items()) is Verdict.PASS:
        assert {0, len(GOOD) - 1, len(GOOD) - 2}.isdisjoint(missing)
