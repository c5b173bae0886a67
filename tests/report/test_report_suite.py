"""The page of a suite, and the cells of its rows."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType

import pytest

from seatrial.findings import Finding, Verdict
from seatrial.provenance import Start
from seatrial.report.suite import CANNOT_RUN, HEADERS, LEFT_OUT, NOT_STARTED, Row, passed, row, to_html
from seatrial.report.summary import summarise
from seatrial.runs import Run

FAILED = Finding(check="run.finite", verdict=Verdict.FAIL, observed="not finite at step 3")
UNKNOWN = Finding(check="run.ranks-agree", verdict=Verdict.UNKNOWN, observed="not compared")


@pytest.fixture
def run(make_run: Callable[..., Run], story: ModuleType) -> Run:
    return make_run(story.steps_only([0.1] * 20), name="it's <one> & two")


def test_a_row_is_what_the_runs_own_page_says(run: Run, story: ModuleType) -> None:
    found = summarise(run, story.FINDINGS)
    cells = dict(zip(HEADERS, row(found).cells(), strict=True))
    assert cells["job"] == "fsdp/tiny" and cells["state"] == "completed" and cells["fidelity"] == "CPU: real"
    assert (row(found).loss, row(found).throughput) == (found.final_loss, found.throughput)
    assert cells["throughput"].endswith(" tokens/s")
    assert (cells["verdict"], cells["why"], row(found).passed) == ("WARN", "", True)


def test_time_begins_with_the_command_and_a_pause_does_not_count(
    make_run: Callable[..., Run], story: ModuleType
) -> None:
    run = make_run(story.whole_run(), name="resumed")
    found = summarise(run, [])
    before, after = found.attempts[0].end, found.attempts[1].start
    starts = [story.START - 5, after - 1]

    def taken(*moments: float, **changes: object) -> float | None:
        told = tuple(Start(time=moment, command="", folder="", host="", seatrial="") for moment in moments)
        return row(replace(found, starts=told, **changes)).seconds

    assert before < starts[1] and found.end is not None and found.duration is not None
    assert taken(starts[0]) == pytest.approx(found.end - starts[0])
    assert taken(*starts) == pytest.approx(before - starts[0] + found.end - starts[1])
    assert taken(*starts, found.end + 9) == taken(*starts)  # the last has said nothing yet
    assert taken(*starts, job_id="17") == taken() == found.duration


def test_why_is_the_worst_of_what_it_did_not_pass(run: Run) -> None:
    found = row(summarise(run, [UNKNOWN, FAILED]))
    assert (found.verdict, found.why, found.passed) == (Verdict.FAIL, "run.finite: not finite at step 3", False)
    assert row(summarise(run, [UNKNOWN])).why == "run.ranks-agree: not compared"


def test_what_goes_on_has_no_verdict(make_run: Callable[..., Run]) -> None:
    run = make_run([], name="new")
    run.claim()
    found = row(summarise(run, []))
    assert (found.state, found.verdict, found.why) == ("starting", None, "")
    assert found.cells() == ("fsdp/tiny", "starting", "-", "CPU: real", "-", "-", "-", "")


def test_on_an_accelerator_it_says_which(make_run: Callable[..., Run], story: ModuleType) -> None:
    run = make_run(story.steps_only([0.1] * 20), name="far", device="cuda")
    assert row(summarise(run, [])).fidelity == "cuda"
    assert "CPU" not in to_html("all-tiny-1", "p5", [row(summarise(run, []))])


def test_the_page_leads_to_the_runs_and_says_why_there_is_none(run: Run, story: ModuleType) -> None:
    rows = [
        row(summarise(run, story.FINDINGS)),
        Row(job="a/tiny", state=CANNOT_RUN, why="<no> network: hf_abcdefghijklmnopqrstuvwxyz"),
        Row(job="b/tiny", state=LEFT_OUT, why="on request"),
        Row(job="c/tiny", state=NOT_STARTED),
    ]
    text = to_html("all-tiny-1", "local", rows)
    assert ">why</th>" in text and ">why</th>" not in to_html("all-tiny-1", "local", rows[:1])
    assert re.findall(r'<a href="([^"]*)"', text) == ["it%27s%20%3Cone%3E%20%26%20two/report.html"]
    assert "&lt;no&gt; network: hf_***" in text and "<no>" not in text
    assert passed(rows) == "1 of 3 passed, 1 left out" and passed(rows) in text
    assert "is no result about a GPU" in text and text.count("<tr>") == 5
    assert re.findall(r"\w+://", text) == []
