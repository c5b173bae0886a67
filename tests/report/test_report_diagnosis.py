"""What slowed a run, or what it survived, stands in its report: first of all, as the reason of one that failed."""

from __future__ import annotations

import json

import pytest

from seatrial.events import Restart, RunEnd, Step
from seatrial.report import render

RANKS = 4


def slow_run(story, busy=(0.5, 0.5, 0.9, 0.5)):
    """All wait for rank 2, whose own work takes longer."""
    begun = story.start(world_size=RANKS, hosts=[f"ip-{rank}" for rank in range(RANKS)])
    ranks = {"busy": [0.9] * RANKS, "wait": [0.9 - own for own in busy], "data_wait": [0.0] * RANKS}
    steps = [(1.0 + n, Step(step=n, loss=9.0 / n, count=8, seconds=1.0, ranks=ranks)) for n in range(1, 31)]
    return [(0.5, begun), *steps, (40.0, RunEnd(outcome="completed", step=30, ranks_agree=True))]


@pytest.fixture
def slow(make_run, story):
    return make_run(slow_run(story), processes_per_node=RANKS)


@pytest.mark.parametrize("format", ["text", "md", "html"])
def test_what_slowed_a_run_comes_first_with_where_and_what_to_do(slow, format):
    shown = render(slow, [], format)
    page = shown.partition("<body>")[2] or shown
    words = "Diagnosis", "work of rank 2 on ip-2", "diagnose.straggler, rank 2", "seatrial check node", "Verdict"
    places = [" ".join(page.split()).index(word) for word in words]
    assert places == sorted(places) and "Reason" not in page


def test_what_also_slowed_it_is_listed(make_run, story):
    restart = (0.7, Restart(attempt=1, reason="rank 1 was killed by SIGKILL", rank=1))
    run = make_run([story.whole_run()[0], restart, *slow_run(story)], processes_per_node=RANKS)
    shown = render(run, [], "text")
    assert shown.index("diagnose.killed, rank 1") < shown.index("also slowed it")
    assert '<td data-label="whose">rank 2</td>' in render(run, [], "html")


def test_programs_read_the_findings(slow):
    found = json.loads(render(slow, [], "json"))["diagnosis"]
    assert found["cause"]["check"] == "diagnose.straggler" and found["cause"]["scope"] == {"rank": [2]}
    assert found["cause"]["verdict"] == "WARN" and found["consequences"] == []


def test_a_run_without_a_cause_has_no_diagnosis(make_run, story):
    for number, events in enumerate((story.steps_only([1.0] * 20), slow_run(story, busy=(0.9,) * RANKS), [])):
        run = make_run(events, name=f"run-{number}")
        assert json.loads(render(run, [], "json"))["diagnosis"] is None
        assert "Diagnosis" not in render(run, [], "html")
        assert "Diagnosis" not in render(run, [], "text")


def test_of_a_run_that_goes_on_nothing_is_named(slow, monkeypatch):
    monkeypatch.setattr("seatrial.runs.Run.supervisor", lambda _: 7)
    assert json.loads(render(slow, [], "json"))["diagnosis"] is None
