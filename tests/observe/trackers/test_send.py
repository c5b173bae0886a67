"""The sender: all of a run once and in order, whatever its tracker and its own end do."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial import tracked
from seatrial.binding import bind
from seatrial.errors import ExitCode
from seatrial.events import EventWriter, RunEnd, RunStart, Step
from seatrial.history import History
from seatrial.observe.trackers import _send
from seatrial.observe.trackers._send import Sender, serve
from seatrial.observe.trackers._tracker import About, Outcome, Point, Tracker
from seatrial.runs import Run
from seatrial.tracked import Tracked
from tests.test_binding import CASE, LOCAL, TINY

AUTOGROUP = Path("/proc/self/autogroup")
START = RunStart(attempt=0, start_step=0, steps=9, world_size=2, device="cpu", backend="gloo")


@dataclass
class Memory:
    """A tracker that remembers what it was told, and fails when it is to."""

    record: str = ""
    address: str = "there"
    steps: list[int] = field(default_factory=list)
    described: list[About] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    fails: list[Exception] = field(default_factory=list)

    def begin(self, run: Run, found: Tracked) -> Memory:
        self.opened.append(found.record)
        self.record = found.record or f"record of {run.id}"
        return self

    def describe(self, about: About) -> None:
        self.described.append(about)

    def log(self, points: list[Point]) -> None:
        if self.fails:
            raise self.fails.pop(0)
        self.steps += [point.step for point in points if not point.restart]

    def conclude(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    def close(self) -> None:
        pass

    def tracker(self) -> Tracker:
        return Tracker(name="memory", module="os", settings=dict, check=lambda _: (), open=self.begin)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    found = History(tmp_path / "runs").create(bind(CASE, TINY, LOCAL), "one")
    tracked.save(found, Tracked(tracker="memory"))
    return found


def happen(run: Run, *events: object) -> None:
    writer = EventWriter(run.events_path)
    for event in events:
        writer.write(event)
    writer.close()


def steps(*numbers: int) -> list[Step]:
    return [Step(step=number, loss=1.0, count=1, seconds=1.0) for number in numbers]


def has(run: Run) -> Tracked:
    found = tracked.read(run, "memory")
    assert found is not None
    return found


def test_what_is_new_is_sent_once(run):
    memory = Memory()
    sender = Sender(run, memory.tracker())
    for numbers in ((1, 2), (), (3,)):
        happen(run, *([START] if numbers == (1, 2) else []), *steps(*numbers))
        sender.send()
    assert memory.steps == [1, 2, 3]
    assert (has(run).record, has(run).address, has(run).points) == ("record of one", "there", 4)
    assert has(run).offset == run.events_path.stat().st_size and tracked.findings(run) == []


def test_another_sender_goes_on_in_the_same_record_and_knows_the_attempt(run):
    happen(run, replace(START, world_size=3), *steps(1, 2))
    Sender(run, Memory().tracker()).send()
    happen(run, *steps(3))
    second = Memory()
    Sender(run, second.tracker()).send()
    assert second.opened == ["record of one"] and second.steps == [3]
    assert [about.facts["ranks"] for about in second.described] == ["3"]


def test_a_torn_last_line_waits(run):
    memory = Memory()
    sender = Sender(run, memory.tracker())
    happen(run, START, *steps(1))
    whole = run.events_path.read_bytes()
    run.events_path.write_bytes(whole[:-5])
    sender.send()
    assert memory.steps == []
    run.events_path.write_bytes(whole)
    sender.send()
    assert memory.steps == [1]


@given(size=st.integers(1, 500), count=st.integers(0, 12))
def test_the_size_of_the_pieces_does_not_matter(tmp_path_factory, size, count):
    run = History(tmp_path_factory.mktemp("runs")).create(bind(CASE, TINY, LOCAL), "one")
    tracked.save(run, Tracked(tracker="memory"))
    happen(run, START, *steps(*range(1, count + 1)))
    memory = Memory()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_send, "PIECE", size)
        Sender(run, memory.tracker()).send()
    assert memory.steps == list(range(1, count + 1))


@pytest.mark.skipif(not AUTOGROUP.exists(), reason="the kernel does not share cores out by sessions")
def test_a_session_of_its_own_goes_last_until_nobody_trains():
    code = (
        "from pathlib import Path; from seatrial.observe.trackers._senders import stand_back; import os\n"
        f"for niceness in (19, 0): stand_back(os.getpid(), niceness); print(Path('{AUTOGROUP}').read_text())"
    )
    done = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, start_new_session=own)
        for own in (True, False)
    ]
    assert re.findall(r"nice (-?\d+)", done[0].stdout) == ["19", "0"]
    assert "nice 19" not in done[1].stdout  # never that of the terminal it was started in


def test_what_a_tracker_did_not_take_is_sent_again_and_its_reason_is_kept_without_secrets(run):
    happen(run, START, *steps(1, 2))
    memory = Memory(fails=[ConnectionError("no route\nto https://me:letmein@host")])
    sender = Sender(run, memory.tracker())
    with pytest.raises(ConnectionError) as caught:
        sender.send()
    sender.failed(caught.value)
    assert has(run).problem == "ConnectionError: no route to https://***@host"
    [finding] = tracked.findings(run)
    assert finding.observed.startswith("memory has 0% of the events: ConnectionError: no route")
    sender.send()
    assert memory.steps == [1, 2] and has(run).problem == "" and tracked.findings(run) == []


@pytest.fixture
def ended_input(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As when the command that follows the run is over."""
    read, write = os.pipe()
    os.close(write)
    with os.fdopen(read) as ended:
        monkeypatch.setattr(sys, "stdin", ended)
        yield


def test_at_the_end_the_rest_is_sent_and_what_the_run_came_to(run, ended_input):
    memory = Memory()
    happen(run, START, *steps(1), RunEnd(outcome="failed", step=1, reason="x"))
    assert serve(Sender(run, memory.tracker()), period=0.0) == ExitCode.PASSED
    assert memory.steps == [1]
    assert [(one.state, one.verdict) for one in memory.outcomes] == [("failed", "FAIL")]


def test_a_run_that_goes_on_has_come_to_nothing_yet(run, ended_input):
    memory = Memory()
    run.claim()
    happen(run, START, *steps(1))
    assert serve(Sender(run, memory.tracker()), period=0.0) == ExitCode.PASSED
    assert memory.steps == [1] and memory.outcomes == []


def test_at_the_end_a_tracker_is_not_tried_for_ever(run, ended_input):
    memory = Memory(fails=[OSError("gone"), OSError("gone")])
    happen(run, START, *steps(1))
    assert serve(Sender(run, memory.tracker()), period=0.0) == ExitCode.FAILED
    assert memory.fails == [memory.fails[0]] and has(run).problem == "OSError: gone"
