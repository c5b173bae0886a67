"""seatrial check: what it prints, and its exit codes."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from seatrial.checks.catalogue import all_checks
from seatrial.checks.node import kernel_cursor
from seatrial.checks.quarantine import Mark
from seatrial.cli import check
from seatrial.cluster import Cluster
from seatrial.errors import UserError
from seatrial.launchers.slurm import Options
from tests.launchers import fake
from tests.test_guarding import Scheduler

GOOD = """\
MemTotal:       2097152000 kB
SwapTotal:             0 kB
HugePages_Total:    5128
Hugepagesize:       2048 kB
"""
BAD = GOOD.replace("2097152000", "1835008000")


def run(*words: object, expect: int | None = None) -> Result:
    done = CliRunner().invoke(check.command, [*map(str, words)])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert expect is None or done.exit_code == expect, done.output
    return done


@pytest.fixture
def observed(tmp_path: Path) -> Path:
    path = tmp_path / "meminfo.txt"
    path.write_text(GOOD)
    return path


def test_what_is_right_is_counted_and_what_is_wrong_is_told(observed):
    said = run("read", "meminfo", observed, "--instance", "p5.48xlarge", expect=0).output
    assert said == f"{observed}: PASS\n  3 PASS\n"
    observed.write_text(BAD)
    said = run("read", "meminfo", observed, "--instance", "p5.48xlarge", expect=1).output
    assert said.splitlines()[0] == f"{observed}: FAIL, let no job onto the node"
    assert "1750 GiB" in said and "node.memory: 1946 GiB or more, of 2048" in said
    assert "replace the node" in said and f"seen in {observed}" in said


def test_what_cannot_be_judged_is_unknown_and_says_what_would_help(observed):
    assert "say what the node is: --instance" in run("read", "meminfo", observed, expect=3).output
    observed.write_text("MemTotal: all of it\n")
    said = run("read", "meminfo", observed, "--instance", "p5.48xlarge", expect=3).output
    assert "could not be read: line 1, 'MemTotal: all of it' instead of" in said


def test_several_files_are_judged_each(observed, tmp_path):
    other = tmp_path / "other"
    other.write_text(BAD)
    records = json.loads(
        run("read", "meminfo", observed, other, "--instance", "p5.48xlarge", "--json", expect=1).output
    )
    assert [record["verdict"] for record in records] == ["PASS", "FAIL"]
    assert [record["severity"] for record in records] == ["none", "isolate"]
    assert [found["check"] for found in records[1]["findings"] if found["verdict"] == "FAIL"] == ["node.memory"]


@pytest.mark.parametrize(("text", "code", "word"), [(GOOD, 0, "OK"), (BAD, 2, "CRITICAL"), ("garbage\n", 3, "UNKNOWN")])
def test_nagios_understands_it(observed, text, code, word):
    observed.write_text(text)
    [line] = run("read", "meminfo", observed, "--instance", "p5.48xlarge", "--nagios", expect=code).output.splitlines()
    assert line.startswith(f"SEATRIAL {word} - ") and line.count("|") == 1


def test_an_unknown_kind_or_rule_or_instance_names_the_nearest(observed):
    with pytest.raises(UserError, match=r"'memifo'\n.*meminfo"):
        run("read", "memifo", observed)
    with pytest.raises(UserError, match=r"'node.memry'\n.*node.memory"):
        run("show", "node.memry")
    with pytest.raises(UserError, match=r"'gpus.\*'"):
        run("node", "--select", "gpus.*")
    with pytest.raises(UserError, match=r"'p5.48xlrge'\n.*p5.48xlarge"):
        run("node", "--instance", "p5.48xlrge")


def test_every_rule_is_listed_and_shown():
    rows = json.loads(run("list", "--json", expect=0).output)
    assert [row["rule"] for row in rows] == [check.id for check in all_checks()]
    assert len(run("list", expect=0).output.splitlines()) == len(rows) + 1
    said = run("show", "node.memory", expect=0).output
    assert "right, on p5.48xlarge:\n    MemTotal:       2097152000 kB" in said
    assert json.loads(run("show", "node.memory", "--json").output)["severity"] == "isolate"


def test_what_was_observed_is_kept_and_judged_again(tmp_path):
    kept = tmp_path / "observed"
    first = json.loads(run("node", "--select", "node.memory", "--save", kept, "--json").output)
    again = json.loads(run("node", "--select", "node.memory", "--from", kept, "--json").output)
    assert first["findings"][0]["observed"] == again["findings"][0]["observed"]
    assert (first["verdict"], first["level"], first["node"]) == (again["verdict"], "quick", again["node"])
    with pytest.raises(UserError, match="holds no observations"):
        run("node", "--from", tmp_path)
    (kept / "meminfo.json").write_text("{}")
    with pytest.raises(UserError, match="is not what check node --save wrote"):
        run("node", "--from", kept)


def test_a_part_of_a_check_decides_about_no_node():
    with pytest.raises(UserError, match="a part of a check decides about no node"):
        run("node", "--select", "node.memory", "--guard", "slurm")


def test_hooks_are_written_once_and_put_nowhere(tmp_path, monkeypatch):
    cluster = Cluster(name="sea", launcher="slurm", nodes=2, cpus_per_node=8, options=Options())
    monkeypatch.setattr("seatrial.config.cluster", lambda _: cluster)
    folder = tmp_path / "hooks"
    assert "RENDERED hooks of sea: 6 files" in run("hooks", "--on", "sea", "-o", folder, expect=0).output
    assert {path.name for path in folder.iterdir()} >= {"prolog.sh", "epilog.sh", "health.sh", "sweep.sh"}
    with pytest.raises(UserError, match="not an empty folder"):
        run("hooks", "--on", "sea", "-o", folder)
    record = json.loads(run("hooks", "--on", "sea", "--json", expect=0).output)
    assert record["state"] == "RENDERED" and "prolog.sh" in record["files"]


def test_the_sea_trial_of_this_machine(tmp_path):
    said = run("cluster", "--with", "node", "--runs-dir", tmp_path).output
    [page] = tmp_path.glob("trial-local-*.html")
    assert f"report  {page}" in said
    assert "sea trial" in page.read_text()
    [folder] = (path for path in tmp_path.iterdir() if path.is_dir())
    assert f"{folder.name}/report.html" in page.read_text()


def test_a_sea_trial_starts_nothing_before_all_that_is_asked_can_run(tmp_path):
    with pytest.raises(UserError, match=r"nod.*\n(?s:.*)no-such"):
        run("cluster", "--with", "nod,no-such,node", "--runs-dir", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_line_of_the_kernels_log_is_acted_on_once(tmp_path, monkeypatch):
    """An operator has looked, and lets jobs onto the node again: the same line is no reason to take it away anew."""
    scheduler = Scheduler()
    fake.offer(monkeypatch, replace(fake.launcher(fake.Memory()), guard=scheduler.guard()))
    monkeypatch.setattr(kernel_cursor, "STATE", tmp_path / "state")
    checks = [check for check in all_checks() if check.id == "gpu.xid"]
    monkeypatch.setattr("seatrial.checks.catalogue.select_checks", lambda *_: checks)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    began, stamp = datetime.now(UTC), "%Y-%m-%dT%H:%M:%S,%f+00:00"

    def log(*codes: int) -> None:
        lines = [f"{began - timedelta(hours=9):{stamp}} Linux version 6.1.0-27-cloud-amd64"]
        for number, code in enumerate(codes):
            at = began - timedelta(minutes=9 - number)
            lines.append(f"{at:{stamp}} NVRM: Xid (PCI:0000:0f:00): {code}, pid=1, name=python")
        (tmp_path / "dmesg").write_text("#!/bin/sh\ncat <<'END'\n" + "\n".join(lines) + "\nEND\n")
        (tmp_path / "dmesg").chmod(0o755)

    log(119)
    assert "quarantined: seatrial/deep gpu.xid: " in run("node", "--guard", "memory", expect=1).output
    scheduler.nodes["a"] = ""
    run("node", "--guard", "memory", expect=0)
    assert scheduler.nodes["a"] == ""
    log(119, 120)
    run("node", "--guard", "memory", expect=1)
    assert "Xid 120" in scheduler.nodes["a"]
    scheduler.nodes |= {"a": "", "b": str(Mark("deep", "x.y", "z"))}
    log(119, 120, 119)
    for _ in range(2):  # too much of the cluster is quarantined: it is told until somebody can act
        assert "not quarantined" in run("node", "--guard", "memory", expect=0).output
