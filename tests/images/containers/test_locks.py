"""Locks of images: made of what the table says, in the versions of stacks and of what is installed beside them."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
from packaging.utils import parse_wheel_filename

from seatrial import versions
from seatrial.environments import _lock
from seatrial.images.containers import locks

SCRIPT = runpy.run_path(str(Path(__file__).parents[3] / "scripts/lock.py"))

every_lock = pytest.mark.parametrize("name", locks.LOCKS)


def single(name: str) -> dict[str, str]:
    """Package -> its only version, or the newest."""
    return {package: found[-1] for package, found in locks.packages(name).items()}


@every_lock
def test_a_changed_table_needs_a_new_lock(name):
    made_from = re.search(r"^# Inputs: sha256:(\w+)$", locks.text(name), re.MULTILINE)
    assert made_from and made_from[1] == locks.digest(name), f"python scripts/lock.py {name}"


@pytest.mark.parametrize("name", [*locks.LOCKS, "command", "torch-cpu"])
def test_every_package_has_hashes(name):
    entries = locks.entries(locks.text(name))
    assert set(entries) == set(locks.packages(name)) != set()
    for package, lines in entries.items():
        assert re.search(r"--hash=sha256:[0-9a-f]{64}$", lines, re.MULTILINE), package


@every_lock
def test_it_keeps_to_the_versions_of_others_and_repeats_nothing(name):
    lock = locks.LOCKS[name]
    for other in lock.within:
        mine, theirs = locks.packages(name), locks.packages(other)
        differing = {
            package for package in mine.keys() & theirs.keys() if not set(mine[package]) <= set(theirs[package])
        }
        assert not differing, other
    if lock.beside:
        assert not locks.packages(name).keys() & locks.packages(lock.beside).keys()


@pytest.mark.parametrize(("name", "nccl", "runtime", "stack"), [
    ("cuda", "nvidia-nccl-cu13", "nvidia-cuda-runtime", "cuda13"),
    ("jax-cuda", "nvidia-nccl-cu13", "nvidia-cuda-runtime", "cuda13"),
    ("paxml-cuda", "nvidia-nccl-cu12", "nvidia-cuda-runtime-cu12", "cuda12"),
])  # fmt: skip
def test_cuda_and_nccl_are_those_of_the_stack(name, nccl, runtime, stack):
    found, pins = single(name), versions.STACKS[stack].pins
    assert found[nccl] == pins["nccl"]
    assert found[runtime].split(".")[:2] == pins["cuda"].split(".")[:2]


def test_torch_and_its_toolkit_are_those_of_the_stack():
    found, pins = single("cuda"), versions.STACKS["cuda13"].pins
    assert found["torch"] == pins["torch"] == versions.TORCH
    assert found["cuda-toolkit"] == f"{pins['cuda']}.0"


def test_no_library_of_cuda_is_of_another_minor_version():
    """One of a newer toolkit would make code that the driver of the stack does not take."""
    ours = {"cuda-runtime", "cuda-nvrtc", "cuda-cupti", "nvjitlink", "nvtx", "cuda-nvcc", "nvvm", "cuda-crt"}
    for name in ("cuda", "jax-cuda", "nvcc"):
        for package, version in single(name).items():
            if package.removeprefix("nvidia-") in ours:
                assert version.startswith("13.0."), package


def test_torch_for_cpus_has_a_wheel_for_every_python_and_processor():
    wheels = [parse_wheel_filename(name) for name in versions.TORCH_CPU]
    assert {str(version) for _, version, _, _ in wheels} == {f"{versions.TORCH}+cpu"}
    tags = {(tag.interpreter, tag.platform.rpartition("_2_28_")[2]) for *_, found in wheels for tag in found}
    assert tags == {(python, machine) for python in ("cp311", "cp312") for machine in ("x86_64", "aarch64")}


def test_what_the_command_has_in_images_it_has_here():
    run = _lock.packages((Path(__file__).parents[3] / "scripts/locks/run.txt").read_text(encoding="utf-8"))
    command = locks.packages("command")
    assert command.keys() <= run.keys()
    assert all(run[package] == found for package, found in command.items())
    assert {"numpy", "scikit-learn", "click", "uv"} <= command.keys() and "torch" not in command


def test_entries_keep_several_versions_of_a_package():
    first, second = (
        "a==1 ; python_version < '3' \\\n    --hash=sha256:0\n    # via b\n",
        "a==2 \\\n    --hash=sha256:1\n",
    )
    text = f"# made by\n{first}{second}b==1 \\\n    --hash=sha256:2\n"
    assert list(locks.entries(text)) == ["a", "b"] and locks.entries(text)["a"] == first + second


def test_the_script_leaves_out_what_is_installed_beside():
    beside = locks.path("command").read_text(encoding="utf-8")
    assert SCRIPT["without"](beside + "torch==1 \\\n    --hash=sha256:0\n", "command").startswith("torch==1")
