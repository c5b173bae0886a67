"""How a run was started is kept; secrets are not."""

import json
import subprocess

import pytest

from seatrial import provenance
from seatrial.runs import Run


@pytest.fixture
def run(tmp_path):
    (tmp_path / "run").mkdir()
    return Run(tmp_path / "run")


def collect(argv, environ, **known):
    return provenance.collect(argv, environ, **{"folder": "/work", "host": "n1", "moment": 1.0} | known)


def test_a_command_line_is_kept_as_a_shell_takes_it_and_without_secrets():
    argv = [
        "/venv/bin/seatrial",
        "run",
        "my case.py",
        "--set",
        "hf_token=open sesame",
        "--name",
        "AKIAIOSFODNN7EXAMPLE",
    ]
    assert collect(argv, {}).command == "seatrial run 'my case.py' --set 'hf_token=***' --name 'AKIA***'"


def test_variables_that_decide_how_ranks_run_are_kept_and_no_others():
    environ = {
        "NCCL_DEBUG": "INFO", "FI_PROVIDER": "efa", "OMP_NUM_THREADS": "2", "CUDA_VISIBLE_DEVICES": "0,1",
        "NEURON_RT_LOG_LEVEL": "INFO", "HF_TOKEN": "hf_abcdefghijklmnopqrstuvwxyz", "TORCH_API_KEY": "x", "HOME": "/me",
        "XLA_FLAGS": "--url=https://me:opensesame@host/", "AWS_SECRET_ACCESS_KEY": "y",
    }  # fmt: skip
    found = collect(["seatrial"], environ).variables
    assert list(found) == [
        "CUDA_VISIBLE_DEVICES", "FI_PROVIDER", "NCCL_DEBUG", "NEURON_RT_LOG_LEVEL", "OMP_NUM_THREADS", "XLA_FLAGS",
    ]  # fmt: skip
    assert found["XLA_FLAGS"] == "--url=https://***@host/"


def test_each_start_is_a_line_and_a_torn_one_costs_only_itself(run, monkeypatch):
    monkeypatch.setattr("sys.argv", ["seatrial", "run", "fsdp"])
    provenance.record(run)
    provenance.record(run)
    with (run.path / provenance.FILE).open("a") as file:
        file.write('{"time": 1')
    starts = provenance.read(run)
    assert [start.command for start in starts] == ["seatrial run fsdp"] * 2
    assert starts[0].code == "" and json.loads((run.path / provenance.FILE).read_text().splitlines()[0])["host"]


def test_a_run_of_before_has_none(run):
    assert provenance.read(run) == []


def git(folder, *args):
    who = ["-c", "user.name=me", "-c", "user.email=me@example.com"]
    subprocess.run(["git", "-C", str(folder), *who, *args], check=True, capture_output=True)


def test_the_commit_of_the_user_s_case(tmp_path, run, monkeypatch):
    case = tmp_path / "mine.py"
    case.write_text("CASE = 1\n")
    assert provenance.commit(case) == ""
    git(tmp_path, "init")
    git(tmp_path, "add", "mine.py")
    git(tmp_path, "commit", "-m", "one")
    clean = provenance.commit(case)
    assert len(clean) == 40
    (tmp_path / "notes.txt").write_text("not of the case")
    assert provenance.commit(case) == clean
    case.write_text("CASE = 2\n")
    assert provenance.commit(case) == f"{clean}, mine.py changed since"
    monkeypatch.setattr("sys.argv", ["seatrial", "run", f"{case}:tiny", "--set", "steps=3"])
    provenance.record(run)
    assert provenance.read(run)[0].code.startswith(clean)
