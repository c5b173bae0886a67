"""Locks of what only images have, and how those of environments are used in them. scripts/lock.py makes them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

from seatrial import environments, versions
from seatrial.environments import _lock

FOLDER = Path(__file__).with_name("locks")
_PINNED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==")
_ENTRY = re.compile(r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==.*\n(?:[ \t].*\n)*", re.MULTILINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Lock:
    """What a lock of an image is made from."""

    why: str
    requested: tuple[str, ...]
    within: tuple[str, ...] = ()
    """Locks whose versions it keeps to."""
    beside: str | None = None
    """Lock of what is installed with it: what stands there is left out here."""


def _minor(stack: str) -> str:
    """``13.0.*``: CUDA's packages follow each other within a minor version, and a driver is chosen for one."""
    return ".".join(versions.STACKS[stack].pins["cuda"].split(".")[:2]) + ".*"


_CUDA13, _CUDA12 = _minor("cuda13"), _minor("cuda12")

LOCKS: Mapping[str, Lock] = {
    "cuda": Lock(
        why="torch for GPUs with the CUDA, cuDNN and NCCL that it asks for",
        requested=(
            f"torch=={versions.TORCH}",
            # nothing else holds these to CUDA's minor version, and newer ones make code for newer drivers
            f"nvidia-nvjitlink=={_CUDA13}",
            f"cuda-bindings=={_CUDA13}",
        ),
        within=("command",),
        beside="command",
    ),
    "nvcc": Lock(
        why="the compiler of the stack's CUDA, for what is only there as source",
        requested=tuple(
            f"nvidia-{part}=={_CUDA13}" for part in ("cuda-nvcc", "cuda-crt", "nvvm", "cuda-cccl", "cuda-runtime")
        ),
        within=("cuda",),
    ),
    "jax-cuda": Lock(
        why="JAX's plugin for GPUs, with the CUDA, cuDNN and NCCL of torch's lock",
        requested=(f"jax[cuda13]=={versions.JAX['jax']}",),
        within=("jax", "cuda", "nvcc"),
        beside="jax",
    ),
    "paxml-cuda": Lock(
        why="the plugin for GPUs of paxml's JAX, with the newest CUDA 12",
        requested=(
            f"jax[cuda12]=={versions.PAXML['jax']}",
            f"nvidia-nccl-cu12=={versions.STACKS['cuda12'].pins['nccl']}",
            f"nvidia-cuda-runtime-cu12=={_CUDA12}",
        ),
        within=("paxml",),
        beside="paxml",
    ),
}
"""Name -> what it is made from. `command` is made from pyproject.toml, like those of scripts/setup.sh."""


def digest(name: str) -> str:
    """Hash of all that decides a lock of LOCKS. It stands in the lock, so that a change without a new lock is seen."""
    lock = LOCKS[name]
    inputs = [*lock.requested, *(f"within {other}" for other in lock.within), f"beside {lock.beside}"]
    return hashlib.sha256("\n".join(inputs).encode()).hexdigest()


def path(name: str) -> Path:
    """The file of a lock: an image's or an environment's."""
    return environments.lock(name) if name in versions.ENVIRONMENTS else FOLDER / f"{name}.txt"


def text(name: str) -> str:
    """What stands in a lock. That of torch for CPUs is made of the version table."""
    return torch_cpu() if name == "torch-cpu" else path(name).read_text(encoding="utf-8")


def torch_cpu() -> str:
    """torch for CPUs as a lock. PyTorch's index is no index for scripts/lock.py, which asks PyPI alone."""
    hashes = " \\\n".join(f"    --hash=sha256:{digest}" for digest in versions.TORCH_CPU.values())
    return f"# torch for CPUs, from {versions.TORCH_CPU_INDEX}\ntorch=={versions.TORCH}+cpu \\\n{hashes}\n"


def entries(text: str) -> dict[str, str]:
    """Package -> its lines in a lock; several versions of one stand together."""
    found: dict[str, str] = {}
    for entry in _ENTRY.finditer(text):
        found[entry["name"]] = found.get(entry["name"], "") + entry[0]
    return found


def installed(name: str, python: str, machine: str) -> dict[str, str]:
    """Package -> the version that this Python takes of a lock on Linux; ``aarch64`` is the machine of arm64."""
    here = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
    here |= {"platform_machine": machine, "platform_system": "Linux", "os_name": "posix"}
    here |= {"implementation_name": "cpython", "platform_python_implementation": "CPython"}
    found = {}
    for line in text(name).splitlines():
        if _PINNED.match(line):
            pin = Requirement(line.removesuffix("\\"))
            if pin.marker is None or pin.marker.evaluate(here):
                found[pin.name] = str(pin.specifier).removeprefix("==")
    return found


def packages(name: str) -> dict[str, list[str]]:
    """Package -> its versions: several where the Python or the platform decides."""
    return _lock.packages(text(name))
