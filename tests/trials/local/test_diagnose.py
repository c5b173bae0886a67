"""Something goes wrong in a real run over gloo, and the diagnosis says what, and whose it was.

benchmarks/diagnose.py does the same with twenty seeds and more.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.command import Command, settings

BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "diagnose.py"


def load() -> ModuleType:
    """The benchmark, which is no package's."""
    sys.path.insert(0, str(BENCHMARK.parent))  # where it finds what it imports
    spec = importlib.util.spec_from_file_location("benchmark_diagnose", BENCHMARK)
    assert spec is not None and spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


benchmark = load()

OOM = pytest.param("oom", marks=pytest.mark.external)
"""It needs a memory cgroup of its own."""


@pytest.mark.external
def test_the_starter_of_a_nodes_ranks_tells_of_a_kill(tmp_path: Path) -> None:
    if not os.access(benchmark.CGROUPS, os.W_OK):
        pytest.skip("no right to make a memory cgroup")
    options = ["--nnodes=1", "--nproc-per-node=1", "--node-rank=0", "--master-addr=a", "--master-port=1"]
    program = tmp_path / "program.py"
    program.write_text("taken = [b'1' * 2**24 for _ in range(256)]")  # 4 GiB, each page written
    command = [sys.executable, "-m", "seatrial.rank.node", *options, str(program)]
    with benchmark.limited("oom") as enter:
        done = subprocess.run(command, preexec_fn=enter, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 137 and "the kernel's OOM killer ended 1 process of this memory cgroup" in done.stderr


@pytest.mark.parametrize("seed", [1000])
@pytest.mark.parametrize("fault", [OOM if fault == "oom" else fault for fault in benchmark.EXPECTED])
def test_it_names_what_was_injected_and_where(fault: str, seed: int, tmp_path: Path) -> None:
    if fault == "oom" and not os.access(benchmark.CGROUPS, os.W_OK):
        pytest.skip("no right to make a memory cgroup")
    found = benchmark.outcome(fault, seed, tmp_path)
    assert found.right, found


def test_it_names_what_slowed_a_run(tmp_path: Path) -> None:
    """Several that do not hide each other share a run. A run that is slow since a step is in docs/slow.md; a neighbour,
    which needs a quiet machine, in the benchmark. In a process of its own: one with threads is not to be forked."""
    causes = ["precision+communication+garbage", "threads", "pauses+folder", "growing", "resume"]
    told = tmp_path / "found.json"
    command = [sys.executable, str(BENCHMARK), "--seeds", "1", "--faults", ",".join(causes), "--json", str(told)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    found = json.loads(told.read_text())
    assert [one["fault"] for one in found if one["right"]] == causes, found


SLOWNESS = str(Path(__file__).parents[2] / "slowness.py")
PROFILED = ("--profile", "steps=10:12,ranks=all", "--expect", "none")


def test_a_slow_run_is_told_what_its_profile_says(tmp_path: Path) -> None:
    seatrial = Command(tmp_path)
    sets = settings("cause=communication", "width=3000000", "seconds=0.01")
    seatrial("run", SLOWNESS, "--name", "slow", *PROFILED, *sets)
    found = json.loads(seatrial("diagnose", "slow", "--json"))
    wrong = {
        finding["check"]: finding["observed"]
        for finding in json.loads(seatrial("profile", "show", "slow", "--json"))["findings"]
        if finding["verdict"] == "WARN"
    }
    told = {one["finding"]["check"]: one for one in found["related"] if one["finding"]["check"].startswith("profile.")}
    assert found["cause"]["check"] == "diagnose.communication" and "profile.exposed-communication" in told
    assert {check: one["finding"]["observed"] for check, one in told.items()} == wrong
    assert all(0.05 <= one["share"] <= 1 and one["finding"]["remedy"] for one in told.values())
    assert told["profile.exposed-communication"]["finding"]["evidence"].endswith(", steps 10 to 12")


def test_recording_a_profile_is_no_cause(tmp_path: Path) -> None:
    """Setting it up took seconds, garbage included, of a run of two."""
    seatrial = Command(tmp_path)
    seatrial("run", SLOWNESS, "--name", "well", *PROFILED)
    found = json.loads(seatrial("diagnose", "well", "--json"))
    assert (found["verdict"], found["related"]) == ("PASS", []), found
