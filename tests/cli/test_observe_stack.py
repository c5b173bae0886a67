"""seatrial observe render, up, status, down and targets: what they print, and what they refuse."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from seatrial.cli.observe import command
from seatrial.errors import UserError

CLUSTERS = """
[clusters.p5]
launcher = "slurm"
nodes = 4
instance_type = "p5.48xlarge"
shared = "/fsx/runs"

[clusters.b]
launcher = "batch"
nodes = 4
instance_type = "p5.48xlarge"
image = "registry.example.com/seatrial:1"
options.queue = "q"

[clusters.k8s]
launcher = "kubernetes"
nodes = 4
instance_type = "p5.48xlarge"
image = "registry.example.com/seatrial:1"
"""
AMP = "https://aps-workspaces.us-east-1.amazonaws.com/workspaces/ws-1/api/v1/remote_write"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "seatrial.toml").write_text(CLUSTERS)
    return tmp_path


def observe(*words: str) -> Result:
    return CliRunner().invoke(command, words)


def refused(*words: str) -> str:
    error = observe(*words).exception
    assert isinstance(error, UserError), error
    return str(error)


def test_render_shows_or_writes_a_plan(here: Path) -> None:
    done = observe("render", "--set", "TrainingHang.for=7m")
    assert done.exit_code == 0 and "# --- prometheus.yml" in done.output and "nothing was put in place" in done.output
    assert "for: 7m" in done.output
    done = observe("render", "--on", "p5", "-o", "plan", "--remote-write", AMP, "--agent")
    written = [path for path in (here / "plan").rglob("*") if path.is_file()]
    assert done.output == f"RENDERED what looks at p5: {len(written)} files in plan\n"
    assert (here / "plan/amp/seatrial.yml").exists()
    value = json.loads(observe("render", "--json").output)
    assert (value["state"] == "RENDERED" and "alertmanager.yml" in value["files"]) or value["commands"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("render", "--on", "b"), "nodes of batch do not stay"),
        (("render", "--on", "p6"), "did you mean p5"),
        (("render", "--set", "TrainingHung.for=1m"), "did you mean TrainingHang"),
        (("render", "--port", "promtheus=1"), "did you mean prometheus"),
        (("render", "--port", "prometheus=99999"), "'99999' is no port"),
        (("render", "--webhook", "http://user:word@host/"), "has a password in it"),
        (("render", "--on", "p5", "--agent"), "give --remote-write URL, too"),
        (("render", "--on", "p5", "--ec2-tag", "a=b"), "give --region, too"),
        (("render", "--on", "p5", "--ec2-tag", "a", "--region", "us-east-1"), "is not KEY=VALUE"),
        (("render", "--slurm-metrics"), "local is no cluster of Slurm"),
        (("render", "--on", "k8s", "--ec2-tag", "a=b", "--region", "r"), "k8s is no cluster of Slurm"),
        (("up", "--on", "p5"), "up is for this machine"),
        (("down", "--on", "p5"), "down is for this machine"),
        (("status", "--on", "p5"), "status is for this machine"),
        (("render", "--rules", "seatrial.yml"), "there is another file called seatrial.yml"),
    ],
)
def test_what_cannot_be_is_refused(here: Path, words: tuple[str, ...], says: str) -> None:
    (here / "seatrial.yml").write_text("groups: []\n")
    assert says in refused(*words)


def test_rules_that_name_what_nobody_emits_are_refused(here: Path) -> None:
    (here / "mine.yml").write_text("groups: [{name: g, rules: [{record: 'a:b', expr: train_los}]}]\n")
    assert "did you mean train_loss" in refused("render", "--rules", "mine.yml")
    (here / "mine.yml").write_text("groups: [{name: g, rules: [{record: 'a:b', expr: train_loss}]}]\n")
    assert "rules/mine.yml" in observe("render", "--rules", "mine.yml").output


def test_without_prometheus_nothing_is_started(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seatrial.observe.stack.local.installed", dict)
    assert "prometheus is not installed" in refused("up", "--state-dir", "state")
    assert not (here / "state").exists()


def test_nothing_is_up_where_nothing_was_started() -> None:
    done = observe("status", "--state-dir", "state")
    assert done.exit_code == 1 and "nothing was started in" in done.output
    assert observe("down", "--state-dir", "state").output == "it was not up\n"
    assert json.loads(observe("down", "--state-dir", "state", "--json").output)["stopped"] is False


def test_targets_are_written_anew_only_if_they_changed(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sinfo = here / "bin" / "sinfo"
    sinfo.parent.mkdir()
    sinfo.write_text("#!/bin/sh\necho 'n1|10.0.0.1|idle|dev'\n")
    sinfo.chmod(0o755)
    monkeypatch.setenv("PATH", f"{sinfo.parent}:{os.environ['PATH']}")
    assert json.loads(observe("targets", "--cluster", "sea").output)[0]["targets"] == ["10.0.0.1"]
    file = here / "targets.json"
    assert observe("targets", "--cluster", "sea", "-o", str(file)).exit_code == 0
    before = file.stat()
    assert before.st_mode & 0o044 == 0o044
    assert (
        observe("targets", "--cluster", "sea", "-o", str(file)).exit_code == 0 and file.stat().st_ino == before.st_ino
    )
    sinfo.write_text("#!/bin/sh\nexit 1\n")
    assert "nodes cannot be listed" in refused("targets", "--cluster", "sea", "-o", str(file))
    assert json.loads(file.read_text())[0]["labels"]["node"] == "n1"
