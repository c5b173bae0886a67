"""seatrial report: shown in a browser, served on loopback, and of a folder that nothing can be written into."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from seatrial.cli import cli
from tests import stories


@pytest.fixture
def root(tmp_path: Path) -> Path:
    stories.write_run(tmp_path, stories.whole_run(), name="one")
    return tmp_path


def report(root: Path, *args: str) -> Result:
    return CliRunner().invoke(cli, ["report", *args, "--runs-dir", str(root)])


def test_open_shows_the_page_and_prints_no_text(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or True)
    done = report(root, "one", "--open")
    assert (done.exit_code, done.stdout) == (0, "") and opened == [(root / "one" / "report.html").as_uri()]


def test_where_there_is_no_browser_the_file_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webbrowser.open", lambda address: False)
    assert "report.html" in str(report(root, "one", "--open").exception)


def test_it_leads_to_dashboards_and_runbooks_where_they_are_known(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    (root / "seatrial.toml").write_text(
        'observe = {grafana = "https://g.example/", runbooks = "https://r.example/a.md"}'
    )
    told = dict(json.loads(report(root, "one", "--json").stdout)["links"])
    assert told["what alerts mean"] == "https://r.example/a.md"
    assert told["dashboard of the run"].startswith("https://g.example/d/seatrial-run?var-run=one&from=")
    page = (root / "one" / "report.html").read_text()
    assert all(f'href="{address.replace("&", "&amp;")}"' in page for address in told.values())
    assert "https://g.example/d/seatrial-node?" in report(root, "one").stdout
    (root / "seatrial.toml").write_text("observe = {grafana = 3}")
    assert json.loads(report(root, "one", "--json").stdout)["links"] == []


@pytest.mark.parametrize("opens", [False, True])
def test_reading_needs_no_writing(root: Path, monkeypatch: pytest.MonkeyPatch, opens: bool) -> None:
    """Another user's run, a full disk: root writes anywhere, so a folder stands where the page should be."""
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or True)
    (root / "one" / "report.html").mkdir()
    done = report(root, "one", *(["--open"] if opens else ["--json"]))
    assert done.exit_code == 0 and "not kept" in done.stderr
    if opens:
        assert Path(opened[0].removeprefix("file://")).read_text().startswith("<!doctype html>")
    else:
        assert json.loads(done.stdout)["run"] == "one"


@pytest.mark.parametrize("args", [["one"], ["--format", "md"], ["--json"]])
def test_serve_is_of_all_runs(root: Path, args: list[str]) -> None:
    assert "serves all runs" in str(report(root, "--serve", *args).exception)


def test_serve_needs_a_folder(tmp_path: Path) -> None:
    assert "there is no folder" in str(report(tmp_path / "none", "--serve").exception)


def test_serve_answers_until_it_is_interrupted(root: Path) -> None:
    command = [sys.executable, "-m", "seatrial", "report", "--serve", "--runs-dir", str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = re.match(r"http://127\.0\.0\.1:\d+/", process.stdout.readline())
        assert address
        with urllib.request.urlopen(address[0], timeout=30) as page:
            assert b"one" in page.read()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "") and not (root / "one" / "report.html").exists()
