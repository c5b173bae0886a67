"""seatrial baseline record, list; and a run that is held against what was recorded, in every form of its report."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from seatrial.cli import cli
from seatrial.events import write_events
from seatrial.history import History
from tests.verdict.curves import log
from tests.verdict.test_baselines import job, losses


@pytest.fixture
def runs(tmp_path):
    history = History(tmp_path / "runs")
    for seed, factor in ((0, 1.0), (1, 1.0), (2, 1.0), (3, 1.0), (4, 1.4)):
        run = history.create(job(seed=seed), f"r{seed}")
        write_events(run.events_path, [(e.time, e.event) for e in log(losses(seed, factor), steps=100).events])
    return history.root


def seatrial(runs, *words):
    result = CliRunner().invoke(cli, [*words, "--runs-dir", str(runs)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.stdout


def test_record_list_and_a_report_against_it(runs):
    assert "there is no baseline yet" in seatrial(runs, "baseline", "list")
    made = seatrial(runs, "baseline", "record", "r0", "r1", "r2", "r1")
    assert "fsdp/tiny  1 to 100, 100 of them  5.76" in made and made.endswith(f"in {runs}/loss_baselines.json\n")
    [told] = json.loads(seatrial(runs, "baseline", "list", "--json"))
    assert told["runs"] == ["r0", "r1", "r2"] and told["args"]["learning_rate"] == 0.003
    assert "seed" not in told["args"] and len(told["band"]["low"]) == 100
    assert seatrial(runs, "baseline", "list") in made
    assert "PASS | run.loss-band" in seatrial(runs, "report", "r3", "--format", "md")
    assert "FAIL | run.loss-band | above it from step 1 to 100" in seatrial(runs, "report", "r4", "--format", "md")


def test_the_report_draws_the_band(runs):
    seatrial(runs, "baseline", "record", "r0", "r1", "r2")
    record = json.loads(seatrial(runs, "report", "r4", "--json"))
    assert record["baseline"][99]["step"] == 100 and set(record["baseline"][0]["metrics"]) == {"low", "high"}
    page = (runs / "r4" / "report.html").read_text()
    assert "baseline from" in page and "&#34;baseline.low&#34;" in page.replace("&quot;", "&#34;")
    seatrial(runs, "baseline", "record", "r3", "--json")


def test_nothing_is_recorded_of_runs_that_are_no_reference(runs):
    (runs / "r0" / "events.jsonl").write_text("")
    result = CliRunner().invoke(cli, ["baseline", "record", "r0", "--runs-dir", str(runs)])
    assert result.exit_code != 0 and not (runs / "loss_baselines.json").exists()
