"""A case of one file: join a gloo group, do one all-reduce, print the time. Used by first_allreduce.py.

The same file is the program of every rank, under `seatrial run` as under torchrun; only ranks import torch.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from seatrial.arguments import CaseArgs
from seatrial.spec import Case, Recipe


@dataclass(frozen=True, kw_only=True)
class Args(CaseArgs):
    """It has none."""


CASE = Case(
    name="allreduce",
    title="One all-reduce",
    framework="torch.distributed, gloo",
    Args=Args,
    recipes=(Recipe(name="tiny", title="2 processes", args=Args(), processes_per_node=2),),
    program=__file__,
    requires=("torch",),
)


def main() -> None:
    """One rank."""
    import torch
    import torch.distributed as dist

    dist.init_process_group("gloo")
    value = torch.ones(1)
    dist.all_reduce(value)
    print(f"all-reduce {value.item():.0f} done at {time.time():.6f}", flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
