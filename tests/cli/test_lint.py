"""seatrial lint: exit codes, formats, and what bad input says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

TREE = Path(__file__).parents[1] / "lint" / "tree"


@pytest.fixture
def lint(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.sh").write_text("#!/bin/bash\necho fine\n")
    (tmp_path / "bad.sh").write_text("#!/bin/bash\ncd a b\n")
    (tmp_path / "notes.txt").write_text("notes\n")
    (tmp_path / "empty").mkdir()

    def call(*args: str | Path, expect: int) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "seatrial", "lint", *map(str, args)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == expect, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    return call


def test_nothing_found(lint):
    assert lint("good.sh", expect=0).stdout == "1 file, no findings\n"


def test_findings_with_place_and_remedy(lint):
    lines = lint("bad.sh", "good.sh", expect=1).stdout.splitlines()
    assert lines[0] == "bad.sh:2  FAIL  shell.cd-words  cd a b"
    assert lines[1].startswith("    put ; or &&")
    assert lines[-1] == "2 files, 1 finding: 1 FAIL"


def test_a_finding_that_is_left_out_does_not_fail(lint):
    lint("bad.sh", "--ignore", "shell.*", expect=0)
    lint("bad.sh", "--select", "pins.*", "--select", "slurm.*", expect=0)


@pytest.mark.parametrize(
    ("args", "parts"),
    [
        ((), ["nothing to lint"]),
        (("missing.sh",), ["missing.sh: there is no such file or folder"]),
        (("missing.sh", "gone"), ["missing.sh", "gone"]),
        (("notes.txt",), ["notes.txt: is no launch file"]),
        (("empty",), ["there is no launch file in it"]),
        (("good.sh", "--select", "shell.cd-word"), ["did you mean shell.cd-words"]),
        (("good.sh", "--instance", "p5.48xlarg"), ["did you mean", "p5.48xlarge"]),
        (("good.sh", "--format", "xml"), ["'xml' is not one of"]),
    ],
)
def test_bad_input(lint, args, parts):
    done = lint(*args, expect=2)
    assert done.stdout == ""
    assert all(part in done.stderr for part in parts), done.stderr


def test_json(lint):
    value = json.loads(lint("bad.sh", "good.sh", "--format", "json", expect=1).stdout)
    assert value["files"] == [{"path": "bad.sh", "verdict": "FAIL"}, {"path": "good.sh", "verdict": "PASS"}]
    assert value["findings"][0]["scope"] == {"path": "bad.sh", "line": 2}


def test_sarif_into_a_file(lint, tmp_path):
    done = lint(TREE, "--format", "sarif", "-o", "lint.sarif", expect=1)
    assert done.stdout.endswith("written to lint.sarif\n")
    assert json.loads((tmp_path / "lint.sarif").read_text())["version"] == "2.1.0"


def test_the_list_of_rules(lint):
    lines = lint("--list", expect=0).stdout.splitlines()
    assert lines[0].split() == ["RULE", "VERDICT", "EXPECTED"]
    assert any(line.startswith("slurm.torchrun-per-gpu ") for line in lines)
    assert any(line.startswith("network.") for line in lines)
