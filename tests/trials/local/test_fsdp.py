"""fsdp/tiny in all that may happen to it: killed, stopped, corrupted, on a full disk, diverging, compiled, resized."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from seatrial.events import CheckpointLoaded, CheckpointSaved, Restart, RunStart
from seatrial.findings import Finding
from seatrial.runs import State
from tests.command import SHORT, checkpoints, is_gone, losses, rank_pid, settings, wait_for_step


def test_a_killed_rank_costs_nothing_but_time(command, undisturbed):
    """SIGKILL of a random rank at a random step: the same losses, bit for bit."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    rank, step = dice.randrange(2), dice.randrange(1, 23)
    process, run = command.begin("run", "fsdp", *settings(*SHORT), name="killed")
    wait_for_step(run, step)
    os.kill(rank_pid(run, rank), signal.SIGKILL)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    log = run.events()
    assert log.of(Restart)[0].reason == f"rank {rank} was killed by SIGKILL"
    assert losses(run) == losses(undisturbed)
    assert is_gone(run)


def test_ctrl_c_stops_and_an_asynchronous_checkpoint_resumes_at_another_world_size(command, undisturbed):
    process, run = command.begin("run", "fsdp", *settings(*SHORT, "checkpoint_async=true"), name="async")
    wait_for_step(run, 7)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 75
    assert is_gone(run)
    assert any(saved.asynchronous for saved in run.events().of(CheckpointSaved))
    command("run", "fsdp", "--resume", "--processes", "4")
    assert run.events().last(RunStart).world_size == 4
    assert run.events().last(CheckpointLoaded).world_size == 2
    for step, loss in losses(undisturbed).items():
        assert losses(run)[step] == pytest.approx(loss, rel=1e-4)


