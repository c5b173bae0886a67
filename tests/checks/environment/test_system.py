"""Facts as they are collected: here, and below made roots."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from seatrial.checks.environment import system
from seatrial.checks.environment.facts import ALWAYS, Collector, of_node
from seatrial.checks.environment.framework import SETTINGS, cudnn_version
from seatrial.checks.environment.system import cgroup_cpus, cgroup_limit, variables


def tree(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def memory(root: Path) -> object:
    return cgroup_limit(root, "memory", "memory.max", "memory.limit_in_bytes")


def test_the_least_limit_of_a_control_group_and_those_above_it_counts(tmp_path):
    files = {
        "proc/self/cgroup": "0::/kubepods/pod1/c1\n",
        "sys/fs/cgroup/cgroup.controllers": "cpu memory\n",
        "sys/fs/cgroup/kubepods/memory.max": "max\n",
        "sys/fs/cgroup/kubepods/pod1/memory.max": "1073741824\n",
        "sys/fs/cgroup/kubepods/pod1/c1/memory.max": "2147483648\n",
        "sys/fs/cgroup/kubepods/pod1/c1/cpu.max": "150000 100000\n",
    }
    tree(tmp_path, files)
    assert (memory(tmp_path), cgroup_cpus(tmp_path)) == (2**30, 1.5)


def test_in_a_container_its_own_group_is_the_top(tmp_path):
    files = {
        "proc/self/cgroup": "0::/../../host/path\n",
        "sys/fs/cgroup/cgroup.controllers": "cpu memory\n",
        "sys/fs/cgroup/memory.max": "4096\n",
        "sys/fs/cgroup/cpu.max": "max 100000\n",
    }
    tree(tmp_path, files)
    assert (memory(tmp_path), cgroup_cpus(tmp_path)) == (4096, "unlimited")


def test_control_groups_of_version_1_are_read_as_well(tmp_path):
    files = {
        "proc/self/cgroup": "5:cpu,cpuacct:/job\n4:memory:/job\n0::/\n",
        "sys/fs/cgroup/memory/job/memory.limit_in_bytes": "8192\n",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        "sys/fs/cgroup/cpu/job/cpu.cfs_quota_us": "-1\n",
        "sys/fs/cgroup/cpu/job/cpu.cfs_period_us": "100000\n",
    }
    tree(tmp_path, files)
    assert (memory(tmp_path), cgroup_cpus(tmp_path)) == (8192, "unlimited")


@pytest.mark.parametrize("text", ["0::/\n", "4:memory:/job\n", ""])
def test_control_groups_that_cannot_be_seen_are_not_unlimited(tmp_path, text):
    tree(tmp_path, {"proc/self/cgroup": text, "sys/fs/cgroup/other": ""})
    with pytest.raises(FileNotFoundError):
        memory(tmp_path)
    found = Collector()
    found.add("cgroup.memory", lambda: memory(tmp_path))
    assert found.values == {} and "no control groups" in found.problems["cgroup.memory"]


def test_a_limit_that_is_no_number_is_a_problem(tmp_path):
    tree(
        tmp_path,
        {
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/cgroup.controllers": "",
            "sys/fs/cgroup/memory.max": "lots\n",
        },
    )
    found = Collector()
    found.add("cgroup.memory", lambda: memory(tmp_path))
    assert "ValueError" in found.problems["cgroup.memory"]


def test_secrets_are_no_facts():
    seen = variables(
        {"NCCL_DEBUG": "INFO", "LD_LIBRARY_PATH": "/x", "HF_TOKEN": "hf_x", "CUDA_API_KEY": "k", "HOME": "h"}
    )
    assert seen == {"NCCL_DEBUG": "INFO", "LD_LIBRARY_PATH": "/x"}


def test_what_is_always_collected_is_collected_here(tmp_path):
    found = Collector()
    system.of_process(found, {"NCCL_DEBUG": "INFO"})
    system.of_node(found, tmp_path)
    told = found.values.keys() | found.problems.keys()
    assert {name for name in ALWAYS if not name.startswith(("torch", "nccl", "threads"))} <= told
    assert found.values["variable.NCCL_DEBUG"] == "INFO" and found.values["process.pid"] == os.getpid()
    assert all(not of_node(name) for name in ("limit.memlock", "cpu.usable", "variable.X", "torch"))


@pytest.mark.parametrize(("number", "text"), [(91301, "9.13.1"), (8902, "8.9.2"), (90100, "9.1.0"), (8005, "8.0.5")])
def test_cudnns_number_is_its_version(number, text):
    assert cudnn_version(number) == text


def test_there_are_26_settings():
    assert len(set(SETTINGS)) == len(SETTINGS) == 26


@pytest.mark.torch
def test_every_setting_of_torch_is_collected():
    import torch

    from seatrial.checks.environment.framework import collect

    found = Collector()
    collect(found, torch.device("cpu"))
    assert found.problems == {}
    assert {f"torch.{name}" for name in SETTINGS} <= found.values.keys()
    assert found.values["torch.backends.cuda.preferred_linalg_library"] == "Default"
    assert {"torch", "nccl", "threads.torch"} <= found.values.keys()
