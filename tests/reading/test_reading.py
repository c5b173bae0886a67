"""Logs from elsewhere: what they say becomes a run's events, what they cannot say stays unknown."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

import pytest

from seatrial import reading
from seatrial.binding import bind, elsewhere
from seatrial.errors import UserError
from seatrial.events import Event, RunEnd, RunStart, Step
from seatrial.findings import Finding, Verdict
from seatrial.rank import lines
from seatrial.rank.lines import Line
from tests.test_binding import CASE, LARGE, LOCAL, TINY, Args


class Reader(lines.Reader):
    """Reads lines such as ``step 3 loss 2.5`` of runs of 5 steps; the world size is the number of tokens."""

    finish = "bye"

    def __init__(self, args: Args, world_size: int) -> None:
        self.count = world_size
        self.total = 5

    def read(self, line: Line) -> Iterable[Event]:
        self.finished = line.text == self.finish
        if line.text.startswith("step"):
            found = re.fullmatch(r"step (\d+) loss ([\d.]+)", line.text)
            if found is None:
                raise ValueError("torn")
            yield Step(step=int(found[1]), loss=float(found[2]), count=self.count, seconds=2.0)


READ = replace(CASE, log_reader=f"{__name__}:Reader", unit="samples")
JOB = bind(READ, TINY, LOCAL)  # 5 steps on 2 ranks
LOG = ["hello", *(f"0: step {n} loss {6 - n}.5" for n in range(1, 6)), "bye"]


def test_steps_lie_before_the_end_as_long_as_they_took():
    timed = reading.events(READ, JOB, LOG, end=100.0)
    start, *steps, end = [event for _, event in timed]
    assert [moment for moment, _ in timed] == [90.0, 92.0, 94.0, 96.0, 98.0, 100.0, 100.0]
    assert start == RunStart(
        attempt=0,
        start_step=0,
        steps=5,
        world_size=2,
        device="cpu, as the command said",
        backend="gloo",
        unit="samples",
        parameters=7,
    )
    assert [(step.step, step.loss, step.count) for step in steps] == [(n, 6.5 - n, 2) for n in range(1, 6)]
    assert end == RunEnd(outcome="completed", step=5)


@pytest.mark.parametrize(("logged", "before"), [([2, 4], 0), ([1, 3, 5], 0), ([4, 5], 3), ([3], 2)])
def test_a_line_stands_for_the_steps_since_the_one_before(logged, before):
    timed = reading.events(READ, JOB, [f"step {n} loss 1.5" for n in logged], end=100.0)
    (begin, start), *steps = [(moment, event) for moment, event in timed if not isinstance(event, RunEnd)]
    assert start.start_step == before and begin == 100.0 - 2.0 * (logged[-1] - before)
    assert [moment for moment, _ in steps] == [100.0 - 2.0 * (logged[-1] - n) for n in logged]


def test_a_log_that_stops_early_does_not_say_how_the_run_ended():
    *_, end = [event for _, event in reading.events(READ, JOB, LOG[:-2], end=0.0)]
    assert end == RunEnd(outcome="lost", step=4, reason="the log ends after step 4 of 5")


def test_a_torn_metric_line_is_told():
    found = [event for _, event in reading.events(READ, JOB, [*LOG, "step 6 lo", "step"], end=0.0)]
    [finding] = [event for event in found if isinstance(event, Finding)]
    assert finding.verdict is Verdict.UNKNOWN
    assert finding.observed == "2 metric lines could not be read, first 'step 6 lo': torn"


@pytest.mark.parametrize(
    ("lines", "message"),
    [([], "no metric line of case"), (["hello"], "no metric line of case"), (["step 6 lo"], "'step 6 lo': torn")],
)
def test_a_log_without_a_step_is_refused(lines, message):
    with pytest.raises(UserError, match=message):
        reading.events(READ, JOB, lines, end=0.0)


def test_a_case_whose_program_writes_events_has_no_log_to_read():
    with pytest.raises(UserError, match="case prints no metric lines"):
        reading.events(CASE, JOB, LOG, end=0.0)


def test_it_came_from_where_the_recipe_is_for_unless_told_otherwise():
    assert bind(READ, LARGE, elsewhere(LARGE, None, None, None)).world_size == 4 * 8
    here = elsewhere(LARGE, "p4d.24xlarge", 8, None)
    assert (here.instance_type, here.nodes, here.processes_per_node) == ("p4d.24xlarge", 8, 8)
    assert bind(READ, TINY, elsewhere(TINY, None, None, None)).device == "cpu"
    with pytest.raises(UserError, match=r"p4d\.24xlarge"):
        elsewhere(LARGE, "p4d.24xlarg", None, None)
