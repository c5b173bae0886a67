"""seatrial logs: what there is, also where that is nothing, and from the beginning to the end of a run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from seatrial.binding import bind
from seatrial.events import EventWriter, RunEnd
from seatrial.history import History
from seatrial.runs import Run
from seatrial.standing import Phase, Standing, Submission
from tests.test_binding import CASE, LOCAL, TINY


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return History(tmp_path).create(bind(CASE, TINY, LOCAL), "one")


def command(run: Run, *args: str) -> list[str]:
    return [sys.executable, "-m", "seatrial", "logs", "one", "--runs-dir", str(run.path.parent), *args]


def logs(run: Run, *args: str) -> tuple[str, str]:
    done = subprocess.run(command(run, *args), capture_output=True, text=True, check=True)
    return done.stdout, done.stderr.replace(str(run.path), "RUN")


def end(run: Run) -> None:
    writer = EventWriter(run.events_path)
    writer.write(RunEnd(outcome="completed", step=1))
    writer.close()


def test_nothing_is_said_to_be_nothing(run: Run) -> None:
    end(run)
    assert logs(run) == ("", "nobody has printed anything; there is no log; one is completed\n")
    run.log_path(0).touch()
    for number in range(6):
        (run.path / "logs" / f"slurm-{number}.log").write_text("x\n")
    shown = "in RUN/logs: rank-0.log (empty), slurm-0.log, slurm-1.log, slurm-2.log, 3 more"
    assert logs(run, "--rank", "0") == ("", f"rank 0 has printed nothing; {shown}; one is completed\n")
    assert logs(run)[1] == ""


def test_what_an_engine_says_is_the_reason(run: Run) -> None:
    standing = Standing(phase=Phase.ENDED, detail="CANCELLED", failed=True)
    gone = {"launcher": "gone", "options": {}}
    run.save_submission(Submission(name="one", cluster=gone, job_id="1", standing=standing))
    assert logs(run)[1].endswith("there is no log; one is failed (CANCELLED)\n")


def test_json_has_one_document_a_line_and_the_same_keys_in_each(run: Run) -> None:
    end(run)
    run.log_path(1).write_text("hello\n")
    (run.path / "logs" / "node-0.log").write_text("world")
    documents = [json.loads(line) for line in logs(run, "--json")[0].splitlines()]
    assert documents == [
        {"log": "node-0", "rank": None, "line": "world"},
        {"log": "rank-1", "rank": 1, "line": "hello"},
    ]
    assert logs(run, "--format", "json") == logs(run, "--json")


def test_follow_begins_before_the_first_log_and_ends_with_the_run(run: Run) -> None:
    run.claim()  # by this process: it runs
    with subprocess.Popen(command(run, "-f"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stderr.readline().endswith("there is no log; one is starting\n")
        run.log_path(0).write_text("first\nhalf a ")
        assert process.stdout.readline() == "0: first\n"
        with run.log_path(0).open("a") as file:
            file.write("line\nlast words")
        assert process.stdout.readline() == "0: half a line\n"
        end(run)
        run.release()
        assert process.wait(30) == 0
        assert process.stdout.read() == "0: last words\n"
