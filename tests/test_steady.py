"""Steady throughput: the same number everywhere, and that of the steps as they really took place."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from seatrial.attempts import Attempts
from seatrial.binding import bind
from seatrial.cli.progress import Progress
from seatrial.events import Event, EventWriter, Restart, RunEnd, RunStart, Step, Timed
from seatrial.history import History
from seatrial.report import render
from seatrial.report.compare import compare
from seatrial.report.format import quantity
from seatrial.report.summary import summarise
from seatrial.runs import Run
from seatrial.spec import Published
from seatrial.steady import Steady
from seatrial.verdict import judge
from tests.test_binding import CASE, LOCAL, TINY

COUNT = 4096
FIGURE = Published(metric="tokens/s", value=1.0, instance_type="p5.48xlarge", nodes=1, source="them, 2025-03")
JOB = replace(bind(CASE, TINY, LOCAL), published=(FIGURE,))


def start(attempt: int, done: int, **changes: int) -> RunStart:
    known = {"attempt": attempt, "start_step": done, "steps": 60, "world_size": 2} | changes
    return RunStart(**known, device="cpu", backend="gloo")


def seconds(step: int, done: int) -> float:
    """A step of an attempt that began after `done` steps: the first two are slow, and so is one with a checkpoint."""
    return 10.0 if step <= done + 2 else 1.1 if step % 25 == 0 else 0.1 + step / 1000


def lines(done: int, last: int, every: int = 10) -> list[Step]:
    """What an attempt logs, and every attempt its first step: means since the line before."""
    found, before = [], done
    for step in range(done + 1, last + 1):
        if step % every == 0 or step == done + 1:
            took = [seconds(n, done) for n in range(before + 1, step + 1)]
            found.append(Step(step=step, loss=1.0, count=COUNT, seconds=sum(took) / len(took)))
            before = step
    return found


RESTARTED: list[Event] = [
    start(0, 0),
    *lines(0, 38),
    Restart(attempt=1, reason="a rank died"),
    start(1, 25),
    *lines(25, 60),
    RunEnd(outcome="completed", step=60, ranks_agree=True),
]
# Lines 1 and 10 of the first attempt, 26 and 30 of the second hold warm-up; the second 30 takes the first one's place.
STEADY = [seconds(n, 0) for n in range(11, 21)] + [seconds(n, 25) for n in range(31, 61)]


def write(run: Run, events: list[Event]) -> Run:
    writer = EventWriter(run.events_path)
    for event in events:
        writer.write(event)
    writer.close()
    return run


def figures(*events: Event) -> Steady:
    return Attempts(Timed(float(n), event) for n, event in enumerate(events)).steady()


def test_the_same_in_progress_verdict_report_and_comparison(tmp_path, capsys):
    expected = len(STEADY) * COUNT / sum(STEADY)
    run = History(tmp_path).create(JOB)
    write(run, RESTARTED[:3])  # before this command began to watch
    with Progress(run) as progress:
        write(run, RESTARTED[3:])
        progress.update()
    summary = summarise(run, findings := judge(run))
    (published,) = [finding for finding in findings if finding.check == "run.published"]
    (comparison,) = compare(summary, summary)
    (measure,) = [m for m in comparison.measures if m.name == "throughput"]
    assert summary.throughput == pytest.approx(expected) and summary.steady_steps == 40
    assert summary.step_seconds == pytest.approx(sum(STEADY) / 40)
    assert measure.a == measure.b == pytest.approx(expected)
    assert published.observed == f"{expected:,.0f} tokens/s"
    shown = quantity(expected, "tokens/s")
    assert f"step 60/60  loss 1.0000  {shown}" in capsys.readouterr().err
    for format in ("html", "md", "text"):
        assert shown in render(run, findings, format)


@pytest.mark.parametrize("every", [1, 3, 10])
def test_how_often_is_logged_changes_nothing_but_where_the_warm_up_ends(every):
    found = figures(start(0, 0), *lines(0, 60, every))
    steady = [seconds(n, 0) for n in range(60 - found.steps + 1, 61)]
    assert found.steps == {1: 58, 3: 57, 10: 50}[every]
    assert found.seconds == pytest.approx(sum(steady)) and found.count == found.steps * COUNT


def test_nothing_steady_is_unknown():
    assert figures() == figures(start(0, 0)) == Steady()
    assert figures(start(0, 0), *lines(0, 10)).throughput is None
    assert figures(start(0, 0), *lines(0, 2, 1)).step_seconds is None


def test_the_last_number_of_ranks_counts():
    four = [start(0, 0, world_size=4), *lines(0, 30)]
    assert figures(*four, start(1, 30)).steps == 0
    assert figures(*four, start(1, 30, world_size=4)).steps == 20
    assert figures(*four, start(1, 30), *lines(30, 60)).steps == 20


@pytest.mark.parametrize("unknown", [0.0, math.nan, math.inf])
def test_a_line_without_its_seconds_adds_nothing(unknown):
    *told, last = lines(0, 30)
    assert figures(start(0, 0), *told, replace(last, seconds=unknown)) == figures(start(0, 0), *told)


def test_without_a_run_start_the_warm_up_begins_at_the_first_line():
    assert figures(*lines(30, 60, 1)) == figures(start(1, 30), *lines(30, 60, 1))
    assert figures(*lines(30, 60)[1:]).steps == 10  # 40 stands for nobody knows how many
