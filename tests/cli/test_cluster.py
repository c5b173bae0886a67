"""seatrial cluster: what it prints, and the exit code that a script reads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from seatrial.cli import cli
from seatrial.cli.completing import complete_cluster
from seatrial.config.init import SCHEMA_FILE
from seatrial.errors import UserError
from tests.test_config import fake_launcher, table

__all__ = ["fake_launcher"]

SHOW = Path(__file__).parents[1] / "launchers" / "slurm" / "recorded" / "show"


@pytest.fixture
def home(tmp_path, monkeypatch, fake_launcher):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    return tmp_path


def call(*args: str, expect: int = 0) -> Result:
    result = CliRunner().invoke(cli, ["cluster", *args])
    if isinstance(result.exception, UserError):
        raise result.exception
    assert result.exit_code == expect, result.output
    return result


def write(**more: object) -> None:
    Path("seatrial.toml").write_text(table(**more))


def test_list_has_this_machine_first_then_those_of_the_file(home):
    assert call("list").output.splitlines()[1].split()[:3] == ["local", "local", "1"]
    write(cpus_per_node=None, instance_type="trn2.48xlarge", options={"queue": "q", "words": ["a", "b"]})
    head, _, row = call("list").output.splitlines()
    assert head.split() == ["NAME", "LAUNCHER", "NODES", "INSTANCE", "TYPE", "ACCELERATORS", "OPTIONS"]
    assert row == "c      fake      2      trn2.48xlarge  16 x Trainium2 (64 devices)  queue=q, words=a, b"
    records = json.loads(call("list", "--json").output)
    assert [record["name"] for record in records] == ["local", "c"]
    assert records[1]["options"] == {"queue": "q", "words": ["a", "b"]}


def test_show_has_every_value_and_every_option_with_its_meaning(home):
    mounts = ["/fsx:/data:ro"]
    write(cpus_per_node=None, instance_type="p5.48xlarge", mounts=mounts, environment={"A": "1"}, options={"tries": 3})
    lines = {line.split()[0]: line for line in call("show", "c").output.splitlines() if line.strip()}
    assert "192" in lines["cpus_per_node"] and "CPUs of one node" in lines["cpus_per_node"]
    assert "8 x H100 SXM" in lines["accelerators_per_node"]
    assert "/fsx:/data:ro" in lines["mounts"]
    assert "A=1" in lines["environment"]
    assert lines["tries"].split() == ["tries", "3", "Times", "to", "try."]
    assert lines["polite"].split() == ["polite", "false", "Whether", "to", "ask."]
    record = json.loads(call("show", "c", "--json").output)
    assert (record["cpus_per_node"], record["accelerators"]) == (192, "8 x H100 SXM")
    assert record["options"]["tries"] == 3
    assert call("show", "local").output.startswith("KEY")


def test_an_unknown_name_is_exit_code_2_and_names_the_nearest(home):
    done = subprocess.run(
        [sys.executable, "-m", "seatrial", "cluster", "show", "lokal"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "did you mean local?" in done.stderr and "seatrial cluster init" in done.stderr


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [(["PASS"], 0), (["PASS", "WARN"], 0), (["UNKNOWN", "WARN"], 3), (["UNKNOWN", "FAIL"], 1), ([], 3), (["SKIP"], 3)],
    ids=str,
)
def test_the_exit_code_of_check_is_the_worst_verdict(home, verdicts, code):
    write(options={"words": verdicts})
    output = call("check", "c", expect=code).output
    assert [line.split()[0] for line in output.splitlines() if " cluster.fake " in line] == verdicts
    for verdict in ("WARN", "UNKNOWN", "FAIL"):
        assert (f"mend {verdict}" in output) == (verdict in verdicts)
    assert "mend PASS" not in output


def test_check_without_a_name_looks_at_all_and_the_worst_counts(home):
    texts = [table(options={"words": [verdict]}) for verdict in ("UNKNOWN", "PASS", "FAIL")]
    names = ["c", "d", "f"]
    text = "".join(t.replace("clusters.c", f"clusters.{n}") for t, n in zip(texts, names, strict=True))
    Path("seatrial.toml").write_text(text)
    assert [r["cluster"] for r in json.loads(call("check", "--json", expect=1).output)] == ["local", *names]
    call("check", "c", "d", expect=3)
    (only,) = json.loads(call("check", "d", "--json").output)
    assert (only["verdict"], only["findings"][0]["check"]) == ("PASS", "cluster.fake")
    with pytest.raises(UserError, match="no cluster is called 'e'"):
        call("check", "e")


def test_a_cluster_that_cannot_be_looked_at_does_not_hide_the_others(home):
    write(options={"queue": "gone"})
    output = call("check", expect=3).output
    assert "cannot be reached" in output and "plug it in" in output
    assert "cluster.cpus" in output


def test_check_names_the_line_to_change(home, monkeypatch):
    answers = {"sinfo": "[ $1 = --version ] && echo slurm 22.05.8 || echo 'n1|idle'", "scontrol": f"cat {SHOW}/$3s.txt"}
    for name, script in answers.items():
        (home / name).write_text(f"#!/bin/sh\n{script}\n")
        (home / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{home}:{os.environ['PATH']}")
    Path("seatrial.toml").write_text(
        '# ours\n[clusters.p5]\nlauncher = "slurm"\nnodes = 1\ncpus_per_node = 300\n'
        f'shared = "{home}/shared"\npython = "{sys.executable}"\n'
        '[clusters.p5.options]\ntime = "2:00:00"\npartition = "small"\n'
    )
    lines = call("check", "p5", expect=1).output.splitlines()
    below = {line.split()[1]: after.strip() for line, after in pairwise(lines) if line.startswith("  FAIL")}
    assert below == {
        "cluster.cpus-per-node": "seatrial.toml:5: clusters.p5.cpus_per_node: cpus_per_node = 192",
        "cluster.time-limit": 'seatrial.toml:9: clusters.p5.options.time: time = "01:00:00"',
    }


def test_init_writes_a_file_that_list_reads(home):
    assert call("init", "--launcher", "slurm").output.split() == ["wrote", "seatrial.toml", "wrote", SCHEMA_FILE]
    assert "slurm" in call("list").output
    Path("seatrial.toml").write_text("# mine")
    with pytest.raises(UserError, match="is there already"):
        call("init", "--launcher", "slurm")
    assert Path("seatrial.toml").read_text() == "# mine"
    written = json.loads(call("init", "--launcher", "slurm", "--output", "other.toml", "--json").output)["written"]
    assert written == ["other.toml", SCHEMA_FILE]


def test_names_are_completed_as_far_as_the_file_can_be_read(home):
    write()
    assert [item.value for item in complete_cluster(None, None, "")] == ["local", "c"]
    assert [item.value for item in complete_cluster(None, None, "l")] == ["local"]
    Path("seatrial.toml").write_text("broken")
    assert complete_cluster(None, None, "") == []
