"""seatrial observe dashboards, and seatrial observe check."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from seatrial.cli import cli
from seatrial.errors import UserError
from seatrial.observe.dashboards import DASHBOARDS


def call(*args: str | Path) -> Result:
    """The command, in this process. What it refuses is raised."""
    result = CliRunner().invoke(cli, ["observe", *map(str, args)], catch_exceptions=False, standalone_mode=False)
    if result.exception:
        raise result.exception
    return result


def test_the_list() -> None:
    lines = call("dashboards").stdout.splitlines()
    assert lines[0].split()[:3] == ["NAME", "PANELS", "TITLE"]
    assert [line.split()[0] for line in lines[1:]] == list(DASHBOARDS)


def test_one_is_printed_as_json() -> None:
    assert json.loads(call("dashboards", "gpu").stdout)["uid"] == "seatrial-gpu"


def test_files_are_written_and_written_again(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    assert call("dashboards", "-o", folder).stdout == f"{len(DASHBOARDS)} dashboards in {folder}\n"
    assert {path.name for path in folder.iterdir()} == {f"seatrial-{name}.json" for name in DASHBOARDS}
    (folder / "seatrial-run.json").write_text("old")
    call("dashboards", "run", "health", "-o", folder, "--runbooks", "https://docs.example/alerts")
    assert json.loads((folder / "seatrial-run.json").read_text())["title"] == "Run"
    assert "https://docs.example/alerts#" in (folder / "seatrial-health.json").read_text()
    done = call("check", *folder.iterdir())
    assert f"in {len(DASHBOARDS)} files: each metric and label" in done.stdout


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="--output"):
        call("dashboards", "-o", tmp_path / "file" / "below")


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(UserError, match="did you mean ranks"):
        call("dashboards", "rank", "-o", "nowhere")
    assert not Path("nowhere").exists()


def test_a_dashboard_of_the_users_is_refused_with_place_and_nearest_name(tmp_path: Path) -> None:
    file, unreadable = tmp_path / "mine.json", tmp_path / "bytes.json"
    file.write_text(json.dumps({"panels": [{"title": "Loss", "targets": [{"expr": "train_los"}]}]}))
    unreadable.write_bytes(b"\xff\xfe")
    with pytest.raises(UserError) as error:
        call("check", file, unreadable)
    unread, unknown = error.value.problems
    assert unread.where == str(unreadable) and unread.what.startswith("cannot be read")
    assert unknown.where == f"{file}: panel 'Loss'" and "did you mean train_loss" in unknown.remedy