def test_a_corrupted_checkpoint_is_skipped_and_the_one_before_used(command, undisturbed):
    run = command.fsdp("corrupted", "--set", "steps=24")
    newest = run.checkpoints / "step-00000024"
    victim = max(newest.glob("*.distcp"), key=lambda path: path.stat().st_size)
    with victim.open("r+b") as file:
        file.seek(victim.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
    forget_the_end(run)
    command("run", "fsdp", "--resume", "corrupted")
    log = run.events()
    damaged = [f for f in log.of(Finding) if f.check == "checkpoint.damaged"]
    assert len(damaged) == 1 and "step-00000024" in damaged[0].observed
    assert log.last(CheckpointLoaded).step == 18
    assert losses(run) == losses(undisturbed)
    assert run.state() is State.COMPLETED


def forget_the_end(run) -> None:
    """As if the machine had died just before the run could say that it was over."""
    lines = run.events_path.read_text().splitlines(keepends=True)
    assert json.loads(lines[-1])["type"] == "run_end"
    run.events_path.write_text("".join(lines[:-1]))
    assert run.state() is State.LOST


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_rank_that_is_told_to_stop_saves_and_the_run_resumes(command, undisturbed, number):
    """As Slurm does it, to one rank only; the other must learn of it and save with it."""
    name = f"told {number.name}"
    process, run = command.begin("run", "fsdp", *settings(*SHORT), name=name)
    wait_for_step(run, 8)
    os.kill(rank_pid(run, 1), number)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 75, out + err
    assert run.state() is State.STOPPED
    stopped_at = run.events().end().step
    assert 8 < stopped_at < 24
    assert f"step-{stopped_at:08d}" in checkpoints(run)
    resume = next(line for line in out.splitlines() if line.startswith("resume"))
    command(*shlex.split(resume)[2:])
    assert run.events().last(CheckpointLoaded).step == stopped_at
    assert losses(run) == losses(undisturbed)


@pytest.mark.parametrize("ranks", [1, 4])
def test_the_loss_curve_does_not_depend_on_the_world_size(command, undisturbed, ranks):
    run = command.fsdp(f"{ranks} ranks", "--processes", str(ranks), "--set", "checkpoint_every=0")
    for step, loss in losses(undisturbed).items():
        assert losses(run)[step] == pytest.approx(loss, rel=1e-4)


def test_a_full_disk_is_a_finding_and_the_last_good_checkpoint_stays(command, undisturbed, tmp_path):
    """Two checkpoints of 10.5 MB fit into 27 MB, a third does not until the oldest is gone."""
    small, kept = tmp_path / "small", tmp_path / "kept"
    small.mkdir()
    seatrial = [sys.executable, "-m", "seatrial", "run", "fsdp", "--name", "full", *settings(*SHORT)]
    script = 'mount -t tmpfs -o size=27m tmpfs "$1" && shift 2 && "$@"; code=$?; cp -r small/full kept; exit $code'
    spaces = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*spaces, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine allows no mount namespaces: unshare failed")
    done = subprocess.run(
        [*spaces, "sh", "-c", script, "sh", str(small), str(kept), *seatrial],
        cwd=tmp_path,
        env={
            **os.environ,
            "SEATRIAL_RUNS_DIR": str(small),
            "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path)),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    run = type(undisturbed)(kept)
    failed = [f for f in run.events().of(Finding) if f.check == "checkpoint.save"]
    assert [f.observed.split(":")[0] for f in failed] == ["step 18", "step 24"]
    assert "0.0 MB free" in failed[0].observed
    assert checkpoints(run) == ["step-00000006", "step-00000012"]
    assert losses(run) == losses(undisturbed)
    assert run.state() is State.COMPLETED


def test_a_loss_that_is_not_a_number_ends_the_run_without_a_restart(command):
    diverging = settings(*SHORT, "learning_rate=1e30", "grad_clip=0")
    out = command("run", "fsdp", "--name", "diverged", *diverging, "--max-restarts", "3", expect=1)
    run = command.find("diverged")
    assert not run.events().of(Restart)
    assert run.state() is State.FAILED
    assert "FAIL    run.finite" in out


def test_bf16_with_every_option_of_the_trainer_trains(command):
    """Hybrid sharding on a 2-D mesh, selective recomputation, linear schedule, validation, logging every 4 steps."""
    run = command.fsdp(
        'it\'s "all" öptions\n-- $x',  # a name that a careless shell line would break on
        *settings("precision=bf16", "shard_size=1", "recompute=selective", "schedule=linear", "log_every=4"),
        *settings("validation_every=12", "reshard_after_forward=false", "steps=24"),
    )
    assert list(losses(run)) == [1, 4, 8, 12, 16, 20, 24]
    assert {f.check: str(f.verdict) for f in run.findings()}["run.ranks-agree"] == "PASS"


@pytest.mark.skipif(
    " " in str(importlib.util.find_spec("torch").origin), reason="torch cannot link from a path that has a space in it"
)
def test_compiled_blocks_give_the_same_losses(command, undisturbed):
    run = command.fsdp("compiled", "--processes", "1", *settings("compile=true", "steps=2", "checkpoint_every=0"))
    assert run.state() is State.COMPLETED
    for step in (1, 2):  # both in the warm-up, so the schedule is the same
        assert losses(run)[step] == pytest.approx(losses(undisturbed)[step], rel=1e-4)


def test_a_text_glob_with_a_local_tokenizer_trains(command, tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    text = (Path(__file__).parents[3] / "LICENSE").read_text() * 8
    folder = tmp_path / "with 'quotes' and spaces"
    folder.mkdir()
    for index in range(4):
        (folder / f"-{index} ä.txt").write_text(text)
    tokenizer = tokenizers.ByteLevelBPETokenizer()
    tokenizer.train_from_iterator([text], vocab_size=300, special_tokens=["<|endoftext|>"])
    tokenizer.save(str(folder / "tokenizer.json"))
    run = command.fsdp(
        "text",
        *settings(f"dataset=text:{folder}/*.txt", f"tokenizer={folder}/tokenizer.json", "checkpoint_every=0"),
    )
    assert run.state() is State.COMPLETED
