"""Bandwidths of a collective operation, as nccl-tests counts them.

Algorithm bandwidth is size / time; bus bandwidth is that times a factor by which operations and numbers of ranks can be
compared: what each link carries. nccl-tests 2.19.6, src/*.cu and doc/PERFORMANCE.md.
"""

from __future__ import annotations

GB = 1e9
"""nccl-tests' GB/s are 10**9 bytes per second."""

WHOLE = ("broadcast", "reduce", "sendrecv", "permute", "hypercube")
"""Operations whose two bandwidths are the same."""


def counted(operation: str, ranks: int) -> float:
    """The share of the size that the algorithm bandwidth counts."""
    return (ranks - 1) / ranks if operation == "hypercube" else 1.0


def factor(operation: str, ranks: int) -> float:
    """Bus bandwidth over algorithm bandwidth. 0 for a single rank, which needs no link."""
    if operation in WHOLE:
        return 1.0
    return (2 if operation == "all_reduce" else 1) * (ranks - 1) / ranks


def bandwidth(operation: str, ranks: int, size: int, seconds: float) -> float:
    """GB/s; NaN where no time was taken."""
    return on_the_wire(operation, ranks, size) / seconds / GB if seconds > 0 else float("nan")


def on_the_wire(operation: str, ranks: int, size: int) -> float:
    """Bytes that each link must carry: what the bus bandwidth counts."""
    return size * counted(operation, ranks) * factor(operation, ranks)
