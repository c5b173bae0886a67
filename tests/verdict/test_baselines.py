"""Baselines of losses: of which training they are, what keeps them, and a run that is held against one."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest

from seatrial import catalog
from seatrial.binding import bind
from seatrial.cases.fsdp import CASE as FSDP
from seatrial.errors import UserError
from seatrial.events import write_events
from seatrial.findings import Verdict
from seatrial.history import History
from seatrial.verdict import judge, reference
from seatrial.verdict.baselines import FILE, LEAVE_THE_LOSS, deciding, keep, own, read
from seatrial.verdict.recording import record
from tests.test_binding import LOCAL
from tests.verdict.curves import course, log

TINY = FSDP.recipe("tiny")
JOB = bind(FSDP, TINY, LOCAL)


def job(**settings):
    return bind(FSDP, TINY, LOCAL, settings={name: str(value) for name, value in settings.items()})


def losses(seed, factor=1.0):
    """From ln 320 on."""
    return {step: factor * loss * 0.555 for step, loss in course(seed, 100).items()}


@pytest.fixture
def history(tmp_path):
    return History(tmp_path / "runs")


def add(history, name, losses_, of=JOB):
    run = history.create(of, name)
    write(run, log(losses_, steps=100).events)
    return run


def write(run, events):
    write_events(run.events_path, [(timed.time, timed.event) for timed in events])


@pytest.fixture
def three(history):
    return [add(history, f"r{seed}", losses(seed), job(seed=seed)) for seed in range(3)]


def band_of(run):
    return [finding for finding in judge(run) if finding.check == "run.loss-band"]


# --- which training


SAME = [{"seed": 9}, {"recompute": "full"}, {"micro_batch_size": 4}, {"log_every": 5}, {"shard_size": 2}]
OTHER = [{"learning_rate": 0.01}, {"steps": 50}, {"global_batch_size": 16}, {"sequence_length": 128},
         {"dataset": "synthetic"}, {"model": "debug"}, {"precision": "bf16"}]  # fmt: skip


def changed(changes):
    return replace(JOB, args=JOB.args | changes)


@pytest.mark.parametrize("changes", SAME)
def test_a_layout_or_a_seed_is_the_same_training(three, changes):
    known = [record(three)]
    assert own(replace(changed(changes), nodes=4, processes_per_node=8), known) == known[0]


@pytest.mark.parametrize("changes", OTHER)
def test_what_decides_the_loss_makes_another(three, changes):
    known = [record(three)]
    assert own(changed(changes), known) is None
    [said] = reference.against(changed(changes), log(losses(5), steps=100), known)
    [(name, value)] = changes.items()
    assert (said.verdict, said.observed) == (
        Verdict.SKIP,
        f"not compared: {name} is {value}, there {JOB.args[name]}",
    )


def test_nothing_is_said_without_a_baseline_of_the_recipe(three):
    known = [record(three)]
    assert reference.against(replace(changed({"steps": 5}), recipe="another"), log(losses(5)), known) == []
    assert reference.against(replace(JOB, args={}), log(losses(5)), known) == []
    assert own(replace(JOB, case="jax"), known) is None


DECIDES = """
    batching beta1 beta2 data_tokens dataset dropout engine experiment float8 float8_all_gather global_batch_size
    grad_clip hidden_size learning_rate min_learning_rate model overrides precision proteins reduce_in_bf16 restore
    schedule sequence_length sequences source split steps task tokenizer training vocab_size warmup_steps weight_decay
    weights
