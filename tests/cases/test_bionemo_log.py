"""Of the bionemo case the logs of BioNeMo's own programs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.cases.bionemo import CASE, Args
from seatrial.cases.bionemo.log import Reader
from seatrial.events import Event, Step, Validation
from seatrial.rank.lines import clean

CONTAINER = CASE.recipe("bionemo-esm2-650m").args
LEGACY = CASE.recipe("esm1nv").args
RECORDED = Path(__file__).with_name("recorded")


def read(lines: list[str], args: Args) -> tuple[list[Event], list[str]]:
    """Events, and what could not be read."""
    reader, events, errors = Reader(args, 16), [], []
    for raw in lines:
        try:
            events += list(reader.read(clean(raw)))
        except ValueError as error:
            errors.append(str(error))
    return events, errors


def recorded(name: str) -> list[str]:
    return (RECORDED / name).read_text().splitlines()


def test_the_published_log_of_bionemo_2() -> None:
    """From the same README: ESM-2 650M on two p5.48xlarge."""
    events, errors = read(recorded("bionemo.log"), CONTAINER)
    assert not errors
    assert events[0] == Validation(step=25, metrics={"loss": 2.861, "perplexity": 17.57}, seconds=0.0)
    steps = [event for event in events if isinstance(event, Step)]
    assert len(events) == 1 + len(steps), "a validation is told once"
    assert {step.step: step.loss for step in steps} == dict(
        zip(range(29, 36), [2.778, 2.782, 2.709, 2.803, 2.886, 2.791, 2.788], strict=True)
    )
    assert steps[0] == Step(step=29, loss=2.778, learning_rate=5.6e-6, count=32 * 1024, seconds=0.189)


def test_the_published_log_of_bionemo_1() -> None:
    """Its bar counts 62 validations of 50 batches, too: 34,103 - 3,100."""
    events, errors = read(recorded("bionemo_esm1nv.log"), LEGACY)
    assert not errors
    assert events[0] == Validation(step=31_000, metrics={"loss": 2.51}, seconds=0.0)
    steps = [event for event in events if isinstance(event, Step)]
    assert [(step.step, step.loss) for step in steps] == [
        (31_003, 2.51),
        (31_006, 2.52),
        (31_009, 2.52),
        (31_012, 2.52),
    ]
    [figure] = CASE.recipe("esm1nv").published
    assert steps[0].count / steps[0].seconds / 32 == pytest.approx(figure.value, rel=1e-3)


def test_a_first_line_and_a_bar_without_metrics() -> None:
    first = "Training epoch 0, iteration 0/99 | lr: 2e-07 | global_batch_size: 4 | global_step: 0 | "
    first += "reduced_train_loss: nan | train_step_timing in s: 5.276"
    [step], errors = read([first], CONTAINER)
    assert not errors and isinstance(step, Step) and step.step == 1 and math.isnan(step.loss)
    assert read(["Epoch 0:   0%|          | 0/1100000 [00:00<?, ?it/s]"], LEGACY) == ([], [])
    slow = "Epoch 0:   0%|  | 7/1100000 [00:14<9:00, 2.00s/it, reduced_train_loss=4.5, global_step=7.0]"
    [step], _ = read([slow, slow], LEGACY)
    assert isinstance(step, Step) and (step.step, step.seconds) == (7, 2.0), "drawn again it is the same step"


def test_other_lines_are_none_of_its_business() -> None:
    other = ["[NeMo I 2025-05-06 23:48:47 nemo_logging:393] Rank 0 has data parallel group : [0, 1]", "", "Epoch 0"]
    other += ["Validation: iteration 1/2", "Validation DataLoader 0:  50%|███| 25/50 [00:01<00:01]"]
    assert read(other, CONTAINER) == ([], [])


def cuts() -> Iterator[tuple[str, Args, int]]:
    for name, args in (("bionemo.log", CONTAINER), ("bionemo_esm1nv.log", LEGACY)):
        line = recorded(name)[0]
        mark = line.index("Training epoch 0" if args is CONTAINER else "Epoch 0:   3%|")
        yield from ((line, args, end) for end in range(mark + 16, len(line)))


def test_a_torn_line_is_never_lost_in_silence() -> None:
    """Only the digits of the last number of a line could be fewer than they were: that of the perplexity."""
    for line, args, end in cuts():
        events, errors = read([line[:end]], args)
        if not errors:
            assert args is CONTAINER and (line[:end].rpartition("ppl: ")[1] or not line[end:].startswith("val_ppl"))
            step = events[-1]
            assert isinstance(step, Step) and (step.step, step.loss, step.seconds) == (29, 2.778, 0.189)


@given(st.data())
def test_a_line_with_a_field_missing_is_not_a_step_less(data: st.DataObject) -> None:
    line = recorded("bionemo.log")[0]
    head, *fields = line.split(" | ")
    lost = data.draw(st.integers(0, len(fields) - 1))
    events, errors = read([" | ".join([head, *fields[:lost], *fields[lost + 1 :]])], CONTAINER)
    name = fields[lost].partition(":")[0]
    assert bool(errors) == (name not in ("lr", "val_loss", "val_ppl")), name
    assert errors or any(isinstance(event, Step) for event in events)


def test_lines_of_srun_and_interleaved_restarts() -> None:
    lines = recorded("bionemo.log")
    events, errors = read([*lines, *lines], CONTAINER)
    steps = [event.step for event in events if isinstance(event, Step)]
    assert not errors and steps == [*range(29, 36)] * 2
