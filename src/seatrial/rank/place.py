"""Where a process stands in its job, however it was started.

- Once per rank, as a process of an MPI program or not: RANK, LOCAL_RANK and WORLD_SIZE are set, as torchrun does.
- Once per node: NODE_RANK is set. The process stands for all ranks of its node.
- Once for the whole job: nothing is set. The process stands for all ranks.

A process of the second kind may start ranks of its own with torchrun's variables; they are of the first kind.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple


class Place(NamedTuple):
    """A process among the ranks of its job."""

    rank: int
    """The first of the ranks that this process stands for."""
    local_rank: int
    """The same on its node."""
    world_size: int
    """All ranks of the job."""


def place(job: dict[str, Any]) -> Place:
    """This process's place in a job, from the environment. Raises KeyError where a launcher forgot a variable."""
    if job["launch"] in ("rank", "mpi") or "LOCAL_RANK" in os.environ:
        return Place(int(os.environ["RANK"]), int(os.environ["LOCAL_RANK"]), int(os.environ["WORLD_SIZE"]))
    each: int = job["processes_per_node"]
    node = int(os.environ["NODE_RANK"]) if job["launch"] == "node" else 0
    return Place(node * each, 0, job["nodes"] * each)
