"""seatrial runs: the table, its filters, notes and tags, and what is removed and what never is."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from seatrial import cache
from seatrial.binding import bind
from seatrial.cli import cli, rows
from seatrial.errors import UserError
from seatrial.events import RunEnd, RunStart, Step, encode
from seatrial.history import History
from seatrial.runs import Run
from seatrial.standing import Phase, Standing, Submission
from tests.test_binding import CASE, LOCAL, TINY

HOUR = 3600.0


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("SEATRIAL_RUNS_DIR", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


def made(root: Path, name: str, *, hours_ago: float = 0, outcome: str = "completed", steps: int = 20) -> Run:
    """A run of 20 steps of 100 tokens in 50 ms, and 1 kB of a checkpoint."""
    run = History(root).create(bind(CASE, TINY, LOCAL), name)
    begin = time.time() - hours_ago * HOUR
    start = RunStart(attempt=0, start_step=0, steps=20, world_size=1, device="cpu", backend="gloo")
    lines = [encode(start, begin)]
    for step in range(1, steps + 1):
        lines.append(encode(Step(step=step, loss=4.123456789 - step / 10, count=100, seconds=0.05), begin + step))
    lines.append(encode(RunEnd(outcome=outcome, step=steps), begin + 30))
    run.events_path.write_bytes(b"".join(lines))
    (run.checkpoints / "weights").write_bytes(bytes(1000))
    os.utime(run.path / "job.json", (begin, begin))
    return run


def call(*args: str, expect: int = 0) -> Result:
    result = CliRunner().invoke(cli, ["runs", *args])
    if isinstance(result.exception, UserError):
        assert expect == 2, result.exception
        return result
    assert result.exit_code == expect, result.output
    return result


def listed(*args: str) -> list[str]:
    return [row["run"] for row in json.loads(call(*args, "--json").output)]


def test_a_row_has_throughput_loss_and_size_exact_in_json_and_rounded_for_people(root: Path) -> None:
    made(root, "one")
    [row] = json.loads(call("--format", "json").output)
    assert row["throughput"] == pytest.approx(2000) and row["unit"] == "tokens/s"
    assert (row["loss"], row["steps"], row["of_steps"]) == (4.123456789 - 2, 20, 20)
    assert (row["state"], row["verdict"], row["tags"], row["note"]) == ("completed", None, [], "")
    assert row["bytes"] == sum(path.stat().st_size for path in (root / "one").rglob("*") if path.is_file()) > 1000
    assert datetime.fromisoformat(row["started"]).tzinfo is not None
    later = time.time() + HOUR
    os.utime(root / "one" / "job.json", (later, later))  # as a resume does
    assert json.loads(call("--json").output)[0]["started"] == row["started"]
    header, line = call().output.splitlines()
    assert header.split() == ["RUN", "JOB", "ON", "STARTED", "STATE", "STEPS", "LOSS", "THROUGHPUT", "VERDICT", "SIZE"]
    assert "20/20  2.1235  2K tokens/s  -" in line and line.endswith("KiB")


def test_a_run_of_which_nothing_is_known_yet(root: Path) -> None:
    History(root).create(bind(CASE, TINY, LOCAL), "new")
    [row] = json.loads(call("--json").output)
    assert [row[key] for key in ("loss", "throughput", "unit", "of_steps", "steps")] == [None, None, None, None, 0]
    (root / "new" / "job.json").write_text("{}")
    assert json.loads(call("--json").output)[0]["case"] is None
    assert "unreadable" in call().output


def test_filters(root: Path) -> None:
    for name, hours, outcome in (("old", 50, "completed"), ("failed", 3, "failed"), ("new", 0, "completed")):
        made(root, name, hours_ago=hours, outcome=outcome)
    call("tag", "old", "good", "v1.0")
    call("tag", "new", "v1.1")
    assert listed() == ["old", "failed", "new"]
    assert listed("--state", "completed") == ["old", "new"]
    assert listed("--state", "completed", "--state", "failed") == ["old", "failed", "new"]
    assert listed("--since", "4h") == ["failed", "new"]
    assert listed("--since", "30m") == ["new"]
    yesterday = (datetime.now().astimezone() - timedelta(days=1)).isoformat(timespec="minutes")
    assert listed("--since", yesterday) == ["failed", "new"]
    assert listed("--tag", "good") == ["old"]
    assert listed("--tag", "good", "--tag", "v1.1") == ["old", "new"]
    assert listed("--case", "case", "--state", "failed") == ["failed"]
    assert listed("--case", "fsdp") == []
    assert "none of the 3 runs" in call("--case", "fsdp").output
    assert "is no time" in str(call("--since", "soon", expect=2).exception)


def test_notes_and_tags(root: Path) -> None:
    made(root, "one")
    assert call("note", "one", "after", "the driver update").output == "one after the driver update\n"
    assert call("tag", "one", "good", "v1", "good").output == "one #good #v1 after the driver update\n"
    assert call("tag", "one", "--remove", "good").output == "one #v1 after the driver update\n"
    assert call().output.splitlines()[-1].endswith("  #v1 after the driver update")
    assert json.loads(call("note", "one", "--json").output) == {"run": "one", "note": "", "tags": ["v1"]}
    assert "cannot be a tag" in str(call("tag", "one", "a b", expect=2).exception)
    (root / "one" / "notes.json").write_text("[")
    assert json.loads(call("--json").output)[0]["tags"] == []


def test_rm_removes_what_is_over_and_all_or_nothing(root: Path) -> None:
    for name in ("one", "two", "three"):
        made(root, name)
    live = made(root, "live")
    live.claim()
    error = str(call("rm", "one", "live", "tow", expect=2).exception)
    assert "live is running" in error and "did you mean two" in error
    assert "no run is called 'thr'" in str(call("rm", "thr", expect=2).exception)  # no beginnings
    assert listed() == ["one", "two", "three", "live"]
    output = call("rm", "one", "two").output
    assert output.startswith("removed one, ") and output.splitlines()[-1].startswith("2 removed, ")
    assert listed() == ["three", "live"]
    removed = json.loads(call("rm", "three", "--json").output)
    assert removed["removed"] == ["three"] and removed["bytes"] > 1000


def test_the_folder_of_runs_holds_for_what_is_below(root: Path) -> None:
    elsewhere = root.parent / "elsewhere"
    made(root, "one")
    made(elsewhere, "one")
    call("--runs-dir", str(elsewhere), "rm", "one")
    assert (root / "one").exists() and not (elsewhere / "one").exists()


@pytest.mark.parametrize(
    ("standing", "what"),
    [
        (Standing(phase=Phase.QUEUED), "far is queued"),
        (Standing(phase=Phase.RUNNING), "far is starting"),
        (None, "nobody knows whether far goes on"),
    ],
)
def test_a_run_that_an_engine_may_have_is_never_removed(root: Path, standing: Standing | None, what: str) -> None:
    run = History(root).create(bind(CASE, TINY, LOCAL), "far")
    lost = {"launcher": "gone", "options": {}}  # an engine that does not answer
    run.save_submission(Submission(name="far", cluster=lost, job_id="1", standing=standing))
    assert what in str(call("rm", "far", expect=2).exception)
    call("prune", "--keep", "0", "--yes")
    assert run.path.exists()


def test_prune_says_what_it_frees_and_asks(root: Path) -> None:
    for number in range(4):
        made(root, f"run-{number}", hours_ago=10 - number, outcome="failed" if number == 3 else "completed")
    made(root, "live", hours_ago=20).claim()
    error = str(call("prune", "--keep", "2", expect=2).exception)
    assert "2 of 5 runs" in error and "KiB" in error and "--yes" in error
    assert len(listed()) == 5
    assert "2 removed" in call("prune", "--keep", "2", "--yes").output
    assert listed() == ["live", "run-2", "run-3"]
    assert "0 removed" in call("prune", "--keep", "2").output  # the live one stays, and nothing is left to ask about
    assert "1 removed" in call("prune", "--keep", "0", "--state", "completed", "--yes").output
    assert listed() == ["live", "run-3"]


def test_a_run_that_is_over_is_read_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        made(root, f"run-{number}")
    first = listed()
    reads: list[str] = []
    events: Callable[[Run], object] = Run.events

    def counted(run: Run) -> object:
        reads.append(run.id)
        return events(run)

    monkeypatch.setattr(Run, "events", counted)
    assert listed() == first and reads == []
    call("tag", "run-1", "x")
    (root / "run-2" / "logs" / "rank-0.log").write_text("more")
    assert listed() == first and reads == ["run-1", "run-2"]
    assert json.loads(call("--json").output) == rows.rows(History(root))
    assert [path.name.partition("-")[0] for path in cache.folder().iterdir()] == ["runs"]
