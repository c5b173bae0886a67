"""seatrial forecast calibrate: runs of one's own as evidence, on the ways in which it is kept and refused."""

from __future__ import annotations

import itertools
import json
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from seatrial import catalog, config
from seatrial.binding import bind, elsewhere
from seatrial.cli import calibration, cli, rates, running
from seatrial.errors import ExitCode, UserError
from seatrial.events import EventWriter, PartTimes, RunEnd, RunStart, Step
from seatrial.history import History
from seatrial.rank.machine import processor
from seatrial.report.format import quantity
from seatrial.runs import Run
from seatrial.standing import Submission

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
    calibration.add(
        [
            replace(one, case="gone"),
            replace(one, run="other", args={"what": 1}),
            replace(one, run="third", args=one.args | {"model": "gone"}),
        ]
    )
    assert forecast() == before


def test_who_is_to_be_forgotten_and_was_not_kept_is_said(tmp_path: Path) -> None:
    made(tmp_path)
    told(tmp_path, "mine")
    with pytest.raises(UserError, match="no run that forecasts rest on is called 'min'\n    did you mean mine"):
        told(tmp_path, "min", "--forget")
    assert [one.run for one in calibration.read()] == ["mine"]


@pytest.mark.parametrize(
    "change", [{"tokens_per_second": float("nan")}, {"nodes": 0}, {"date": "today"}, {"args": None}, {"more": 1}]
)
def test_a_measurement_that_is_none_is_told_by_its_place(tmp_path: Path, change: dict[str, Any]) -> None:
    made(tmp_path)
    told(tmp_path, "mine")
    calibration.path().write_text(json.dumps([asdict(calibration.read()[0]) | change]), encoding="utf-8")
    with pytest.raises(UserError, match=f"own.json: cannot be read: 0 {next(iter(change))}: "):
        told(tmp_path)


@pytest.mark.parametrize("change", [{"shapes": []}, {"forward": [-1.0]}, {"backward": [float("inf")]}, {"part": 3}])
def test_parts_that_are_no_curves_are_told(tmp_path: Path, change: dict[str, Any]) -> None:
    rates_run(tmp_path)
    told(tmp_path, "parts")
    [kept] = json.loads(rates.path().read_text(encoding="utf-8"))
    kept["parts"][-1] |= change
    rates.path().write_text(json.dumps([kept]), encoding="utf-8")
    with pytest.raises(UserError, match=r"rates\.json: cannot be read: 0"):
        told(tmp_path)


def test_a_broken_file_is_one_clear_message(tmp_path: Path) -> None:
    calibration.path().parent.mkdir(parents=True)
    calibration.path().write_text("[{]", encoding="utf-8")
    with pytest.raises(UserError, match="cannot be read: Invalid JSON"):
        told(tmp_path)


PARTS = {
    "product": ((64, 64, 64), (512, 512, 512)),
    "attention": ((64, 32), (256, 32)),
    **dict.fromkeys(("norm", "activation", "rotation", "sum", "loss", "embedding"), ((8192,), (2**20,))),
    **dict.fromkeys(("gather", "reduce", "optimizer"), ((8, 2**14), (128, 2**20))),
    "host": ((2,),),
}


def rates_run(root: Path, name: str = "parts", *, seconds: float = 1e-4, settings: dict[str, str] | None = None) -> Run:
    """A run of the case rates on this machine, in which every part took as long."""
    case, recipe = catalog.recipe("rates/whole")
    job = bind(case, recipe, config.cluster("local"), settings=settings)
    run = History(root / "runs").create(job, name)
    writer = EventWriter(run.events_path)
    device = f"cpu ({processor()})"
    writer.write(
        RunStart(attempt=0, start_step=0, steps=3, world_size=2, device=device, backend="gloo", hosts=["here", "here"],
                 versions={"torch": "2.13.0"})
    )  # fmt: skip
    for part, corners in PARTS.items():
        shapes = list(itertools.product(*(sorted(set(axis)) for axis in zip(*corners, strict=True))))
        each = [seconds] * len(shapes)
        writer.write(PartTimes(part=part, axes=[], shapes=[list(one) for one in shapes], forward=each, backward=each))
    writer.write(RunEnd(outcome="completed", step=3))
    writer.close()
    return run


def on_cpus(*words: str) -> dict[str, Any]:
    done = CliRunner().invoke(cli, ["forecast", "fsdp/tiny", *words, "--json"])
    assert done.exit_code == 0, done.output
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_parts_that_were_measured_make_the_time_on_cpus_known(tmp_path: Path) -> None:
    assert on_cpus()["unknown"]["time"].endswith("seatrial forecast calibrate --microbench --processes 2")
    rates_run(tmp_path)
    assert "parts  cpu (" in told(tmp_path, "parts")
    time = on_cpus()["time"]
    assert time["tokens_per_second"]["low"] < time["tokens_per_second"]["expected"]
    assert time["evidence"] == [rates.read()[0].title] and "your run parts" in time["evidence"][0]
    assert rates.read()[0].hosts == ["here"]


