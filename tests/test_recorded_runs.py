"""Folders of runs that an earlier version recorded: whatever changes, they are still read, judged and gone on with.

tests/recorded_runs holds what version 0.1.0 wrote in November 2026, without checkpoints and programs' output:
`restarted` lost a rank and completed, `stopped` was stopped on request, `submitted` is Slurm's and was cut off by it.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from seatrial import catalog, config
from seatrial.binding import bind
from seatrial.cli import cli
from seatrial.errors import UserError
from seatrial.events import CheckpointSaved, Restart, RunStart, Validation, encode
from seatrial.findings import Finding, Verdict, overall
from seatrial.history import History
from seatrial.runs import State

RECORDED = Path(__file__).parent / "recorded_runs"


@pytest.fixture
def history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> History:
    """A copy of them, as the folder of runs that the command uses."""
    shutil.copytree(RECORDED, tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    return History(tmp_path / "runs")


def call(*args: str) -> Result:
    result = CliRunner().invoke(cli, args)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_states(history):
    assert {run.id: run.state() for run in history.runs} == {
        "restarted": State.COMPLETED,
        "stopped": State.STOPPED,
        "submitted": State.FAILED,
    }
    rows = json.loads(call("runs", "--json").stdout)
    assert {row["run"]: (row["steps"], row["verdict"]) for row in rows} == {
        "restarted": (40, "WARN"),
        "stopped": (14, "UNKNOWN"),
        "submitted": (0, None),
    }


@pytest.mark.parametrize("name", ["restarted", "stopped"])
def test_every_event_is_read_and_says_what_it_said(history, name):
    run = history.find(name)
    log, lines = run.events(), run.events_path.read_text().splitlines()
    assert (len(log.events), log.unreadable) == (len(lines), 0)
    for timed, line in zip(log.events, lines, strict=True):
        if not isinstance(timed.event, Finding):  # whose words may be called otherwise now; see below
            assert json.loads(line).items() <= json.loads(encode(timed.event, timed.time)).items()


def test_what_happened_is_all_there(history):
    log = history.find("restarted").events()
    assert [(start.attempt, start.start_step) for start in log.of(RunStart)] == [(0, 0), (1, 10)]
    assert [event.rank for event in log.of(Restart)] == [1]
    assert [event.step for event in log.of(CheckpointSaved)] == [10, 20, 30, 40]
    assert [event.step for event in log.of(Validation)] == [20, 40]
    assert len(log.steps()) == 22 and log.end().ranks_agree


@pytest.mark.parametrize(("name", "verdict"), [("restarted", Verdict.WARN), ("stopped", Verdict.UNKNOWN)])
def test_findings_are_read_with_their_remedies_and_judged_the_same_anew(history, name, verdict):
    run = history.find(name)
    recorded = [json.loads(line) for line in (run.path / "findings.jsonl").read_text().splitlines()]
    for finding in [*run.findings(), *run.events().of(Finding)]:
        (then,) = [record for record in recorded if record["check"] == finding.check]
        told = {value for value in asdict(finding).values() if isinstance(value, str)}
        assert {then[key] for key in ("observed", "expected", "evidence", "action")} <= told
    assert overall(run.findings()) is verdict
    call("report", name)
    before = {record["check"]: record["verdict"] for record in recorded}
    today = {finding.check: finding.verdict for finding in run.findings()}
    assert {check: today[check] for check in before} == before
    assert {verdict for check, verdict in today.items() if check not in before} <= {Verdict.PASS}  # rules since then


@pytest.mark.parametrize("format", ["text", "md", "json", "html"])
def test_the_report_in_every_format(history, format):
    text = call("report", "restarted", "--format", format).stdout
    throughput = "5236." if format == "json" else "5.24K tokens/s"
    for told in ("run.rank-died", "SIGKILL", "step-00000010" if format == "json" else "checkpoint loaded", throughput):
        assert told in text


def test_a_comparison_with_itself_finds_nothing(history):
    record = json.loads(call("compare", "restarted", "restarted", "--json").stdout)
    (record,) = record["comparisons"]
    assert record["differences"] == [] and record["loss"]["bit_equal"]
    assert {measure["judgement"] for measure in record["measures"]} == {"within noise", "noise unknown"}
    assert [m["ratio"] for m in record["measures"] if m["name"] == "throughput"] == [1.0]


def test_it_can_be_gone_on_with(history):
    """A checkpoint of another digest is refused: the same settings must still give the one that wrote it."""
    stored = history.find("stopped").job
    case, recipe = catalog.recipe("fsdp")
    job = bind(case, recipe, config.cluster("local"), settings=stored.args, processes_per_node=2)
    assert (job.digest, job.args) == (stored.digest, stored.args)
    with pytest.raises(UserError, match="restarted is completed"):
        call("run", "fsdp", "--resume", "restarted")
    with pytest.raises(UserError, match=r"learning_rate was 0\.003"):
        call("run", "fsdp", "--resume", "stopped", "--set", "learning_rate=1.0")


def test_a_submitted_run_goes_back_to_its_cluster(history, tmp_path, monkeypatch):
    run, programs = history.find("submitted"), tmp_path / "programs"
    record = (run.path / "submission.json").read_text()
    (run.path / "submission.json").write_text(record.replace("/fsx", str(tmp_path / "fsx")))
    programs.mkdir()
    (programs / "sbatch").write_text("#!/bin/sh\necho 18\n")
    (programs / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    digest = run.job.digest
    call("run", "fsdp/llama3.2-1b", "--resume", "submitted", "--detach")
    assert run.submission().job_id == "18" and run.job.digest == digest
    there = tmp_path / "fsx" / "seatrial" / "submitted"
    files = (there / "job.sbatch").read_text() + (there / "start.sh").read_text()
    for kept in ("--partition=p5", "/fsx/images/seatrial.sqsh", "NCCL_DEBUG", "/opt/venv/bin/python"):
        assert kept in files
