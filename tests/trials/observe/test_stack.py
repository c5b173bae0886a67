"""Real Prometheus and Alertmanager look at runs that train, as `seatrial observe up` starts them: a rank is killed,
another is slow, and both reach a webhook, and resolve.

Alerts wait seconds instead of minutes, by the same --set that users have; all else is as it is by default.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seatrial.events import Step
from seatrial.runs import Run
from tests import faults
from tests.command import Command, is_gone, rank_pid, read_json, settings, wait_for_step
from tests.trials.observe.webhook import Webhook, webhook
from tests.waiting import poll

NEEDED = ("prometheus", "promtool", "prometheus-alertmanager", "amtool")
pytestmark = pytest.mark.skipif(
    bool([n for n in NEEDED if not shutil.which(n)]), reason=f"not installed: one of {', '.join(NEEDED)}"
)
FREE = [
    w
    for name in ("exporter", "prometheus", "alertmanager", "node-exporter", "grafana")
    for w in ("--port", f"{name}=0")
]
SHORT = [
    *("--set", "TrainingStraggler.for=1s"),
    *("--set", "TrainingRankLost.least=3", "--set", "TrainingRankLost.factor=3"),
]


@pytest.fixture(scope="module")
def receiver() -> Iterator[Webhook]:
    with webhook() as received:
        yield received


@pytest.fixture(scope="module")
def prometheus(command: Command, receiver: Webhook, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address: it is up, with all that is installed."""
    folder = ("--state-dir", str(tmp_path_factory.mktemp("observe") / "state"))
    told: Any = read_json(
        command("observe", "up", *folder, "--every", "1", "--webhook", receiver.url, *FREE, *SHORT, "--json")
    )
    try:
        assert told == read_json(command("observe", "status", *folder, "--json"))
        assert {one["state"] for one in told["programs"]} == {"up"}
        [found] = [one["url"] for one in told["programs"] if one["name"] == "prometheus"]
        yield found
    finally:
        assert command("observe", "down", *folder) == "stopped\n"
        command("observe", "status", *folder, expect=1)


def ask(prometheus: str, promql: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{prometheus}/api/v1/query?{urllib.parse.urlencode({'query': promql})}") as answer:
        result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    return result


@contextlib.contextmanager
def training(command: Command, name: str, *args: str) -> Iterator[Run]:
    process, run = command.begin("run", *args, name=name)
    try:
        yield run
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
        poll(lambda: is_gone(run), 60, "the run has ended")


def test_a_lost_rank_of_fsdp_is_told_and_resolves(command: Command, prometheus: str, receiver: Webhook) -> None:
    with training(command, "lost", "fsdp", *settings("steps=100000", "validation_every=0")) as run:
        wait_for_step(run, 5, 120)
        poll(lambda: bool(ask(prometheus, 'train_step{run_id="lost", case="fsdp"} > 20')), 60, "its steps are seen")
        assert ask(prometheus, 'train_loss{run_id="lost"} > 0')
        lost, before = {"run_id": "lost", "rank": "1"}, len(receiver.alerts)  # a busy machine may have been late before
        rank = rank_pid(run, 1)
        os.kill(rank, signal.SIGSTOP)  # one that is killed may be there again sooner than the alert takes
        poll(lambda: bool(receiver.told("TrainingRankLost", "firing", before, **lost)), 120, "the lost rank is told")
        os.kill(rank, signal.SIGKILL)
        poll(lambda: bool(receiver.told("TrainingRankLost", "resolved", before, **lost)), 200, "it trains again")
        assert ask(prometheus, 'train_restarts_total{run_id="lost"}')[0]["value"][1] == "1"


def test_a_slow_rank_is_told_and_resolves(command: Command, prometheus: str, receiver: Webhook) -> None:
    slow = settings("fault=slow", "faulty_rank=1", "fault_step=100", "steps=100000", "seconds=0.05")
    with training(command, "slow", str(Path(faults.__file__)), *slow) as run:
        slow_rank = {"run_id": "slow", "rank": "1"}
        poll(lambda: bool(receiver.told("TrainingStraggler", "firing", **slow_rank)), 150, "the straggler is told")
        assert max(step.step for step in run.events().of(Step)) >= 100, "it was not slow before"
        [straggler, *_] = receiver.told("TrainingStraggler", "firing", **slow_rank)
        assert "rank 1 of run slow" in straggler["annotations"]["summary"]
        assert straggler["annotations"]["dashboard_url"].startswith("/d/seatrial-ranks?var-run=slow")
        os.kill(rank_pid(run, 1), signal.SIGKILL)  # the next attempt is slow only after its 100th step
        poll(lambda: bool(receiver.told("TrainingStraggler", "resolved", **slow_rank)), 200, "the straggler is gone")


CLUSTER = """
[clusters.p5]
launcher = "slurm"
nodes = 4
instance_type = "p5.48xlarge"
shared = "/fsx/runs"
"""
AMP = "https://aps-workspaces.us-east-1.amazonaws.com/workspaces/ws-1/api/v1/remote_write"
TAG = ("--ec2-tag", "parallelcluster:cluster-name=sea", "--region", "us-east-1")


@pytest.mark.parametrize(
    "more", [("--slurm-metrics",), TAG, ("--remote-write", AMP), ("--remote-write", AMP, "--agent")], ids=str
)
def test_what_is_rendered_for_a_cluster_is_taken_by_promtool_and_systemd(
    command: Command, tmp_path: Path, more: tuple[str, ...]
) -> None:
    (tmp_path / "seatrial.toml").write_text(CLUSTER)
    plan = tmp_path / "plan"
    command("observe", "render", "--on", "p5", "-o", str(plan), *more, SEATRIAL_CONFIG=str(tmp_path / "seatrial.toml"))
    agent = ("--agent",) if "--agent" in more else ()
    taken("promtool", "check", "config", *agent, str(plan / "head/prometheus.yml"))
    rules = [path for path in plan.rglob("seatrial.yml") if path.parent.name in ("rules", "amp")]
    units = [*plan.rglob("*.service"), *plan.rglob("*.timer")]
    assert rules and units
    for path in rules:
        taken("promtool", "check", "rules", str(path))
    for path in units if shutil.which("systemd-analyze") else ():
        taken("systemd-analyze", "verify", "--man=no", str(path))


def taken(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not re.search("FAILED|Unknown", done.stdout + done.stderr), (
        done.stdout + done.stderr
    )


def test_what_is_rendered_is_taken_by_promtool_and_amtool(command: Command, tmp_path: Path) -> None:
    command("observe", "render", "--webhook", "http://127.0.0.1:1/", "--output", str(tmp_path / "plan"))
    for words in (["promtool", "check", "config", "prometheus.yml"], ["amtool", "check-config", "alertmanager.yml"]):
        done = subprocess.run(words, cwd=tmp_path / "plan", capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
