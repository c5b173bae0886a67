"""Composer's log as events: recorded output of mosaicml 0.32.1, labelled, cut, torn and restarted."""

from __future__ import annotations

import contextlib
import math
import re
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from seatrial.cases._composer.log import Reader
from seatrial.cases.composer_mpt import CASE
from seatrial.cases.composer_mpt.log import Reader as MPTReader
from seatrial.events import Event, Step, Validation
from seatrial.rank.lines import clean

RECORDED = Path(__file__).with_name("recorded")
LOSSES = [0.7591, 0.6795, 0.6921, 0.6438, 0.6448, 0.5828, 0.6877, 0.5596, 0.5465, 0.6058, 0.5775, 0.4974]
"""Of the 12 steps of the run that printed blocks, epochs and bar: one and the same training."""


def recorded(name: str) -> list[str]:
    # newline="": a progress bar's carriage returns end no line
    with (RECORDED / f"composer-{name}.log").open(encoding="utf-8", newline="") as file:
        return file.read().split("\n")


def read(lines: list[str], reader: Reader | None = None) -> tuple[list[Event], list[str]]:
    """Events, and what could not be read."""
    reader = reader or Reader(8)
    events: list[Event] = []
    errors = []
    for raw in lines:
        try:
            for event in reader.read(clean(raw)):
                events.append(event)
        except ValueError as error:
            errors.append(str(error))
    try:
        events += reader.end()
    except ValueError as error:
        errors.append(str(error))
    return events, errors


def steps(events: list[Event]) -> dict[int, float]:
    return {event.step: event.loss for event in events if isinstance(event, Step)}


def test_blocks_that_every_rank_prints_are_one_step_each() -> None:
    events, errors = read(recorded("blocks"))
    assert not errors
    assert steps(events) == dict(enumerate(LOSSES, start=1))
    assert len([event for event in events if isinstance(event, Step)]) == 12
    third = next(event for event in events if isinstance(event, Step) and event.step == 3)
    assert (third.learning_rate, third.count, third.grad_norm, third.memory_bytes) == (0.1, 8, None, None)
    assert third.seconds == pytest.approx(1 / 38.3458, rel=0.2)


def test_blocks_without_labels_are_read_too() -> None:
    events, errors = read([re.sub(r"^\d: ", "", line) for line in recorded("blocks") if line.startswith("1: ")])
    assert not errors
    assert steps(events) == dict(enumerate(LOSSES, start=1))


def test_lines_of_two_ranks_that_no_label_tells_apart() -> None:
    block = ["[batch=1/3]:", "\t Train time/batch: 0", "\t Train loss/train/total: 1.5000"]
    events, errors = read([line for line in block for _ in range(2)])
    assert not errors
    assert steps(events) == {1: 1.5}


def test_epochs_count_on() -> None:
    events, errors = read(recorded("epochs"))
    assert not errors
    assert steps(events) == {step: LOSSES[step - 1] for step in (1, 4, 8, 12)}


def test_validations_are_read() -> None:
    for name in ("blocks", "epochs"):
        found = [event for event in read(recorded(name))[0] if isinstance(event, Validation)]
        assert [event.metrics for event in found] == [
            {"loss": 0.6001, "MulticlassAccuracy": 0.6875},
            {"loss": 0.5326, "MulticlassAccuracy": 0.75},
        ]


def test_a_progress_bar_shows_a_loss_before_it_counts_its_step() -> None:
    events, errors = read(recorded("bar"))
    assert not errors
    assert steps(events) == dict(enumerate(LOSSES, start=1))


def test_a_single_progress_bar_is_taken_as_it_stands() -> None:
    line = "train          Epoch   0:   38%|███▊      | 18/48 [03:28<05:29, 10.99s/ba, loss/train/total=0.1463]"
    assert read([line]) == ([Step(step=18, loss=0.1463, count=8, seconds=10.99)], [])


def test_a_block_of_a_foreign_log() -> None:
    names = ["[batch=1/300000000]:", "\t Train time/batch: 0", "\t Train memory/allocated_mem: 3.6287"]
    values = ["\t Train loss/train/total: 12.0000", "\t Train metrics/train/LanguagePerplexity: 162754.5000"]
    (step,), errors = read([f"3: {line}" for line in names + values])
    assert not errors
    assert isinstance(step, Step)
    assert (step.step, step.loss, step.memory_bytes) == (1, 12.0, 3_628_700_000)
    assert step.learning_rate is None
    assert step.seconds == 0


