"""The command: bad input gets one clear message, exit code 2, and creates nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from seatrial.binding import bind
from seatrial.events import EventWriter, RunEnd
from seatrial.history import History
from tests.test_binding import CASE, LOCAL, TINY


@pytest.fixture
def seatrial(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*args: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "seatrial", *args], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == expect, done.stdout + done.stderr
        return done

    return call


BAD = [
    (("run", "fsdq"), ["no case is called 'fsdq'", "did you mean fsdp"]),
    (("run", "fsdp/tinny"), ["did you mean tiny"]),
    (("render", "fsdp", "--set", "stepz=4"), ["did you mean steps"]),
    (("run", "fsdp", "--set", "steps"), ["'steps' is not KEY=VALUE"]),
    (("run", "fsdp", "--set", "steps=many"), ["--set steps", "'many'"]),
    (("run", "fsdp", "--set", "schedule=cosin"), ["'cosine', 'linear' or 'constant'"]),
    (("run", "fsdp", "--on", "lokal"), ["did you mean local"]),
    (
        ("run", "fsdp", "--processes", "3"),
        ["8 do not divide into 3 data-parallel ranks x 2", "--set global_batch_size="],
    ),
    (("run", "fsdp", "--processes", "999"), ["999 processes per node"]),
    (("run", "fsdp", "--set", "dataset=text:nothing/*.txt"), ["matches no file"]),
    (("run", "fsdp", "--set", "dataset=text:zero.bin", "--set", "validation_every=0"), ["is not UTF-8 text"]),
    (("run", "fsdp", "--set", "tokenizer=broken.json"), ["the tokenizer does not load"]),
    (("run", "fsdp", "--set", "dataset=cloud:x"), ["choose from: stdlib, text:GLOB"]),
    (("run", "fsdp", "--name", "a/b"), ["cannot be the name of a folder"]),
    (("run", "fsdp", "--resume"), ["no unfinished run of fsdp/tiny"]),
    (("run", "nofile.py"), ["there is no such file"]),
    (("status",), ["there are no runs"]),
    (("logs", "x"), ["there are no runs"]),
    (("render", "fsdp", "-o", "."), ["not an empty folder"]),
    (
        ("run", "fsdp/llama3.1-8b", "--set", "shard_size=5"),
        ["needs 4 nodes", "no accelerator", "HF_TOKEN is not set", "groups of 5"],
    ),
]


@pytest.mark.parametrize(("args", "parts"), BAD, ids=[" ".join(args) for args, _ in BAD])
def test_bad_input_is_told_clearly_and_nothing_is_created(seatrial, tmp_path, args, parts):
    (tmp_path / "zero.bin").write_bytes(b"\0\1\2\n" * 5000)
    (tmp_path / "broken.json").write_text("{}")
    before = sorted(tmp_path.rglob("*"))
    done = seatrial(*args, expect=2)
    for part in parts:
        assert part in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert sorted(tmp_path.rglob("*")) == before


def test_help_names_the_exit_codes(seatrial):
    text = seatrial("--help").stdout
    assert "75  stopped with a checkpoint" in text
    assert all(word in text for word in ("list", "show", "run", "render", "compare"))


def test_ctrl_c_before_anything_was_started(tmp_path):
    """The case is still being imported: there is no run yet that could be stopped."""
    os.mkfifo(tmp_path / "begun")
    (tmp_path / "slow.py").write_text("import time\nopen('begun', 'w').close()\ntime.sleep(60)\n")
    command = [sys.executable, "-m", "seatrial", "run", "./slow.py"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        (tmp_path / "begun").read_text()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said.strip()) == (130, "interrupted")
    assert {path.name for path in tmp_path.iterdir()} - {"__pycache__"} == {"begun", "slow.py"}


def test_list_and_show_as_json(seatrial):
    listed = json.loads(seatrial("list", "--json").stdout)
    assert {case["case"] for case in listed} >= {"fsdp", "cpu-ddp"}
    assert all(case["fidelity"] and case["fidelity_note"] for case in listed)
    assert "our own engine" in seatrial("show", "picotron").stdout
    published = [f for case in listed for recipe in case["recipes"] for f in recipe["published"]]
    assert published and all(f["source"] and f["instance_type"] and f["value"] > 0 for f in published)
    assert "6,785 tokens/s per accelerator on 4 x p5.48xlarge" in seatrial("show", "torchtitan/llama3-8b").stdout
    shown = json.loads(seatrial("show", "fsdp/llama3.1-8b", "--json").stdout)
    assert shown["parameters"] == 8_030_261_248
    assert "Sequences per optimizer step" in seatrial("show", "fsdp").stdout


def test_a_dry_run_says_rendered_and_starts_nothing(seatrial, tmp_path):
    done = seatrial("render", "fsdp", "-o", "plan here")
    assert done.stdout.startswith("RENDERED") and "PASS" not in done.stdout
    assert sorted(p.name for p in (tmp_path / "plan here").iterdir()) == ["commands.sh", "job.json"]
    assert json.loads(seatrial("render", "fsdp", "--json").stdout)["state"] == "RENDERED"
    assert not (tmp_path / "runs").exists()


def test_a_dry_run_needs_no_secret_and_names_it(seatrial, tmp_path):
    (tmp_path / "seatrial.toml").write_text(
        '[clusters.p5]\nlauncher = "slurm"\nnodes = 4\ninstance_type = "p5.48xlarge"\nshared = "/fsx"\n'
        '[clusters.eks]\nlauncher = "kubernetes"\nnodes = 4\ninstance_type = "p5.48xlarge"\nimage = "a/b:1"\n'
        'options.secret_name = "hub"\n'
    )
    done = seatrial("render", "fsdp/llama3.1-8b", "--on", "p5")
    assert done.stderr.splitlines()[-1] == "needs HF_TOKEN when it runs, from the environment"
    done = seatrial("render", "fsdp/llama3.1-8b", "--on", "eks", "--json")
    assert done.stderr.splitlines()[-1] == "needs HF_TOKEN when it runs, from a secret of the cluster"
    assert json.loads(done.stdout)["secrets"] == ["HF_TOKEN"]
    assert "needs" not in seatrial("render", "fsdp").stderr
    assert "HF_TOKEN is not set" in seatrial("run", "fsdp/llama3.1-8b", "--on", "p5", expect=2).stderr


def test_the_rendered_plan(seatrial, golden):
    text = seatrial("render", "fsdp").stdout
    threads = text.split("OMP_NUM_THREADS=")[1].split()[0]  # cores of this machine
    text = text.replace(f"OMP_NUM_THREADS={threads}", "OMP_NUM_THREADS=N")
    golden("render_fsdp.txt", text.replace(f'"threads_per_process": {threads}', '"threads_per_process": N'))


@pytest.fixture
def ended(tmp_path):
    """A run that is over, made by hand."""
    run = History(tmp_path / "runs").create(bind(CASE, TINY, LOCAL), "it's 1")
    writer = EventWriter(run.events_path)
    writer.write(RunEnd(outcome="failed", step=3, reason="rank 1 was killed by SIGKILL"))
    writer.close()
    run.log_path(0).write_text("hello\nworld\n")
    run.log_path(1).write_text("bye")
    return run


def test_runs_status_logs_report_of_a_run_that_is_over(seatrial, ended):
    assert json.loads(seatrial("runs", "--json").stdout)[0]["state"] == "failed"
    assert json.loads(seatrial("status", "--json").stdout)["verdict"] == "FAIL"
    assert seatrial("logs", "it's", "--rank", "0").stdout == "hello\nworld\n"
    assert seatrial("logs", "-f").stdout == "0: hello\n0: world\n1: bye\n"
    assert "SIGKILL" in seatrial("report", "it's 1").stdout
    assert json.loads(seatrial("report", "--json").stdout)
    assert "is not running: it is failed" in seatrial("cancel", "it's 1", expect=2).stderr
    assert "no rank is called '2'" in seatrial("logs", "--rank", "2", expect=2).stderr


def test_completion_scripts(seatrial):
    for shell in ("bash", "zsh", "fish"):
        if shell == "bash" and not Path("/bin/bash").exists():
            continue
        assert "_SEATRIAL_COMPLETE" in seatrial("completion", shell).stdout
