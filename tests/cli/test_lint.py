"""seatrial lint: exit codes, formats, and what bad input says."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from seatrial.cli.completing import complete_rule
from seatrial.lint.kinds import kind_of
from tests.command import here
from tests.lint.test_change import commit

TREE = Path(__file__).parents[1] / "lint" / "tree"


@pytest.fixture
def lint(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.sh").write_text("#!/bin/bash\necho fine\n")
    (tmp_path / "bad.sh").write_text("#!/bin/bash\ncd a b\n")
    (tmp_path / "notes.txt").write_text("notes\n")
    (tmp_path / "empty").mkdir()

    return partial(here, "lint")


def test_nothing_found(lint):
    assert lint("good.sh", expect=0).stdout.startswith("1 file, no findings; 0 % of the lines unread; 0.")


def test_findings_with_place_and_remedy(lint):
    lines = lint("bad.sh", "good.sh", expect=1).stdout.splitlines()
    assert lines[0] == "FAIL  shell.cd-words"
    assert lines[1].startswith("    put ; or &&")
    assert lines[2] == "  bad.sh:2  cd a b"
    assert lines[-1].startswith("2 files, 1 finding: 1 FAIL;")


def test_a_finding_that_is_left_out_does_not_fail(lint):
    for words in (("--ignore", "shell.*"), ("--select", "pins.*", "--select", "slurm.*")):
        assert lint("bad.sh", *words, expect=0).stdout.startswith("1 file, no findings;")


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
        (("good.sh", "--diff", "main"), ["--diff: good.sh: not a git repository", "leave --diff out"]),
        (("good.sh", "--baseline", "none.json"), ["none.json: cannot be read", "--write-baseline"]),
        (("good.sh", "--baseline", "notes.txt"), ["notes.txt: is no baseline", "--write-baseline"]),
    ],
)
def test_bad_input(lint, args, parts):
    done = lint(*args, expect=2)
    assert done.stdout == ""
    assert all(part in done.stderr for part in parts), done.stderr


def test_json(lint):
    value = json.loads(lint("bad.sh", "good.sh", "--format", "json", expect=1).stdout)
    assert [(file["path"], file["verdict"]) for file in value["files"]] == [("bad.sh", "FAIL"), ("good.sh", "PASS")]
    assert value["files"][0] == {"path": "bad.sh", "verdict": "FAIL", "lines": 2, "unread_lines": 0}
    assert value["unread_share"] == 0 and 0 < value["seconds"] < 60
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


def test_a_tree_adopts_it_with_a_baseline(lint, tmp_path):
    assert "written to known.json" in lint(".", "--write-baseline", "known.json", expect=0).stdout
    assert "; 1 known; " in lint(".", "--baseline", "known.json", expect=0).stdout
    (tmp_path / "bad.sh").write_text("#!/bin/bash\necho first\ncd a b\ncd c d\n")
    done = lint(".", "--baseline", "known.json", "--json", expect=1)
    value = json.loads(done.stdout)
    assert [finding["scope"]["line"] for finding in value["findings"]] == [4]
    assert [finding["scope"]["line"] for finding in value["known"]] == [3]


def test_only_what_has_changed(lint, tmp_path):
    commit(tmp_path, "first")
    assert "0 files, no findings" in lint(".", "--diff", "HEAD", expect=0).stdout
    with (tmp_path / "bad.sh").open("a") as file:
        file.write("cd c d\n")
    lines = lint(".", "--diff", "HEAD", expect=1).stdout.splitlines()
    assert [line for line in lines if line.startswith("  bad.sh")] == ["  bad.sh:3  cd c d"]
    assert "has no commit that is called 'maim'" in lint(".", "--diff", "maim", expect=2).stderr


def test_rules_are_completed():
    items = [item.value for item in complete_rule(None, None, "slurm.")]
    assert items[0] == "slurm.*" and "slurm.torchrun-per-gpu" in items
    assert [item.value for item in complete_rule(None, None, "lint.u")] == ["lint.unreadable"]


def test_the_help_says_what_is_recognised(lint):
    said = " ".join(lint("--help", expect=0).stdout.split())
    for word in ("sbatch", "Dockerfiles", "eksctl", "kustomizations", "Helm", "Jinja", "Terraform", "envsubst"):
        assert word in said
    for end in ("template", "tmpl", "tpl", "tftpl", "in", "j2", "jinja", "jinja2"):
        assert f".{end}" in said and kind_of(Path(f"x.yaml.{end}"), "apiVersion: v1\n") == "yaml"
