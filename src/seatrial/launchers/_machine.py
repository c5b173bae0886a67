"""This machine as a cluster."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from seatrial.cluster import Cluster, LauncherOptions
from seatrial.findings import Finding, Verdict
from seatrial.launchers._rules import finding

OVERSUBSCRIBE = 4
"""CPU processes that one core takes at most: for trying out a layout, never for speed."""


def this_machine(options: LauncherOptions) -> Cluster:
    """This machine, as it is found: its cores, and its NVIDIA GPUs by their device files."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    accelerators = len(list(Path("/dev").glob("nvidia[0-9]*")))
    return Cluster(
        name="local",
        launcher="local",
        nodes=1,
        cpus_per_node=cores,
        memory_per_node=_memory(),
        accelerators_per_node=accelerators,
        processes_per_node=max(accelerators, OVERSUBSCRIBE * cores),
        options=options,
    )


def _memory() -> int:
    """Bytes that processes here may use: of the machine, or of the container that this is."""
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):  # "max": none
            limits.append(int(Path(file).read_text()))
    return min(limits)


def check(cluster: Cluster) -> list[Finding]:
    """What this machine has."""
    cpus = f"{cluster.cpus_per_node} CPUs, {cluster.processes_per_node} processes at most"
    gpus = cluster.accelerators_per_node
    return [
        finding("cpus", Verdict.PASS, cpus),
        finding(
            "accelerators",
            Verdict.PASS if gpus else Verdict.SKIP,
            f"{gpus} NVIDIA GPUs" if gpus else "no NVIDIA GPU in /dev: jobs train on CPUs here",
        ),
    ]