def test_rates_of_cpus_are_said_to_be_of_ranks(tmp_path: Path) -> None:
    rates_run(tmp_path)
    told(tmp_path, "parts")
    both = CliRunner().invoke(cli, ["forecast", "compare", "fsdp/tiny", "fsdp/llama3.1-8b"])
    assert " tokens/s per rank or accelerator: " in both.stdout
    path = tmp_path / "step.svg"
    assert CliRunner().invoke(cli, ["forecast", "fsdp/tiny", "-o", str(path)]).exit_code == 0
    assert "tokens/s per rank<" in path.read_text(encoding="utf-8")


def test_a_run_on_cpus_is_no_measurement_and_says_what_is(tmp_path: Path) -> None:
    case, recipe = catalog.recipe("fsdp/tiny")
    History(tmp_path / "runs").create(bind(case, recipe, config.cluster("local")), "small")
    with pytest.raises(UserError, match=r"small: ran on CPUs, .*\n.*--microbench measures"):
        told(tmp_path, "small", "--instance", "p5.48xlarge")


def test_a_job_on_cpus_is_started_with_what_was_measured_there(tmp_path: Path) -> None:
    def dry_run() -> str:
        done = CliRunner().invoke(cli, ["run", "fsdp/tiny", "--dry-run"])
        assert done.exit_code == 0, done.output
        return done.stderr

    assert "expects" not in dry_run()
    rates_run(tmp_path)
    told(tmp_path, "parts")
    expected = on_cpus()["time"]["tokens_per_second"]["expected"] * 2
    assert f"expects {quantity(expected)} (" in dry_run()


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (("--processes", "1"), "--processes 1"),
        (("--set", "precision=bf16"), "--processes 2 --set dtype=bf16"),
    ],
)
def test_they_hold_for_as_many_ranks_and_their_dtype_alone(tmp_path: Path, words: list[str], remedy: str) -> None:
    rates_run(tmp_path)
    told(tmp_path, "parts")
    assert on_cpus(*words)["unknown"]["time"].endswith(f"calibrate --microbench {remedy}")


def test_another_processor_here_is_another_machine(tmp_path: Path) -> None:
    rates_run(tmp_path)
    told(tmp_path, "parts")
    other = replace(rates.read()[0], device="cpu (another)")
    rates.forget(["parts"]), rates.add([other])
    assert "not known" in on_cpus()["unknown"]["time"]


def test_a_newer_measurement_takes_the_place_of_an_older_one_and_another_dtype_stands_beside(tmp_path: Path) -> None:
    rates_run(tmp_path), rates_run(tmp_path, "newer", seconds=2e-4)
    rates_run(tmp_path, "narrow", settings={"dtype": "bf16"})
    told(tmp_path, "parts")
    before = on_cpus()["time"]["step"]
    told(tmp_path, "newer", "narrow")
    assert [one.run for one in rates.read()] == ["newer", "narrow"]
    assert on_cpus()["time"]["step"] == pytest.approx(2 * before)
    told(tmp_path, "newer", "--forget")
    assert [one.run for one in rates.read()] == ["narrow"] and "not known" in on_cpus()["unknown"]["time"]


def test_a_measurement_that_did_not_end_or_took_no_time_is_refused(tmp_path: Path) -> None:
    run = rates_run(tmp_path)
    rates_run(tmp_path, "none", seconds=0.0)
    lines = run.events_path.read_text(encoding="utf-8").splitlines(keepends=True)
    run.events_path.write_text("".join(line for line in lines if "part_times" not in line), encoding="utf-8")
    with pytest.raises(UserError) as caught:
        told(tmp_path, "parts", "none")
    assert [problem.what for problem in caught.value.problems] == [
        "has measured nothing",
        "cannot be used: holds a part that took no time",
    ]
    assert rates.read() == []


@pytest.mark.parametrize(
    ("ended", "remedy"),
    [(None, "seatrial forecast calibrate mb once it has ended well"), (ExitCode.STOPPED, "measure once more")],
)
def test_a_measurement_that_did_not_come_to_its_end_is_kept_by_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ended: int | None, remedy: str
) -> None:
    """Of a job that is only followed no more, and of one that was stopped, which no case goes on with."""
    run, end = rates_run(tmp_path, "mb"), None if ended is None else SimpleNamespace(code=ended)
    for name, answer in {
        "prepare": SimpleNamespace(job=None, where=None),
        "make_environment": None,
        "begin": (None, [run]),
        "follow": end,
    }.items():
        monkeypatch.setattr(running, name, lambda *_, answer=answer, **__: answer)
    with pytest.raises(UserError, match=f"mb: did not come to its end\n    {remedy}"):
        told(tmp_path, "--microbench")
    assert rates.read() == []


def test_what_is_for_a_measurement_needs_one(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        told(tmp_path, "--processes", "2", "--set", "sweeps=1")
    assert [problem.where for problem in caught.value.problems] == ["--processes", "--set"]
    with pytest.raises(UserError, match="makes a run of its own"):
        told(tmp_path, "mine", "--microbench")


def test_broken_rates_are_one_clear_message(tmp_path: Path) -> None:
    rates.path().parent.mkdir(parents=True)
    rates.path().write_text("[{]", encoding="utf-8")
    with pytest.raises(UserError, match="cannot be read: Invalid JSON"):
        told(tmp_path)
