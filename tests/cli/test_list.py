"""seatrial list: cases first, recipes on demand, what fits where, and a terminal's width."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from tests.command import here

SEATRIAL = [sys.executable, "-m", "seatrial"]


@pytest.fixture(scope="module")
def listed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("list")
    (folder / "seatrial.toml").write_text(
        '[clusters.p5]\nlauncher = "slurm"\nnodes = 2\ninstance_type = "p5.48xlarge"\nshared = "/fsx"\n'
    )

    def call(*args: str, expect: int = 0) -> str:
        with contextlib.chdir(folder):
            done = here("list", *args, expect=expect)
        return done.stdout if expect == 0 else done.stderr

    return call


def test_cases_first_each_once(listed):
    header, *lines = listed().splitlines()
    assert header.split()[:3] == ["CASE", "FRAMEWORK", "RECIPES"]
    names = [line.split()[0] for line in lines]
    assert names == sorted(set(names)) and {"fsdp", "cpu-ddp"} <= set(names)
    assert not any("/" in name for name in names)


def test_recipes_on_demand_and_none_of_70_billion_parameters_on_a_cpu(listed):
    lines = {line.split()[0]: line for line in listed("fsdp", "cpu-ddp").splitlines()[1:]}
    assert "CPU: real" in lines["fsdp/tiny"] and "2 nodes, CPU: real" in lines["cpu-ddp/two-node"]
    assert "CPU" not in lines["fsdp/llama3.1-70b"] and " x p5.48xlarge" in lines["fsdp/llama3.1-70b"]
    assert "70.6B" in lines["fsdp/llama3.1-70b"]


def test_show_says_no_fidelity_of_what_no_cpu_runs():
    assert "on CPU real" in here("show", "fsdp").stdout
    assert "on CPU" not in here("show", "fsdp/llama3.1-70b").stdout


def test_json_keeps_everything(listed):
    [case] = json.loads(listed("fsdp", "--json"))
    assert len(case["recipes"]) >= 10 and case["recipes"][0].keys() >= {"published", "parameters", "fidelity"}
    by_name = {recipe["name"]: recipe for recipe in case["recipes"]}
    assert (by_name["tiny"]["fidelity"], by_name["llama3.1-70b"]["fidelity"]) == ("real", None)
    assert "problems" not in by_name["tiny"]


def test_what_fits_a_cluster_and_the_reasons_of_the_others_counted(listed):
    text = listed("--fits", "p5", "--nodes", "1")
    said = next(line.split() for line in text.splitlines() if " recipes fit: p5, 1 node" in line)
    count, all_ = int(said[0]), int(said[2])
    others = [line.split()[0] for line in text[text.index("OTHERS") :].splitlines()[1:]]
    assert count + sum(map(int, others)) == all_ and count > 5 and others
    cases = json.loads(listed("--fits", "p5", "--nodes", "1", "--json"))
    recipes = [recipe for case in cases for recipe in case["recipes"]]
    assert (len(recipes), sum(not recipe["problems"] for recipe in recipes)) == (all_, count)


def test_what_fits_an_instance_type_and_this_machine(listed):
    of_p5 = listed("megatron-lm", "--fits", "p5.48xlarge")
    assert "0 of" not in of_p5 and "megatron-lm/" in of_p5
    here = listed("fsdp", "--local")
    assert here == listed("fsdp", "--fits", "local")
    assert "fsdp/tiny" in here and "fsdp/llama3.1-8b " not in here.partition("OTHERS")[0]


@pytest.mark.parametrize(
    ("args", "part"),
    [
        (["fsdq"], "did you mean fsdp"),
        (["--fits", "p5.48xlarg"], "did you mean p5.48xlarge"),
        (["--nodes", "2"], "add --fits CLUSTER"),
        (["--local", "--fits", "p5"], "leave one of them out"),
    ],
)
def test_bad_input(listed, args, part):
    assert part in listed(*args, expect=2)


def on_terminal(columns: int, *args: str, cwd: Path | None = None) -> str:
    """What a command prints on a terminal of that width."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    process = subprocess.Popen([*SEATRIAL, *args], stdout=slave, stderr=slave, cwd=cwd, env=environment)
    os.close(slave)
    printed = b""
    while True:
        try:
            block = os.read(master, 65536)
        except OSError:  # EIO: the other end is closed
            break
        if not block:
            break
        printed += block
    os.close(master)
    assert process.wait() == 0
    return printed.decode()


@pytest.mark.parametrize("columns", [40, 80, 160])
@pytest.mark.parametrize("args", [("list",), ("list", "fsdp"), ("show", "fsdp"), ("cluster", "list")])
def test_tables_stay_within_the_terminal(columns, args):
    lines = on_terminal(columns, *args).splitlines()
    long = [line for line in lines if len(line) > columns and not line.startswith("Arguments, changed")]
    assert len(lines) > 1 and long == []


def test_names_are_whole_while_there_is_room():
    names = [line.split(" ")[0] for line in on_terminal(90, "list", "composer-stable-diffusion").splitlines()]
    assert "composer-stable-diffusion/sd2-base-mb12-ema" in names


def test_what_does_not_fit_even_by_words_is_left_out():
    folder = str(Path(__file__).parents[1] / "recorded_runs")
    wide, narrow = (on_terminal(columns, "runs", "--runs-dir", folder).splitlines()[0].split() for columns in (160, 60))
    assert wide == ["RUN", "JOB", "ON", "STARTED", "STATE", "STEPS", "LOSS", "THROUGHPUT", "VERDICT", "SIZE"]
    assert narrow == ["RUN", "STATE", "STEPS", "LOSS", "THROUGHPUT", "VERDICT"]


def test_without_a_terminal_each_row_is_one_line(listed):
    assert max(map(len, listed("fsdp").splitlines())) > 80
