"""The clusters there are. For now the built-in one: this machine."""

from __future__ import annotations

import os
from pathlib import Path

from seatrial.errors import UserError, unknown
from seatrial.spec import Cluster

OVERSUBSCRIBE = 4
"""CPU processes that one core takes at most: for trying out a layout, never for speed."""


def local_cluster() -> Cluster:
    """This machine, as it is found: its cores, and its NVIDIA GPUs by their device files."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    accelerators = len(list(Path("/dev").glob("nvidia[0-9]*")))
    return Cluster(
        name="local",
        launcher="local",
        nodes=1,
        cpus_per_node=cores,
        accelerators_per_node=accelerators,
        processes_per_node=max(accelerators, OVERSUBSCRIBE * cores),
    )


def cluster(name: str) -> Cluster:
    """The cluster of that name. Raises UserError with the nearest names."""
    if name == "local":
        return local_cluster()
    raise UserError(unknown("cluster", name, ["local"], "--on"))
