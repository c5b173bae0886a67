"""Whose log it is, where it is long or broken."""

from __future__ import annotations

import pytest

from seatrial import catalog, reading
from seatrial.errors import UserError
from seatrial.reading.recognise import BEGINNING

CASES = [case for case in catalog.cases() if case.log_reader]
TITAN = (
    "[rank0]:[titan] 2025-03-02 10:00:11,000 - root - INFO - step:  1  loss: 12.0400  "
    "memory: 58.10GiB(73.30%)  tps: 1,204"
)


def test_the_first_step_may_stand_behind_much_else() -> None:
    assert reading.recognise(CASES, ["starting\n"] * (BEGINNING * 3) + [f"{TITAN}\n"]).name == "torchtitan"


def test_what_a_terminal_wrapped_is_part_of_a_line() -> None:
    words, wrapped = TITAN.split("  memory: ")
    rest = f"  memory: {wrapped}"
    assert reading.recognise(CASES, [words, rest]).name == "torchtitan"
    half = TITAN.removesuffix("204")
    assert reading.recognise(CASES, [half, "204"]).name == "torchtitan"


def test_what_was_looked_for_is_told() -> None:
    with pytest.raises(UserError, match=r"the readers of .*megatron-lm.* find no step in it"):
        reading.recognise(CASES, ["step by step\n"])
