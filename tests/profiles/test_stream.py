"""Events out of a trace's file: whatever its layout, wherever it is cut, whatever is damaged."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatrial.errors import UserError
from seatrial.profiles import stream
from seatrial.profiles.stream import Reading
from tests.profiles import made

NASTY = ["aten::mm", '},\n  {"ph"', "]", "a\\", '"traceEvents": [', "\u00e9}, {", ""]
"""Names that look like what a trace is cut at."""
EVENTS = st.lists(
    st.builds(
        lambda name, start, deep: made.span("cpu_op", name, start, start + 1.5, 1, deep=deep),
        st.sampled_from(NASTY),
        st.integers(0, 10**6),
        st.sampled_from([None, [{}, {}], [{"a": [{"b": "}"}, {}]}], "x" * 90]),
    ),
    max_size=12,
)
LAYOUTS = st.sampled_from([{"indent": 2}, {"indent": None}, {"indent": None, "separators": (",", ":")}])


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(stream, "BLOCK", 100)


def read(path: Path) -> tuple[list[tuple[str, float]], Reading]:
    reading = Reading(path)
    return [(event.name, event.ts) for block in reading.blocks() for event in block], reading


def told(events):
    return [(event["name"], float(event["ts"])) for event in events]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(EVENTS, LAYOUTS, st.booleans(), st.booleans())
def test_every_event_is_read_whatever_the_layout(tmp_path, events, layout, packed, bare):
    text = json.dumps(events if bare else made.document(events), **layout).encode()
    path = tmp_path / "trace.json"
    path.write_bytes(gzip.compress(text) if packed else text)
    found, reading = read(path)
    assert found == told(events)
    assert reading.unread() == ""
    assert reading.rank() == (None if bare else 3)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(EVENTS.filter(len), LAYOUTS, st.data())
def test_a_trace_that_is_cut_off_gives_what_is_before_the_cut(tmp_path, events, layout, data):
    text = json.dumps(made.document(events), **layout).encode()
    begin, end = text.index(b"[", text.index(b'"traceEvents"')) + 1, text.rindex(b"]")
    path = tmp_path / "trace.json"
    path.write_bytes(text[: data.draw(st.integers(begin, end))])
    found, reading = read(path)
    assert found == told(events)[: len(found)]
    assert reading.events == len(found) >= path.read_bytes().count(b'"ph"') - 1
    assert f"after {len(found):,} events: how many there were is not known" in reading.unread()


def test_compressed_data_that_end_too_early_give_what_was_there(tmp_path):
    events = [made.span("cpu_op", "aten::mm", n, n + 1, 1, noise=f"{n * 7919 % 1000:b}") for n in range(3000)]
    whole = gzip.compress(json.dumps(made.document(events)).encode())
    path = tmp_path / "trace.json.gz"
    path.write_bytes(whole[: len(whole) // 2])
    found, reading = read(path)
    assert 500 < len(found) < 3000 and found == told(events)[: len(found)]
    assert "its compressed data end or break" in reading.unread()


def test_what_is_inside_an_event_that_is_cut_off_is_no_event_and_no_end(tmp_path):
    whole = made.span("cpu_op", "whole", 1, 2, 1)
    text = json.dumps(made.document([whole, made.span("cpu_op", "half", 3, 4, 1, deep=[{"a": 1}, {"b": 2}])]))
    path = tmp_path / "trace.json"
    path.write_text(text[: text.index('{"b": 2}]') + len('{"b": 2}]')])
    found, reading = read(path)
    assert found == [("whole", 1.0)] and "after 1 events" in reading.unread()


@pytest.mark.parametrize("patience", [400, 1 << 20])
def test_what_is_damaged_in_the_middle_is_passed_over_and_counted(tmp_path, monkeypatch, patience):
    monkeypatch.setattr(stream, "PATIENCE", patience)
    events = [made.span("cpu_op", f"op{n}", n, n + 1, 1) for n in range(40)]
    text = json.dumps(made.document(events), indent=1).encode()
    at = text.index(b'"op20"')
    path = tmp_path / "trace.json"
    path.write_bytes(text[:at] + b"?{{" + text[at + 6 :])
    found, reading = read(path)
    assert len(found) in (38, 39) and ("op20", 20.0) not in found and ("op39", 39.0) in found
    assert reading.lost > 50 and "bytes of it hold no whole event" in reading.unread()


def test_fields_of_another_type_cost_no_other_event(tmp_path):
    odd = [
        {"ph": "X", "cat": "kernel", "name": "k", "ts": "12.5", "dur": None, "tid": 1.5, "args": []},
        {"ph": "X", "cat": "kernel", "name": "k", "ts": 13, "dur": 1, "args": {"correlation": "x"}},
        {"ph": "X", "name": 7, "ts": [1], "dur": 1},
        "no object",
    ]
    path = tmp_path / "trace.json"
    path.write_text(json.dumps({"traceEvents": [*odd, made.span("kernel", "last", 20, 21)]}))
    found, reading = read(path)
    assert found == [("k", 12.5), ("k", 13.0), ("last", 20.0)] and reading.unread() == ""


@pytest.mark.parametrize("text", ["", "{}", "hello", '{"traceEvents": 3}', "\x1f\x8bnot gzip"])
def test_what_is_no_trace_is_refused(tmp_path, text):
    path = tmp_path / "trace.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(UserError, match="is no trace"):
        read(path)
