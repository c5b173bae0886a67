"""seatrial check baseline record, list, show: of runs as they are left, and published ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from seatrial.cli import cli
from tests.checks.test_collectives import left, sweep


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for name in "abc":
        folder = left(tmp_path, name, sweep())
        (folder / "job.json").write_text("{}")
    return tmp_path


def seatrial(runs: Path, *words: str, expect: int = 0) -> str:
    result = CliRunner().invoke(cli, ["check", "baseline", *words, "--runs-dir", str(runs)])
    assert result.exit_code == expect, result.output
    return result.output


def test_three_runs_are_recorded_listed_and_shown(runs):
    assert "8 baselines in " in seatrial(runs, "record", "a", "b", "c")
    rows = json.loads(seatrial(runs, "list", "--instance", "p5.48xlarge", "--json"))
    own = [row for row in rows if row["source"].startswith("own runs")]
    assert len(own) == 8 and rows[: len(own)] == own and len(rows) > len(own)
    shown = seatrial(runs, "show", "p5.48xlarge", "--nodes", "2", "--operation", "all_reduce")
    assert "own runs a, b, c" in shown and "awsome-distributed-training" in shown


def test_a_recorded_baseline_is_held_against_what_is_read(runs):
    path = str(next((runs / "a/collectives").glob("*.json")))
    words = ["check", "read", "nccl-tests", path, "--instance", "p5.48xlarge", "--runs-dir", str(runs), "--json"]

    def speed() -> str:
        [record] = json.loads(CliRunner().invoke(cli, words).output)
        return next(f["verdict"] for f in record["findings"] if f["check"] == "nccl-tests.speed")

    assert speed() == "UNKNOWN"
    seatrial(runs, "record", "a", "b", "c")
    assert speed() == "PASS"


def test_two_runs_are_too_few_and_nothing_is_written(runs):
    result = CliRunner().invoke(cli, ["check", "baseline", "record", "a", "b", "--runs-dir", str(runs)])
    assert result.exit_code != 0 and not (runs / "baselines.json").exists()


def test_what_nobody_published_is_told(runs):
    result = CliRunner().invoke(cli, ["check", "baseline", "show", "p5e.48xlarge", "--runs-dir", str(runs)])
    assert result.exit_code != 0
