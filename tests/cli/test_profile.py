"""seatrial profile: show, compare."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from seatrial.cli import cli
from seatrial.errors import UserError
from seatrial.profiles import KEPT
from tests import stories

RECORDED = Path(__file__).parents[1] / "profiles" / "recorded"
RANKS = [str(RECORDED / f"rank-{rank}.json.gz") for rank in (0, 1)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("one", "bare"):
        stories.write_run(tmp_path, stories.whole_run(), name=name)
    shutil.copytree(RECORDED, tmp_path / "one" / "profiles", ignore=lambda *_: ["README.md"])
    return tmp_path


def profile(root: Path, *args: str) -> Result:
    done = CliRunner().invoke(cli, ["profile", *args, "--runs-dir", str(root)])
    if isinstance(done.exception, UserError):
        return done
    assert done.exit_code == 0, done.output
    return done


@pytest.mark.parametrize("target", [["one"], RANKS])
def test_a_run_and_its_files_show_the_same(root: Path, target: list[str]) -> None:
    record = json.loads(profile(root, "show", *target, "--json").stdout)
    assert [rank["steps"] for rank in record["ranks"]] == [[3], [3]] and record["skew"]["waits"]
    text = profile(root, "show", *target).stdout
    assert "Step 3 of 2 ranks, recorded by torch.profiler" in text and "Messages of collectives, rank 0" in text
    assert profile(root, "show", *target, "--format", "html").stdout.startswith("<!doctype html>")


def test_what_a_run_came_to_is_kept(root: Path) -> None:
    profile(root, "show", "one")
    assert (root / "one" / "profiles" / KEPT).is_file()


def test_two_profiles_are_compared(root: Path) -> None:
    text = profile(root, "compare", "one", RANKS[1]).stdout
    assert "B - A" in text and "matrix product" in text
    record = json.loads(profile(root, "compare", *RANKS, "--json").stdout)
    assert [record[side]["ranks"][0]["rank"] for side in "ab"] == [0, 1]


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["bare"], "bare: has no profile\n    seatrial run CASE --profile steps=10:12 records one"),
        (["none.json.gz"], "none.json.gz: there is no such file"),
        (["one", "bare"], "one: is no file"),
        (["nobody"], "no run"),
    ],
)
def test_what_cannot_be_shown_is_said(root: Path, args: list[str], says: str) -> None:
    assert says in str(profile(root, "show", *args).exception)


def test_reports_of_nsys_are_exported_first(root: Path) -> None:
    (root / "bare" / "profiles").mkdir()
    (root / "bare" / "profiles" / "rank-0.nsys-rep").write_bytes(b"")
    assert "nsys export --type sqlite" in str(profile(root, "show", "bare").exception)


def test_render_puts_it_into_the_job(tmp_path: Path) -> None:
    asked = ["render", "fsdp", "--profile", "steps=2:3,ranks=all", "-o", str(tmp_path / "plan")]
    assert CliRunner().invoke(cli, asked).exit_code == 0
    job = json.loads((tmp_path / "plan" / "job.json").read_text())
    assert job["profile"]["steps"] == [2, 3] and job["profile"]["ranks"] is None
    wrong = CliRunner().invoke(cli, ["render", "fsdp", "--profile", "steps=0"])
    assert "counted from 1" in str(wrong.exception)
