"""seatrial read: recorded logs of the real frameworks, as a user hands them over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from seatrial.report import render
from seatrial.runs import Run
from tests.command import here

RECORDED = Path(__file__).parents[1] / "cases" / "recorded"


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def call(*args: str | Path, expect: int = 3) -> dict[str, Any]:
        done = here("read", *args, "--runs-dir", tmp_path / "runs", "--json", expect=expect)
        return {"error": done.stderr} if expect == 2 else json.loads(done.stdout)

    return call


def verdicts(answer: dict[str, Any]) -> dict[str, str]:
    return {finding["check"]: finding["verdict"] for finding in answer["findings"]}


LINE = (
    "{rank:>2}: 2025-03-04 00:00:{second:06.3f} - root - INFO - \x1b[36mstep: {step:2}  \x1b[32mloss: {loss:7.4f}  "
    "\x1b[33mmemory: 36.57GiB(46.20%)  \x1b[34mtps: {rate}  \x1b[35mmfu: 39.73%\x1b[39m\n"
)


@pytest.mark.parametrize(("rate", "verdict"), [("6,785", "PASS"), ("6,446", "PASS"), ("6,445", "FAIL")])
def test_a_log_of_srun_is_held_against_the_published_figure(read, tmp_path, rate, verdict):
    """Four nodes as upstream's example prints them: every rank, with srun's labels and colours."""
    log = tmp_path / "slurm-17.out"
    lines = [
        LINE.format(rank=rank, second=step * 8192 / 6785, step=step, loss=12.0 - step / 2, rate=rate)
        for step in range(1, 21)
        for rank in (3, 0, 31)
    ]
    log.write_text("".join(lines))
    answer = read("torchtitan/llama3-8b", log, "--name", "theirs", expect=1 if verdict == "FAIL" else 3)
    found = verdicts(answer)
    assert found["run.published"] == verdict
    assert found["run.ranks-agree"] == found["run.completed"] == "UNKNOWN"  # what a log cannot know
    assert answer["world_size"] == 32
    events = (tmp_path / "runs/theirs/events.jsonl").read_text().splitlines()
    assert sum('"type": "step"' in line for line in events) == 20
    assert (tmp_path / "runs/theirs/report.html").stat().st_size > 10_000
    if rate == "6,785":  # the log's own figure and ours, which is reckoned of the recipe's workload and its hardware
        figures = json.loads(render(Run(tmp_path / "runs/theirs"), [], "json"))
        assert figures["printed"]["mfu"] == pytest.approx(0.3973)
        assert figures["mfu"]["full"] == pytest.approx(0.3973, abs=2e-4)  # torchtitan takes 989, the table 989.4


@pytest.mark.parametrize(
    ("target", "log", "expect"),
    [
        ("torchtitan/tiny", "torchtitan.log", 3),
        ("megatron-lm/tiny", "megatron.log", 3),
        ("picotron/tiny", "picotron.log", 3),
        ("composer-mpt/tiny", "composer-mpt.log", 1),
        ("composer-stable-diffusion/tiny-ema", "composer_stable_diffusion.log", 3),
    ],
)
def test_every_framework_that_prints_is_read(read, target, log, expect):
    # Some are too short for the loss to fall by what their recipe states.
    answer = read(target, RECORDED / log, expect=expect)
    found = verdicts(answer)
    assert found["run.finite"] == "PASS" and "run.log-readable" not in found


def test_the_log_of_another_framework_is_refused_and_leaves_no_run(read, tmp_path):
    answer = read("torchtitan", RECORDED / "megatron.log", expect=2)
    assert "is it a log of torchtitan 0.2.2?" in answer["error"]
    assert "cpu-ddp prints no metric lines" in read("cpu-ddp", RECORDED / "megatron.log", expect=2)["error"]
    assert not (tmp_path / "runs").exists()


def test_auto_finds_whose_log_it_is_and_expects_nothing(read):
    answer = read("auto", RECORDED / "torchtitan.log", "--name", "found")
    found = verdicts(answer)
    assert (found["run.completed"], found["run.finite"], found["run.loss-fell"]) == ("PASS", "PASS", "UNKNOWN")
    assert answer["world_size"] == 2  # as the log says


CASES = Path(__file__).parents[1] / "reading" / "cases"


@pytest.mark.parametrize(
    ("log", "options", "said"),
    [
        ("auto-knows-nothing-of-megatron.log", [], "(hardware unknown)"),
        ("auto-does-not-know-the-hardware.log", [], "(unknown device of 79.3 GiB, as the log says)"),
        ("auto-finds-the-gpu-in-the-log.log", [], "(NVIDIA A100-SXM4-80GB, as the log says)"),
        ("auto-does-not-know-the-hardware.log", ["--instance", "p5.48xlarge", "--nodes", "4"], "(cuda)"),
    ],
)
def test_auto_says_of_the_hardware_what_is_known(tmp_path, log, options, said):
    text = (CASES / log).read_text().split("\n")
    (tmp_path / log).write_text("\n".join(line for line in text if not line.startswith("# ")))
    done = here("read", "auto", tmp_path / log, "--runs-dir", tmp_path, "--name", "a", *options, expect=3)
    assert f"lost: UNKNOWN {said}\n" in done.stdout, done.stdout + done.stderr
    figures = json.loads(render(Run(tmp_path / "a"), [], "json"))
    assert figures["world_size"] == (32 if options else 1) and figures["parameters"] is None
    assert figures["expected"] is None  # the model and the batch are not known
    assert (figures["peak_flops"] is not None) == ("A100" in said or bool(options))


def test_auto_says_what_it_looked_for(read, tmp_path):
    log = tmp_path / "other.log"
    log.write_text("epoch 1 is done\n")
    assert "hf-trainer" in read("auto", log, expect=2)["error"]
    assert not (tmp_path / "runs").exists()


def test_a_framework_that_is_no_case_is_read_by_its_name(read, tmp_path):
    log = tmp_path / "trainer.log"
    log.write_text("{'loss': 2.5, 'grad_norm': 1.0}\n{'loss': 2.25, 'grad_norm': 1.0}\n{'train_runtime': 9.0}\n")
    assert verdicts(read("hf-trainer", log))["run.completed"] == "PASS"


def test_a_crash_behind_the_last_step_fails_with_the_line(read, tmp_path):
    log = tmp_path / "crash.log"
    log.write_text((RECORDED / "torchtitan.log").read_text() + "[rank1]: RuntimeError: peer is gone\n")
    answer = read("torchtitan/tiny", log, expect=1)
    [completed] = [one for one in answer["findings"] if one["check"] == "run.completed"]
    assert completed["verdict"] == "FAIL" and "'RuntimeError: peer is gone'" in completed["observed"]


@pytest.mark.parametrize(("rate", "verdict"), [("6,785", "PASS"), ("4,000", "FAIL")])
def test_a_log_is_held_against_the_forecast_of_its_hardware(read, tmp_path, rate, verdict):
    log = tmp_path / "slurm-17.out"
    each = 8192 / float(rate.replace(",", ""))
    lines = [
        LINE.format(rank=0, second=step * each, step=step, loss=12.0 - step / 2, rate=rate) for step in range(1, 21)
    ]
    slow = "".join(lines).replace("36.57GiB(46.20%)", "68.57GiB(86.69%)")  # as another batch would
    log.write_text("".join(lines) if verdict == "PASS" else slow)
    found = verdicts(read("torchtitan/llama3-8b", log, expect=3 if verdict == "PASS" else 1))
    assert found["run.expected"] == found["run.expected-memory"] == verdict
