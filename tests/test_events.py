"""The event schema: what is written is read back, whatever happened to the file in between."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.events import (
    EventLog,
    EventReader,
    EventWriter,
    Heartbeat,
    Restart,
    RunEnd,
    RunStart,
    Step,
    Timed,
    Validation,
    decode,
    encode,
    read_events,
)
from seatrial.findings import Finding, Severity, Verdict

numbers = st.floats(allow_nan=True, allow_infinity=True)
texts = st.text()
steps = st.builds(
    Step,
    step=st.integers(0, 10**9),
    loss=numbers,
    learning_rate=numbers,
    grad_norm=st.none() | numbers,
    count=st.integers(0, 10**12),
    seconds=numbers,
    phases=st.dictionaries(texts, numbers),
    ranks=st.dictionaries(texts, st.lists(numbers)),
    memory_bytes=st.none() | st.integers(0, 2**50),
)
findings = st.builds(
    Finding, check=texts, verdict=st.sampled_from(Verdict), observed=texts, severity=st.sampled_from(Severity)
)
ends = st.builds(
    RunEnd, outcome=texts, step=st.integers(0), reason=texts, ranks_agree=st.sampled_from([True, False, None])
)
events = st.one_of(steps, findings, ends, st.builds(Restart, attempt=st.integers(0), reason=texts))


def same(one: object, other: object) -> bool:
    """Equality in which NaN equals NaN."""
    return repr(one) == repr(other)


@given(events)
def test_every_event_survives_a_line(event):
    line = encode(event, 12.5)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert same(decode(line), Timed(12.5, event))


@given(st.lists(events, min_size=1, max_size=5), st.data())
def test_a_torn_last_line_costs_only_itself(tmp_path_factory, written, data):
    path = tmp_path_factory.mktemp("torn") / "events.jsonl"
    blocks = [encode(event, 1.0) for event in written]
    keep = data.draw(st.integers(0, len(blocks[-1]) - 1))
    path.write_bytes(b"".join(blocks[:-1]) + blocks[-1][:keep])
    log = read_events(path)
    assert same([t.event for t in log.events], written[:-1])
    assert log.unreadable == 0


def test_a_writer_that_finds_half_a_line_starts_its_own(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(encode(Heartbeat(phase="start"), 1.0) + b'{"v": 1, "ti')
    writer = EventWriter(path)
    writer.write(Heartbeat(phase="load"))
    writer.close()
    writer.close()
    log = read_events(path)
    assert [t.event.phase for t in log.events] == ["start", "load"]
    assert log.unreadable == 1


@pytest.mark.parametrize("line", [b"[]\n", b"{}\n", b"nonsense\n", b'{"type": "step", "time": 1}\n'])
def test_what_is_no_event_is_counted(tmp_path, line):
    (tmp_path / "e").write_bytes(line)
    assert read_events(tmp_path / "e").unreadable == 1


def test_a_newer_writers_fields_and_types_are_passed_over():
    line = json.dumps({"v": 2, "time": 1, "type": "heartbeat", "phase": "x", "rank": 0, "mood": "good"})
    assert decode(line) == Timed(1.0, Heartbeat(phase="x"))
    assert decode(json.dumps({"v": 2, "time": 1, "type": "weather"})) is None


def test_a_reader_follows_a_growing_file(tmp_path):
    reader = EventReader(tmp_path / "events.jsonl")
    assert reader.read() == []
    line = encode(Heartbeat(phase="a"), 1.0)
    (tmp_path / "events.jsonl").write_bytes(line + line[:10])
    assert len(reader.read()) == 1
    with (tmp_path / "events.jsonl").open("ab") as file:
        file.write(line[10:] + line)
    assert len(reader.read()) == 2
    assert len(reader.log.events) == 3


def step(number: int, loss: float = 1.0) -> Step:
    return Step(step=number, loss=loss, learning_rate=0.0, count=1, seconds=1.0)


def log_of(*happened: object) -> EventLog:
    return EventLog([Timed(float(i), event) for i, event in enumerate(happened)])


def test_a_repeated_step_counts_as_it_was_last():
    log = log_of(step(1, 9.0), step(2, 8.0), Restart(attempt=1, reason=""), step(1, 7.0))
    assert [(s.step, s.loss) for s in log.steps()] == [(1, 7.0), (2, 8.0)]


def test_an_end_counts_only_until_something_starts_again():
    start = RunStart(attempt=0, start_step=0, steps=1, world_size=1, device="cpu", backend="gloo")
    end = RunEnd(outcome="stopped", step=1)
    assert log_of(start, end).end() is end
    assert log_of(start, end, Finding(check="c", verdict=Verdict.WARN, observed="")).end() is end
    assert log_of(start, end, Heartbeat(phase="start")).end() is None
    assert log_of(start, end, Restart(attempt=1, reason="")).end() is None
    assert log_of().end() is None
    assert log_of(start, Restart(attempt=3, reason="")).attempts() == 4


def test_floats_that_json_lacks_come_back():
    event = Validation(step=1, metrics={"loss": math.inf, "perplexity": math.nan}, seconds=-math.inf)
    found = decode(encode(event, 0.0)).event
    assert found.metrics["loss"] == math.inf and math.isnan(found.metrics["perplexity"]) and found.seconds == -math.inf