def test_our_blocks_have_all_that_a_step_has() -> None:
    args = CASE.recipe("tiny").args
    events, errors = read(recorded("mpt"), MPTReader(args, 2))
    assert not errors
    assert [type(event) for event in events] == [Step] * 4
    last = events[-1]
    assert isinstance(last, Step)
    assert (last.step, last.loss, last.count) == (60, 2.241042137145996, 8 * 256)
    assert last.learning_rate == pytest.approx(3.0228398633e-4)
    assert last.grad_norm == pytest.approx(0.5653075575828552)
    assert last.seconds == pytest.approx(0.237777)
    assert last.memory_bytes == 748_670_976


def test_our_step_is_told_with_its_last_line() -> None:
    lines = recorded("mpt")
    end = lines.index("", lines.index("[batch=1/60]:"))
    reader = Reader(8)
    assert [event for raw in lines[:end] for event in reader.read(clean(raw))] == []
    assert [event.step for event in reader.read(clean(lines[end])) if isinstance(event, Step)] == [1]


def test_a_loss_that_is_no_number_is_read() -> None:
    events, _ = read(["[batch=7/9]:", "\t Train loss/train/total: nan", ""])
    assert math.isnan(steps(events)[7])


def test_steps_that_a_restart_repeats_are_told_again() -> None:
    events, errors = read([*recorded("mpt"), *recorded("mpt")])
    assert not errors
    assert [event.step for event in events if isinstance(event, Step)] == [1, 2, 3, 60] * 2


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["[batch=1/3"], "first line of a block is torn"),
        (["[epoch=2][batch="], "first line of a block is torn"),
        (["[batch=1/3]:", "\t Train time/batch: 0", "[batch=2/3]:"], "step 1 has no loss"),
        (["[batch=1/3]:", "\t Train loss/tr"], "metric line is torn"),
        (["\t Train loss/train/total: 1.0"], "outside a block"),
        (["[batch=1/3]:", "\t Train loss/train/total: 1.x", ""], "'1.x' is not a number"),
        (
            ["[Eval batch=6/6] Eval on eval data:", "\t Eval metrics/eval/Accuracy: 1", "\t Train a: 1"],
            "outside a block",
        ),
        (["[sample=8/64]:", "\t Train loss/train/total: 1.0", ""], "does not tell its step"),
        (["train     38%|███▊  | 18/48 [03:28<05:29, 10.99s/ba, loss/train/to"], "progress bar is torn"),
    ],
)
def test_what_cannot_be_read_is_said(lines: list[str], says: str) -> None:
    _, errors = read(lines)
    assert any(says in error for error in errors), errors


def test_other_lines_are_none_of_its_business() -> None:
    other = ["train loss: 1", "eval  Epoch   1:    0%|      | 0/6 [00:00<?, ?ba/s]", "Config:", "*" * 30, "", "[rank0]"]
    assert read(other) == ([], [])


@pytest.mark.parametrize(
    ("name", "label", "expected"),
    [("mpt", "", {1, 2, 3, 60}), ("epochs", "", {1, 4, 8, 12}), ("blocks", "1: ", {*range(1, 13)})],
)
def test_no_lost_line_loses_a_step_in_silence(name: str, label: str, expected: set[int]) -> None:
    lines = [line for line in recorded(name) if line.startswith(label)]
    before = steps(read(lines)[0])
    for lost in range(len(lines)):
        events, errors = read(lines[:lost] + lines[lost + 1 :])
        assert errors or steps(events).keys() == expected, lines[lost]
        assert steps(events).items() <= before.items(), lines[lost]


@given(st.integers(0, 3500))
def test_a_log_that_stops_tells_only_whole_steps(end: int) -> None:
    text = "\n".join(recorded("mpt"))[:end]
    assume(not re.search(r"\n\t ?$", text))  # what is left of this line is a blank line
    whole = steps(read(recorded("mpt"))[0])
    *lines, rest = text.split("\n")
    reader = Reader(8)
    found: dict[int, float] = {}
    for raw in [*lines, *([rest] if rest else [])]:
        with contextlib.suppress(ValueError):
            found |= steps(list(reader.read(clean(raw))))
    assert found.items() <= whole.items()
    assert len(found) == text.count("\n\n")
