"""seatrial history: runs of a folder, told apart by configuration; a regression is said with what changed there."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from seatrial.cli import cli
from seatrial.findings import Finding, Verdict
from seatrial.runs import Run
from tests import stories

DAY = 86400.0


def history(root: Path, *args: str) -> Result:
    return CliRunner().invoke(cli, ["history", *args, "--runs-dir", str(root)])


def write(root: Path, day: int, *, slower: float = 1.0, outcome: str = "completed", told: Any = None, **job: Any):
    """A run of a day, of 12 steps."""
    chance = random.Random(day)
    level = 0.1 * slower * (1 + chance.gauss(0, 0.005))
    events: list[tuple[float, Any]] = [(0.0, stories.start(**told or {}))]
    events += [(n * 0.1, stories.step(n, seconds=level, chance=chance)) for n in range(1, 13)]
    events += [(2.0, stories.RunEnd(outcome=outcome, step=12))]
    name = f"day-{day:02}" + (f"-{job['cluster']}" if "cluster" in job else "")
    return stories.write_run(root, [(day * DAY + after, event) for after, event in events], name=name, **job)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nine runs here, the last four slower with another torch and another node, two elsewhere, and two that do not
    count."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for day in range(9):
        new = day >= 5
        told = {"versions": {"torch": "2.13.0" if new else "2.12.0"}, "hosts": ["a", "ip-3" if new else "b"]}
        write(tmp_path, day, slower=1.12 if new else 1.0, told=told)
    write(tmp_path, 20, cluster="p5")
    write(tmp_path, 21, cluster="p5")
    write(tmp_path, 30, outcome="failed")
    (write(tmp_path, 31).path / "job.json").write_text("{")
    return tmp_path


def test_a_regression_is_said_with_what_changed_there(root: Path) -> None:
    done = history(root, "fsdp/tiny", "--on", "local")
    text = " ".join(done.stdout.split())
    assert done.exit_code == 0
    assert "throughput: 10.1 % lower since run day-05 (2023-11-19 22:13:20 UTC), worse: 40.7K tokens/s -> 36.6K" in text
    assert "what changed there: torch 2.12.0 -> 2.13.0, host b gone, host ip-3 new." in text
    assert "day-30 it is failed, and was not judged" in text and "p5" not in text


def test_each_cluster_is_a_history(root: Path) -> None:
    record = json.loads(history(root, "fsdp", "--json").stdout)
    assert [(one["cluster"], len(one["runs"])) for one in record["configurations"]] == [("local", 9), ("p5", 2)]
    local, p5 = ({trend["figure"]: trend for trend in one["trends"]} for one in record["configurations"])
    assert [change["since"] for change in local["throughput"]["changes"]] == ["day-05"]
    assert p5["throughput"]["changes"] is None and local["stall per checkpoint"]["changes"] is None
    assert record["left_out"] == {"day-30": "it is failed, and was not judged"}
    assert history(root, "fsdp", "--format", "md").stdout.startswith("# History of fsdp")


def test_a_run_that_was_judged_counts(root: Path) -> None:
    run = write(root, 32, outcome="failed")
    run.save_findings([Finding(check="c", verdict=Verdict.FAIL, observed="")])
    record = json.loads(history(root, "fsdp", "--on", "local", "--json").stdout)
    (last,) = [one for one in record["configurations"][0]["runs"] if one["run"] == "day-32"]
    assert (last["verdict"], last["state"], last["figures"]["last loss"]) == ("FAIL", "failed", None)


def test_a_case_of_a_file_is_named_by_it(root: Path, tmp_path: Path) -> None:
    write(root, 40, case="mine")
    source = Path(__file__).parents[2] / "src/seatrial/cases/cpu_ddp/__init__.py"
    (tmp_path / "mine.py").write_text(source.read_text().replace('name="cpu-ddp"', 'name="mine"'))
    record = json.loads(history(root, f"{tmp_path}/mine.py", "--json").stdout)
    assert [one["case"] for one in record["configurations"]] == ["mine"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["fspd"], "no case or recipe with runs is called 'fspd'\n    did you mean fsdp?"),
        (["fsdp/large"], "no case or recipe with runs is called 'fsdp/large'"),
        (["fsdp", "--on", "p4"], "did you mean p5?"),
    ],
)
def test_what_has_no_runs(root: Path, args: list[str], words: str) -> None:
    assert words in str(history(root, *args).exception)


def test_an_empty_folder(tmp_path: Path) -> None:
    assert "start one with: seatrial run fsdp" in str(history(tmp_path, "fsdp").exception)


def test_what_is_kept_of_a_run_is_what_its_files_say(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No events are read twice; a run that changed, came or went is told anew."""
    read = []
    monkeypatch.setattr(Run, "events", lambda run, real=Run.events: read.append(run.id) or real(run))
    first = history(root, "fsdp/tiny", "--json").stdout
    assert {*read} >= {f"day-{day:02}" for day in range(9)}
    read.clear()
    assert history(root, "fsdp/tiny", "--json").stdout == first and not read
    (root / "elsewhere").mkdir()
    shutil.copy(write(root / "elsewhere", 3, slower=2.0).events_path, root / "day-03")
    shutil.rmtree(root / "elsewhere")
    shutil.rmtree(root / "day-07")
    write(root, 10)
    again = history(root, "fsdp/tiny", "--json").stdout
    assert {*read} == {"day-03", "day-10"}
    monkeypatch.setenv("XDG_CACHE_HOME", str(root / "empty"))
    assert history(root, "fsdp/tiny", "--json").stdout == again != first


def test_a_verdict_is_seen_at_once(root: Path) -> None:
    assert "day-30" in json.loads(history(root, "fsdp/tiny", "--json").stdout)["left_out"]
    Run(root / "day-30").save_findings([Finding(check="c", verdict=Verdict.FAIL, observed="")])
    assert not json.loads(history(root, "fsdp/tiny", "--json").stdout)["left_out"]
