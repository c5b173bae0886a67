"""Logs that end early, or badly: what is not shown is never told as done."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.errors import UserError
from seatrial.findings import Verdict
from tests.reading.test_cases import CASES, FOLDER, judged, lines
from tests.reading.test_ends import FAILED

RECORDED = Path(__file__).parents[1] / "cases" / "recorded"
WHOLE = [name for name in CASES if "PASS run.completed" in (FOLDER / name).read_text()]
NOT_WHOLE = [name for name in CASES if name not in WHOLE and "run.completed" in (FOLDER / name).read_text()]
"""A cut may hide the sign of a failure: what is left is UNKNOWN, since the framework never said that it was through."""

THROUGH = (
    "Done.", "finished successfully", "exits successfully", "successfully finished", "Training completed",
    "[after training is done]", "train_runtime", "Final loss",
)  # fmt: skip
"""What frameworks and launchers print when a training is through."""


def completed(name: str, text: str) -> Verdict | None:
    with contextlib.suppress(UserError):  # no step is left
        return judged(name, text.splitlines(keepends=True))["run.completed"].verdict
    return None


@pytest.mark.parametrize("name", NOT_WHOLE)
@settings(max_examples=20, deadline=None)
@given(st.data())
def test_a_log_that_is_cut_does_not_pass_where_the_whole_did_not(name: str, data: st.DataObject) -> None:
    text = "".join(lines(name))
    end = data.draw(st.integers(0, len(text)))
    assert completed(name, text[:end]) is not Verdict.PASS, text[:end]


@pytest.mark.parametrize("name", WHOLE)
@settings(max_examples=10, deadline=None)
@given(st.sampled_from(FAILED), st.sampled_from(["", "0: ", "[rank3]: ", "2025-01-01T00:00:00.5Z "]))
def test_a_bad_end_never_passes(name: str, line: str, prefix: str) -> None:
    text = "".join(lines(name))
    assert completed(name, text) is Verdict.PASS
    assert completed(name, f"{text}{prefix}{line}\n") is Verdict.FAIL


@pytest.mark.parametrize("name", WHOLE)
def test_a_log_that_is_cut_before_the_words_of_its_end_does_not_pass(name: str) -> None:
    text = lines(name)
    last = max(
        at
        for at, line in enumerate(text)
        if re.search(r"\bstep: |iteration:? +\d+ ?/|\[batch=|{'loss'|step_time|_step=", line)
    )
    passed = [end for end in range(len(text)) if completed(name, "".join(text[:end])) is Verdict.PASS]
    for end in passed:
        assert any(words in line for line in text[last + 1 : end] for words in THROUGH), f"{end} lines pass"
