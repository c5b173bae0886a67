"""What trackers have of a run, and what is said of those that lack something."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from seatrial import tracked
from seatrial.binding import bind
from seatrial.events import EventWriter, RunEnd
from seatrial.findings import Verdict
from seatrial.history import History
from seatrial.runs import Run
from seatrial.tracked import Tracked
from seatrial.verdict import judge
from tests.test_binding import CASE, LOCAL, TINY

MLFLOW = Tracked(tracker="mlflow", settings={"uri": "http://host"}, record="7", offset=3, points=1)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    found = History(tmp_path / "runs").create(bind(CASE, TINY, LOCAL), "one")
    writer = EventWriter(found.events_path)
    writer.write(RunEnd(outcome="completed", step=1))
    writer.close()
    return found


def behind(run: Run) -> list[str]:
    return [finding.observed for finding in judge(run) if finding.check == "tracking.behind"]


def test_it_is_read_as_it_was_written(run):
    tracked.save(run, MLFLOW)
    assert tracked.read(run, "mlflow") == MLFLOW and tracked.read(run, "wandb") is None
    assert tracked.of(run) == [MLFLOW]


def test_what_a_tracker_lacks_is_a_warning_until_it_has_it(run):
    size = run.events_path.stat().st_size
    assert behind(run) == []
    tracked.save(run, replace(MLFLOW, offset=size // 2, problem="refused"))
    assert behind(run) == [f"mlflow has {size // 2 / size:.0%} of the events: refused"]
    tracked.save(run, replace(MLFLOW, offset=size, problem="its summary was lost"))
    assert behind(run) == ["mlflow has 100% of the events: its summary was lost"]
    tracked.save(run, replace(MLFLOW, offset=size))
    assert behind(run) == []


def test_nothing_is_said_of_a_tracker_that_is_to_have_no_more_or_of_a_run_that_goes_on(run):
    tracked.save(run, replace(MLFLOW, wanted=False))
    assert behind(run) == [] and tracked.of(run) == []
    tracked.save(run, MLFLOW)
    run.claim()
    assert behind(run) == []


def test_the_finding_says_what_to_do(run):
    tracked.save(run, MLFLOW)
    [finding] = tracked.findings(run)
    assert (finding.verdict, finding.remedy) == (Verdict.WARN, "seatrial track one --to mlflow")


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", "no json"])
def test_a_file_that_cannot_be_read_is_no_tracker(run, text):
    tracked.save(run, MLFLOW)
    tracked.path(run, "mlflow").write_text(text)
    with pytest.raises(ValueError):
        tracked.read(run, "mlflow")
    assert tracked.of(run) == []
