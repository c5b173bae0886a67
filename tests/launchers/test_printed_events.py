"""Events in the text of logs."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.events import PRINTED, RunEnd, Step, encode
from seatrial.launchers._printed_events import events_in

STEP = encode(Step(step=3, loss=2.5, learning_rate=0.1, count=64, seconds=0.25), 1700000000.5).decode().strip()
END = encode(RunEnd(outcome="completed", step=4), 1700000001.5).decode().strip()


@pytest.mark.parametrize(
    "line",
    [
        f"{PRINTED}{STEP}",
        f"0: {PRINTED}{STEP}",
        f"[default0]:{PRINTED}{STEP}",
        f"\x1b[36m[1,0]<stdout>:\x1b[0m {PRINTED}{STEP}\x1b[0m",
        f"{PRINTED}{STEP}\r",
        f"{PRINTED}{STEP} and what another rank printed",
        f"a rank said {PRINTED} and then {PRINTED}{STEP}",
    ],
)
def test_event_is_found_wherever_it_stands(line):
    assert events_in(f"before\n{line}\nbehind") == [STEP]


def test_order_is_kept_and_lines_may_be_shared():
    assert events_in(f"{PRINTED}{STEP}{PRINTED}{END}\n{PRINTED}{STEP}") == [STEP, END, STEP]


@pytest.mark.parametrize("length", [1, len(STEP) // 2, len(STEP) - 1])
def test_torn_event_is_left_out(length):
    assert events_in(f"{PRINTED}{STEP[:length]}") == []
    assert events_in(f"{PRINTED}{STEP[:length]}{PRINTED}{END}") == [END]


@pytest.mark.parametrize("text", ["", PRINTED, f"{PRINTED}[1]", f"{PRINTED}3", f'{PRINTED}{{"step": 1}}', STEP])
def test_what_is_no_event(text):
    assert events_in(text) == []


@settings(deadline=None)
@given(st.text(), st.lists(st.text(alphabet=st.characters(exclude_characters="\n")), max_size=4))
def test_any_reason_comes_back_whole(reason, noise):
    line = encode(RunEnd(outcome="failed", step=1, reason=reason), 1.0).decode().strip()
    text = "\n".join([*(part.replace(PRINTED, "") for part in noise), f"{PRINTED}{line}"])
    assert events_in(text) == [line]
    assert json.loads(line)["reason"] == reason