"""
"""Arguments of training cases of which a baseline is another one. Add a new one here, or to LEAVE_THE_LOSS."""


def test_every_argument_decides_the_loss_or_does_not():
    arguments = {f.name for case in catalog.cases() if case.purpose == "training" for f in fields(case.Args)}
    decides = set(DECIDES.split())
    assert arguments - LEAVE_THE_LOSS == decides and arguments - decides == LEAVE_THE_LOSS


# --- recording


def test_a_baseline_is_kept_and_read_and_one_of_the_same_training_replaced(history, three):
    file = history.root / FILE
    assert read(file) == ()
    first, alone = record(three), record(three[:1])
    assert (first.case, first.recipe, first.runs, first.date) == ("fsdp", "tiny", ("r0", "r1", "r2"), "2023-11-14")
    assert first.args == deciding(JOB) and "seed" not in first.args and len(first.band.steps) == 100
    keep(file, first)
    keep(file, replace(first, case="jax"))
    keep(file, alone)
    assert read(file) == (alone, replace(first, case="jax"))
    assert file.read_text().count("\n") == 4  # a line for each


@pytest.mark.parametrize("text", ["?", "[{}]", '[{"runs": [], "band": {}}]', "{}0", "{}"])
def test_a_file_that_is_broken_says_so_and_makes_a_run_unknown(history, three, text):
    (history.root / FILE).write_text(text)
    with pytest.raises(UserError, match="record anew what it held"):
        read(history.root / FILE)
    [said] = band_of(three[0])
    assert said.verdict is Verdict.UNKNOWN and "cannot be read" in said.observed


@pytest.mark.parametrize(
    "change", [{"steps": [1]}, {"low": []}, {"loss": [float("nan")] * 100}, {"high": [1e-9] * 100}]
)
def test_a_band_that_is_none_makes_a_run_unknown(history, three, change):
    keep(history.root / FILE, record(three))
    [kept] = json.loads((history.root / FILE).read_text())
    (history.root / FILE).write_text(json.dumps([kept | {"band": kept["band"] | change}]))
    [said] = band_of(three[0])
    assert said.verdict is Verdict.UNKNOWN and "cannot be read: 0 band" in said.observed


def test_a_run_that_was_not_good_is_no_reference_and_all_is_told_at_once(history, three):
    bad = add(history, "bad", losses(5, 0.2))
    cut = add(history, "cut", losses(6))
    write(cut, log(losses(6), steps=100).events[:-1])
    other = add(history, "other", losses(7), job(learning_rate=0.01))
    with pytest.raises(UserError) as raised:
        record([*three, bad, cut, other])
    said = [f"{problem.where}: {problem.what}" for problem in raised.value.problems]
    begin = ("bad: failed run.loss-fell: ", "bad: failed run.loss-start: ", "cut: is lost",
             "other: trains something else than r0: learning_rate is 0.01, there 0.003")  # fmt: skip
    assert [line[: len(first)] for line, first in zip(said, begin, strict=True)] == [*begin]


def test_few_steps_make_no_band(history):
    few = {step: losses(1)[step] for step in (1, 2, 99, 100)}
    with pytest.raises(UserError, match="4 logged steps in common, with losses above 0; 5 or more make a band"):
        record([add(history, "few", few)])


# --- a run that is held against one


def test_good_runs_pass_and_others_fail(history, three):
    keep(history.root / FILE, record(three))
    [good] = band_of(add(history, "good", losses(9), job(seed=9)))
    assert (good.verdict, good.observed) == (Verdict.PASS, "inside at all 100 steps in common")
    assert good.expected.endswith("of r0, r1, r2: 3 runs, 2023-11-14")
    [bad] = band_of(add(history, "high", losses(9, 1.3)))
    assert bad.verdict is Verdict.FAIL and bad.observed.startswith("above it from step 1 to 100, by means of 10 ")
    [low] = band_of(add(history, "low", losses(9, 0.7)))
    assert low.verdict is Verdict.FAIL and low.observed.startswith("below it from step 1 to 100, ")
    [short] = band_of(add(history, "short", {step: losses(9)[step] for step in range(1, 5)}))
    assert (short.verdict, short.observed.split(";")[0]) == (Verdict.UNKNOWN, "4 steps in common with the baseline")
