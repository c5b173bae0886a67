"""The case collectives with a fault in it: a rank that is slow in a collective, a slow link, a wrong element."""

FAULTY = '''
"""The case collectives with a fault in it, which environment variables describe."""

from __future__ import annotations

import os
import time
from dataclasses import replace

from seatrial.cases import collectives
from seatrial.cases.collectives import Args

__all__ = ["Args"]
CASE = replace(collectives.CASE, name="faulty", program=__file__)


def main() -> None:
    import torch.distributed as dist

    from seatrial.cases.collectives import bench

    real = dist.all_reduce
    rank, fault = int(os.environ["RANK"]), os.environ["TEST_FAULT"]

    def all_reduce(tensor, **options):
        group = dist.get_process_group_ranks(options.get("group") or dist.group.WORLD)
        measured = tensor.numel() > 1000  # not those by which ranks agree what to do
        if measured and fault in (f"slow {rank}", *(f"link {rank} {other}" for other in group)):
            time.sleep(1.0)
        work = real(tensor, **options)
        if measured and fault == "wrong 1" and rank == 1:
            tensor[7] += 1
        return work

    dist.all_reduce = all_reduce
    bench.main()


if __name__ == "__main__":
    main()
'''
