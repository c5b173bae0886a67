"""What a checkpoint of a job weighs, how long it takes to write and to read, and how long training waits for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatrial.forecast import memory

if TYPE_CHECKING:
    from seatrial.workload import Workload


@dataclass(frozen=True, kw_only=True, slots=True)
class Storage:
    """What the ranks of a job get of a file system together, in bytes a second; None: not known.

    Not what it is sold as: 523 saves of one cluster reached 16 % of its 250 GB/s, and restarts 21.5 % of 700 GB/s,
    which 128 slots of NFS calls held back (arXiv:2605.09370).
    """

    write: float | None
    read: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Save:
    """One checkpoint. Bytes and seconds; None: not known."""

    size: float
    """Of the whole checkpoint."""
    of_a_rank: float
    """That the fullest rank copies."""
    write: float | None
    read: float | None
    stall: float | None
    """That training stops for it."""
    on_a_host: float
    """Memory of a node that holds it until it is written; 0 where training waits for that."""


def size(workload: Workload) -> float:
    """Bytes of a checkpoint: parameters and the optimizer's states of what is trained, once, without gradients.

    So 14 bytes of a parameter in bf16 with a master copy and two moments in fp32. What is frozen is not saved.
    """
    return workload.parameters * (workload.states.parameters + workload.states.optimizer)


def save(
    workload: Workload,
    storage: Storage,
    *,
    ranks_per_node: int,
    to_host: float | None,
    in_background: bool,
) -> Save:
    """A checkpoint on that storage. `to_host`: bytes a second from one device to its host; None: not known.

    In the background training stops only while each rank copies what it holds to its host's memory, all at once; else
    until everything is written (torch.distributed.checkpoint.async_save).
    """
    _, found = memory.fullest(workload)
    rank, whole = float(found.parameters + found.optimizer), size(workload)
    write = whole / storage.write if storage.write else None
    copied = rank / to_host if to_host else None
    return Save(
        size=whole,
        of_a_rank=rank,
        write=write,
        read=whole / storage.read if storage.read else None,
        stall=copied if in_background else write,
        on_a_host=rank * ranks_per_node if in_background else 0.0,
    )
