"""seatrial forecast calibrate: runs of one's own as evidence, on the ways in which it is kept and refused."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from seatrial import catalog
from seatrial.binding import bind, elsewhere
from seatrial.cli import calibration, cli
from seatrial.errors import UserError
from seatrial.events import EventWriter, RunEnd, RunStart, Step
from seatrial.runs import History, Run, Submission

TARGET = "fsdp/llama3.1-8b"
RATE = 6_000
"""Tokens a second of each of 32 GPUs; the published ones alone let expect more."""


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def made(
    root: Path, name: str = "mine", *, target: str = TARGET, rate: float = RATE, steps: int = 20, known: bool = True
) -> Run:
    """A run on the nodes of its recipe, 4 x p5.48xlarge, as an engine had it. `rate` is that of a rank."""
    case, recipe = catalog.recipe(target)
    where = elsewhere(recipe, None, None, None)
    job = bind(case, recipe, where)
    run = History(root / "runs").create(job, name)
    if known:
        run.save_submission(Submission(name=name, cluster=asdict(replace(where, options=None))))
    writer = EventWriter(run.events_path)
    writer.write(
        RunStart(attempt=0, start_step=0, steps=steps, world_size=job.world_size, device="H100", backend="nccl")
    )
    count = job.args["global_batch_size"] * job.args["sequence_length"]
    for step in range(1, steps + 1):
        writer.write(Step(step=step, loss=5.0, count=count, seconds=count / rate / job.world_size))
    writer.write(RunEnd(outcome="completed", step=steps, ranks_agree=True))
    writer.close()
    return run


def told(root: Path, *args: str) -> str:
    done = CliRunner().invoke(cli, ["forecast", "calibrate", *args, "--runs-dir", str(root / "runs")])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def forecast() -> dict[str, Any]:
    done = CliRunner().invoke(cli, ["forecast", TARGET, "--json"])
    assert done.exit_code == 0, done.output
    time = json.loads(done.stdout)["time"]
    return {**time["tokens_per_second"], "evidence": time["evidence"]}


def test_a_run_of_one_s_own_moves_the_forecast_towards_it_and_narrows_it(tmp_path: Path) -> None:
    before = forecast()
    made(tmp_path)
    assert "mine  fsdp/llama3.1-8b  4 x p5.48xlarge  6,000" in told(tmp_path, "mine")
    after = forecast()
    assert abs(after["expected"] - RATE) < 0.25 * abs(before["expected"] - RATE)
    assert after["high"] / after["low"] < 0.7 * before["high"] / before["low"]
    assert after["low"] < RATE < after["high"]
    assert after["evidence"][0].startswith("your run mine: fsdp/llama3.1-8b on 32 H100 SXM")


def test_what_is_forgotten_no_longer_counts(tmp_path: Path) -> None:
    before = forecast()
    made(tmp_path), made(tmp_path, "other")
    told(tmp_path, "mine", "other")
    assert [one.run for one in calibration.read()] == ["mine", "other"]
    assert "mine" not in told(tmp_path, "mine", "--forget") and [one.run for one in calibration.read()] == ["other"]
    assert "no run of your own" in told(tmp_path, "--forget")
    assert forecast() == before


def test_a_chip_of_several_ranks_has_no_forecast_that_its_run_could_move(tmp_path: Path) -> None:
    made(tmp_path, target="neuronx-distributed/llama3-8b-trn2", rate=100)
    with pytest.raises(UserError, match="is of no job that can be forecast"):
        told(tmp_path, "mine")
    assert not calibration.read()


def test_as_json_it_holds_all_that_is_kept(tmp_path: Path) -> None:
    made(tmp_path)
    [one] = json.loads(told(tmp_path, "mine", "--json"))
    assert one == asdict(calibration.read()[0]) and one["tokens_per_second"] == pytest.approx(RATE)


def test_a_run_is_kept_once(tmp_path: Path) -> None:
    made(tmp_path)
    told(tmp_path, "mine")
    told(tmp_path, "mine")
    assert len(calibration.read()) == 1


def test_all_that_cannot_be_used_is_said_at_once_and_nothing_is_kept(tmp_path: Path) -> None:
    made(tmp_path, "short", steps=2)
    made(tmp_path, "elsewhere", known=False)
    made(tmp_path, "good")
    with pytest.raises(UserError) as caught:
        told(tmp_path, "short", "elsewhere", "good")
    assert [problem.what for problem in caught.value.problems] == [
        "has no steady steps",
        "is of no accelerators that are known",
    ]
    assert calibration.read() == []
    assert "elsewhere" in told(tmp_path, "elsewhere", "--instance", "p5.48xlarge")


def test_figures_that_cannot_be_are_refused(tmp_path: Path) -> None:
    run = made(tmp_path, rate=RATE * 20)
    start = '"peak_flops": 989.4e12, "flops_per_token": {"full": 57.9e9}'
    text = run.events_path.read_text(encoding="utf-8")
    told_ = [line for line in text.splitlines() if '"run_start"' in line]
    changed = json.loads(told_[0]) | json.loads("{" + start + "}")
    run.events_path.write_text(text.replace(told_[0], json.dumps(changed)), encoding="utf-8")
    with pytest.raises(UserError, match="faster than its hardware can be"):
        told(tmp_path, "mine")


def test_a_case_that_is_gone_is_left_out(tmp_path: Path) -> None:
    before = forecast()
    made(tmp_path)
    told(tmp_path, "mine")
    [one] = calibration.read()
    calibration.write([replace(one, case="gone"), replace(one, args={"what": 1})])
    assert forecast() == before


def test_a_broken_file_is_one_clear_message(tmp_path: Path) -> None:
    calibration.path().parent.mkdir(parents=True)
    calibration.path().write_text("[{]", encoding="utf-8")
    with pytest.raises(UserError, match="holds no measurements"):
        told(tmp_path)
