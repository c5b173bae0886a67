"""What is known stays known when it moves, and only as often as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.errors import UserError
from seatrial.lint import baseline
from seatrial.lint.judge import lint

KEY = "hf_" + "abcdefghij" * 3


@pytest.fixture
def known(tmp_path):
    """A folder in which all is known, and the file that says so."""
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "a.sh").write_text("#!/bin/bash\ncd a b\ncd a b\n")
    path = tmp_path / "known.json"
    baseline.write(path, lint([tmp_path / "jobs"]).findings)
    return path


def found(known: Path, text: str, name: str = "a.sh") -> tuple[list[int], int]:
    (known.parent / "jobs" / name).write_text(text)
    report = lint([known.parent / "jobs"], baseline=known)
    assert report.known is not None
    return [finding.scope["line"] for finding in report.findings], len(report.known)


@pytest.mark.parametrize(
    ("text", "new", "old"),
    [
        ("#!/bin/bash\ncd a b\ncd a b\n", [], 2),
        ("#!/bin/bash\ntrue\n\nif true; then\n  cd  a b\nfi\ncd a b\n", [], 2),
        ("#!/bin/bash\ncd a b\n", [], 1),
        ("#!/bin/bash\ntrue\n", [], 0),
        ("#!/bin/bash\ncd a b\ncd a x\n", [3], 1),
        ("#!/bin/bash\ncd a b\ncd a b\ncd a b\n", [4], 2),
        ("#!/bin/bash\ncd a b\ngit clone https://example.com/a/b\n", [3], 1),
    ],
)
def test_what_is_new(known, text, new, old):
    assert found(known, text) == (new, old)


def test_the_same_line_of_another_file_is_new(known):
    assert found(known, "#!/bin/bash\ncd a b\n", "b.sh") == ([2], 2)


def test_paths_count_from_the_baseline(known, monkeypatch):
    monkeypatch.chdir(known.parent / "jobs")
    assert lint([Path("a.sh")], baseline=known).findings == ()
    monkeypatch.chdir(known.parent)
    assert lint([Path("jobs")], baseline=Path("known.json")).findings == ()


def test_a_known_finding_leaves_the_verdict_of_its_file(known):
    assert [str(verdict) for verdict in lint([known.parent / "jobs"], baseline=known).verdicts().values()] == ["FAIL"]


def test_no_key_is_written(tmp_path):
    (tmp_path / "a.sh").write_text(f"#!/bin/bash\nlogin --token {KEY}\n")
    baseline.write(tmp_path / "known.json", lint([tmp_path]).findings)
    assert "launch.secret" in (tmp_path / "known.json").read_text() and KEY not in (tmp_path / "known.json").read_text()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"findings": [{"rule": "x"}]}', '{"findings": 3}'])
def test_a_file_that_is_no_baseline(tmp_path, text):
    (tmp_path / "known.json").write_text(text)
    with pytest.raises(UserError, match="is no baseline"):
        baseline.Baseline.read(tmp_path / "known.json")
