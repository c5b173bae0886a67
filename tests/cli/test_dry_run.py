"""run --dry-run, and render: the plan, what it costs, and nothing that was started."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from seatrial.cli import cli
from seatrial.errors import UserError

CLUSTERS = """
[clusters.p5]
launcher = "slurm"
nodes = 4
instance_type = "p5.48xlarge"
shared = "/fsx/seatrial"

[clusters.here]
launcher = "slurm"
nodes = 2
cpus_per_node = 8
shared = "/fsx/seatrial"
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "seatrial.toml").write_text(CLUSTERS)
    return tmp_path


def call(*args: str) -> Result:
    result = CliRunner().invoke(cli, args)
    if isinstance(result.exception, UserError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


def test_a_dry_run_shows_the_plan_and_its_cost_and_starts_nothing(home, monkeypatch):
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    result = call("run", "cpu-ddp/two-node", "--on", "p5", "--dry-run")
    assert "# --- job.sbatch" in result.stdout and "nothing was started" in result.stderr
    assert "costs 2 x p5.48xlarge: $110.08/h" in result.stderr
    assert not (home / "runs").exists()


def test_a_cost_that_is_not_known_says_why():
    told = call("run", "cpu-ddp/two-node", "--on", "p5", "--dry-run").stderr
    assert "costs unknown: which region cluster p5 is in" in told
    assert "costs" not in call("render", "cpu-ddp/two-node", "--on", "p5").stderr
    assert "costs" not in call("run", "cpu-ddp/two-node", "--on", "here", "--dry-run").stderr


def test_the_cost_is_in_the_json(monkeypatch):
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    record = json.loads(call("run", "cpu-ddp/two-node", "--on", "p5", "--dry-run", "--json").stdout)
    assert record["state"] == "RENDERED" and record["cost"]["hourly"] == pytest.approx(110.08)


def test_a_dry_run_finds_what_is_wrong_as_a_run_does():
    with pytest.raises(UserError, match="loss_decreas"):
        call("run", "cpu-ddp", "--dry-run", "--expect", "loss_decreas=1")
    with pytest.raises(UserError, match="--dry-run"):
        call("run", "--all", "tiny", "--dry-run")
