"""Facts that need no framework: Python, limits, processors, memory, control groups, variables, packages."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import resource
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from seatrial.checks import profile
from seatrial.checks.environment.facts import Collector, Value
from seatrial.checks.environment.kernel import of_kernel
from seatrial.checks.environment.places import ranges
from seatrial.checks.node import memory
from seatrial.checks.software.layouts import COMPONENTS
from seatrial.checks.software.search import search
from seatrial.masking import mask
from seatrial.rank import machine

LIMITS = ("memlock", "nofile", "nproc", "stack", "core")
"""Soft limits of a process, by their names in getrlimit(2)."""
PLACES = (
    "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "CONDA_PREFIX", "CUDA_HOME", "HF_HOME", "TMPDIR",
)  # fmt: skip
"""Variables that decide what is found where, beside those of machine.VARIABLES that decide how a run goes."""
UNLIMITED = "unlimited"
NO_LIMIT = 2**62
"""Bytes from which on a control group of version 1 has no limit: it says the largest number of pages."""


def of_process(found: Collector, environ: Mapping[str, str], root: Path = Path("/")) -> None:
    """What may be another in each process. `environ`: the variables that it was started with."""
    found.add("process.pid", os.getpid)
    found.add("python.version", platform.python_version)
    found.add("python.executable", lambda: sys.executable)
    for name in LIMITS:
        found.add(f"limit.{name}", partial(_limit, name))
    found.add("cpu.usable", lambda: len(_cpus()))
    found.add("cpu.list", lambda: ranges(_cpus()))
    found.add("cgroup.cpus", lambda: cgroup_cpus(root))
    found.add("cgroup.memory", lambda: cgroup_limit(root, "memory", "memory.max", "memory.limit_in_bytes"))
    found.add("cgroup.pids", lambda: cgroup_limit(root, "pids", "pids.max", "pids.max"))
    found.add("host.instance", lambda: profile.detect(root).name or None)
    for name, value in variables(environ).items():
        found.values[f"variable.{name}"] = value


def of_node(found: Collector, checkpoints: Path, root: Path = Path("/")) -> None:
    """What all processes of a node share. `checkpoints`: the folder in which a run keeps them."""
    found.add("system.kernel", platform.release)
    found.add("system.architecture", platform.machine)
    found.add("system.libc", lambda: " ".join(platform.libc_ver()))
    found.add("system.release", lambda: platform.freedesktop_os_release()["PRETTY_NAME"])
    found.add("cpu.model", machine.processor)
    found.add("cpu.count", os.cpu_count)
    for name, key in (("memory.total", "MemTotal"), ("hugepages.total", "HugePages_Total")):
        found.add(name, partial(_meminfo, root, key))
    found.add("hugepages.free", lambda: _meminfo(root, "HugePages_Free"))
    found.add("hugepages.bytes", lambda: _meminfo(root, "Hugepagesize"))
    found.add("hugepages.transparent", lambda: _chosen(root / "sys/kernel/mm/transparent_hugepage/enabled"))
    found.add("shm.total", lambda: _bytes(root / "dev/shm").f_blocks * _bytes(root / "dev/shm").f_frsize)
    found.add("shm.free", lambda: _bytes(root / "dev/shm").f_bavail * _bytes(root / "dev/shm").f_frsize)
    found.add("disk.free", lambda: _bytes(checkpoints).f_bavail * _bytes(checkpoints).f_frsize)
    found.add("disk.inodes", lambda: _inodes(checkpoints))
    of_kernel(found, root)
    for name, version in packages():
        found.values[f"package.{name}"] = version
    _software(found, root)


def _software(found: Collector, root: Path) -> None:
    """Version of the copy of each component that comes first. None: it is not there."""
    seen = search(root, library_path=os.environ.get("LD_LIBRARY_PATH", "").split(":"), packages=sys.path)
    for component in COMPONENTS:
        copy = seen.first(component)
        if copy is not None and not copy.version:
            found.problems[f"software.{component}"] = f"{copy.path} tells no version"
        elif copy is None and seen.problems:
            path, why = next(iter(seen.problems.items()))
            found.problems[f"software.{component}"] = f"{path}: {why}"
        else:
            found.values[f"software.{component}"] = copy.version if copy else None


def variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Those that decide how a run goes and what it finds where; without secrets."""
    return machine.variables(environ) | {name: mask(environ[name]) for name in PLACES if name in environ}


def packages() -> Iterator[tuple[str, str]]:
    """Name and version of what is installed for this Python; of one that is there twice, what it imports first."""
    told = set()
    for distribution in importlib.metadata.distributions():
        name = (distribution.metadata["Name"] or "").lower().replace("_", "-")
        if name and name not in told:
            told.add(name)
            yield name, distribution.version


def cgroup_cpus(root: Path) -> Value:
    """CPUs that the control group may use: the least of its own and of those above it."""
    allowed = []
    for folder, version in _cgroups(root, "cpu"):
        if version == 2 and (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text().split()
        elif version == 1 and (folder / "cpu.cfs_quota_us").exists():
            quota, period = ((folder / f"cpu.cfs_{what}_us").read_text().strip() for what in ("quota", "period"))
        else:
            continue
        if quota not in ("max", "-1"):
            allowed.append(int(quota) / int(period))
    return round(min(allowed), 3) if allowed else UNLIMITED


def cgroup_limit(root: Path, controller: str, second: str, first: str) -> Value:
    """The least of a limit in this control group and above; `second`, `first`: its file in each version."""
    limits = []
    for folder, version in _cgroups(root, controller):
        file = folder / (second if version == 2 else first)
        if file.exists():
            text = file.read_text().strip()
            if text != "max" and int(text) < NO_LIMIT:
                limits.append(int(text))
    return min(limits) if limits else UNLIMITED


def _cgroups(root: Path, controller: str) -> list[tuple[Path, int]]:
    """Folders of this process's control group and of those above it that can be seen, and their version.

    Raises OSError where no control groups can be seen: then there may be a limit.
    """
    found = []
    for line in (root / "proc/self/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        version, top = (1, root / "sys/fs/cgroup" / controller) if names else (2, root / "sys/fs/cgroup")
        if controller not in names.split(",") if names else not (top / "cgroup.controllers").exists():
            continue
        # In a container the path may be that of the host, while its own group is mounted as the top.
        chain = [top / path.lstrip("/"), *(top / path.lstrip("/")).parents]
        found += [(folder, version) for folder in chain if folder.is_relative_to(top) and folder.is_dir()]
    if not found:
        raise FileNotFoundError(2, "no control groups are mounted", str(root / "sys/fs/cgroup"))
    return found


def _limit(name: str) -> Value:
    soft, _ = resource.getrlimit(getattr(resource, f"RLIMIT_{name.upper()}"))
    return UNLIMITED if soft == resource.RLIM_INFINITY else soft


def _cpus() -> set[int]:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))


def _meminfo(root: Path, key: str) -> Value:
    """None: Linux was built without it."""
    return memory.parse((root / "proc/meminfo").read_text().splitlines()).get(key)


def _chosen(path: Path) -> Value:
    """Of ``always [madvise] never`` the one in brackets. None: there is no such setting."""
    if not path.exists():
        return None
    return path.read_text().partition("[")[2].partition("]")[0]


def _bytes(path: Path) -> os.statvfs_result:
    return os.statvfs(path)


def _inodes(path: Path) -> Value:
    """Free inodes. None: the file system makes them as it needs them."""
    seen = _bytes(path)
    return seen.f_favail if seen.f_files else None
