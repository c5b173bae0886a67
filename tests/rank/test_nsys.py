"""A rank under Nsight Systems: a stand-in for nsys notes how it was called, and starts the program as nsys does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from seatrial.profiling import Profile
from seatrial.rank.nsys import has_efa, options
from tests.ranks import JOB

NSYS = """#!/bin/sh
echo "$@" >nsys.txt
while [ "${1#-}" != "$1" ] || [ "$1" = profile ]; do shift; done
exec "$@"
"""
STEPS = Profile(tool="nsys", steps=(10, 12), ranks=(0, 9))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    (tmp_path / "program.py").write_text("import sys; print('ran', *sys.argv[1:])")
    (tmp_path / "run").mkdir()
    return tmp_path


def start(folder: Path, profile: dict, *, nsys: bool = True, launch: str = "rank", **places: str):
    if nsys:
        (folder / "bin" / "nsys").write_text(NSYS)
        (folder / "bin" / "nsys").chmod(0o755)
    job = JOB | {"launch": launch, "processes_per_node": 8, "nodes": 2, "profile": profile}
    (folder / "run" / "job.json").write_text(json.dumps(job))
    env = {"PATH": f"{folder / 'bin'}:/bin:/usr/bin", "SEATRIAL_RUN": str(folder / "run"), **places}
    env |= {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "seatrial.rank.nsys", "program.py", "--flag"]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)


def place(rank: int) -> dict[str, str]:
    return {"RANK": str(rank), "LOCAL_RANK": str(rank % 8), "WORLD_SIZE": "16"}


BY_TIME = {"tool": "nsys", "steps": None, "delay": 60, "duration": 30, "ranks": [9], "trace": []}


def test_a_rank_that_is_recorded_runs_under_nsys(run):
    done = start(run, BY_TIME, **place(9))
    assert (done.returncode, done.stdout) == (0, "ran --flag\n"), done.stderr
    said = (run / "nsys.txt").read_text().split()
    assert said[0] == "profile" and f"--output={run}/run/profiles/rank-9.nsys-rep" in said
    assert {"--delay=60", "--duration=30", "--kill=none"} <= set(said)
    assert said[-2:] == ["program.py", "--flag"]
    assert (run / "run" / "profiles").is_dir()


def test_others_run_as_they_are(run):
    done = start(run, BY_TIME, nsys=False, **place(0))
    assert (done.returncode, done.stdout) == (0, "ran --flag\n"), done.stderr
    assert not (run / "nsys.txt").exists()


def test_a_process_of_a_node_records_its_ranks(run):
    done = start(run, BY_TIME, launch="node", NODE_RANK="1")
    assert done.returncode == 0, done.stderr
    assert f"--output={run}/run/profiles/node-1.nsys-rep" in (run / "nsys.txt").read_text()
    assert start(run, BY_TIME | {"ranks": [3]}, launch="node", NODE_RANK="1", nsys=False).stdout == "ran --flag\n"


def test_without_nsys_the_run_says_what_to_do(run):
    done = start(run, BY_TIME | {"ranks": None}, nsys=False, **place(0))
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "nsys is not on the PATH of this node" in done.stderr and "install NVIDIA Nsight Systems" in done.stderr
    [event] = map(json.loads, (run / "run" / "events.jsonl").read_text().splitlines())
    assert (event["type"], event["outcome"], event["final"]) == ("run_end", "failed", True)


def test_a_window_of_steps_is_told_through_cuda():
    words = options(STEPS, Path("out.nsys-rep"), efa=False)
    assert {"--capture-range=cudaProfilerApi", "--capture-range-end=stop", "--trace=cuda,nvtx,osrt"} <= set(words)
    assert not [word for word in words if word.startswith(("--delay", "--enable", "--kill"))]


@pytest.mark.parametrize(("ranks", "rank", "first"), [(None, 0, True), (None, 1, False), ((9, 10), 9, True),
                                                      ((9, 10), 10, False), ((0, 9), 9, True)])  # fmt: skip
def test_efa_is_sampled_once_on_each_node(ranks, rank, first):
    from seatrial.rank.nsys import _first_of_node

    wanted = Profile(tool="nsys", steps=(1, 1), ranks=ranks)
    assert _first_of_node(wanted, {"processes_per_node": 8}, range(rank, rank + 1)) is first
    assert ("--enable=efa_metrics" in options(wanted, Path("x"), efa=first)) is first


def test_efa_is_told_from_other_devices(tmp_path):
    assert not has_efa(tmp_path / "none")
    (tmp_path / "drivers" / "mlx5_core").mkdir(parents=True)
    (tmp_path / "drivers" / "efa").mkdir()
    devices = tmp_path / "infiniband"
    for name, driver in (("mlx5_0", "mlx5_core"), ("rdmap0s6", "efa")):
        (devices / name / "device").mkdir(parents=True)
        (devices / name / "device" / "driver").symlink_to(tmp_path / "drivers" / driver)
        assert has_efa(devices) is (driver == "efa")
