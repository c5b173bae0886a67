"""A real Prometheus scrapes `seatrial observe export` while fsdp trains."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from seatrial.events import RunStart, Step
from tests.command import SHORT, Command, settings
from tests.observe.exporter import sysfs
from tests.observe.exporter.reading import samples, value
from tests.trials.observe.prometheus import Prometheus, missing
from tests.waiting import poll

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"not installed: {', '.join(missing())}; see .ci/run")


@pytest.fixture
def exporter(tmp_path: Path) -> Iterator[str]:
    """Its address, HOST:PORT."""
    sysfs.device(tmp_path / "sys")
    (tmp_path / "runs").mkdir()
    words = ["--collect", "run,efa,health", "--listen", "127.0.0.1:0", "--runs-dir", str(tmp_path / "runs")]
    words += ["--sys", str(tmp_path / "sys"), "--findings", str(tmp_path)]
    command = [sys.executable, "-m", "seatrial", "observe", "export", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = re.match(r"http://(127\.0\.0\.1:\d+)/metrics", process.stdout.readline())
        assert found is not None
        yield found[1]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0


def test_prometheus_has_the_loss_of_a_run_while_it_trains(exporter: str, tmp_path: Path) -> None:
    scrape = {"job_name": "seatrial", "honor_labels": True, "static_configs": [{"targets": [exporter]}]}
    command = Command(tmp_path / "runs")
    with Prometheus(tmp_path / "prometheus", [scrape]) as prometheus:
        process, run = command.begin("run", "fsdp", *settings(*SHORT), name="watched")
        poll(lambda: bool(prometheus.query("train_loss")), 120, "a loss is in Prometheus")
        assert process.poll() is None, "it trains"
        [labels] = prometheus.query('train_run_state{state="running"}')
        assert {("run_id", "watched"), ("case", "fsdp")} <= labels
        process.communicate(timeout=120)
        last: Step = run.events().steps()[-1]
        for name, expected in {"train_loss": last.loss, "train_step": last.step}.items():
            there = lambda n=name, e=expected: [*prometheus.query(n).values()] == [pytest.approx(e)]  # noqa: E731
            poll(there, 30, f"the last {name} is in Prometheus")
        poll(lambda: bool(prometheus.query('train_verdict{verdict="PASS"}')), 30, "the verdict is in Prometheus")
        assert [*prometheus.query("max_over_time(train_loss[10m]) > min_over_time(train_loss[10m])")], "it fell"
        assert [*prometheus.query('up{job="seatrial"}').values()] == [1]
        nodes = {dict(labels)["node"] for labels in prometheus.query("train_step_work_seconds")}
        assert nodes == {host.partition(".")[0] for host in run.events().last(RunStart).hosts}, "not exported_node"
        assert len(prometheus.query("node_amazonefa_tx_bytes")) == 1
        assert prometheus.query('seatrial_collector_success{collector="health"} == 0'), "no check was made here"


def test_promtool_has_nothing_to_say_of_what_is_served(exporter: str, tmp_path: Path) -> None:
    command = Command(tmp_path / "runs")
    command.fsdp("short")
    with urllib.request.urlopen(f"http://{exporter}/metrics", timeout=30) as answer:
        served = answer.read()
    assert value(samples(served), "train_step", run_id="short") == 24
    checked = subprocess.run(["promtool", "check", "metrics"], input=served, capture_output=True)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
