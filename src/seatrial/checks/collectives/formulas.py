"""Bandwidths of a collective operation, as nccl-tests counts them.

Algorithm bandwidth is size / time; bus bandwidth is that times a factor by which operations and numbers of ranks can be
compared: what each link carries. nccl-tests 2.19.6, src/*.cu and doc/PERFORMANCE.md.
"""

from __future__ import annotations

GB = 1e9
"""nccl-tests' GB/s are 10**9 bytes per second."""

ALIASES = {
    "alltoall": "all_to_all",
    "allr": "all_reduce",
    "allg": "all_gather",
    "redsct": "reduce_scatter",
}
"""Names that tools and their users have for the same operation; the programs of nccl-tests end in ``_perf``."""

DTYPE_BYTES = {
    **dict.fromkeys(("int8", "uint8", "f8e4m3", "f8e5m2", "fp8_e4m3", "fp8_e5m2"), 1),
    **dict.fromkeys(("half", "bfloat16", "fp16", "bf16", "int16", "uint16"), 2),
    **dict.fromkeys(("float", "int32", "uint32", "fp32"), 4),
    **dict.fromkeys(("double", "int64", "uint64"), 8),
}
"""Types as nccl-tests and nccom-test write them -> bytes of an element."""

OPERATIONS = (
    "all_reduce",
    "all_gather",
    "reduce_scatter",
    "all_to_all",
    "alltoallv",
    "broadcast",
    "sendrecv",
    "permute",
    "reduce",
    "gather",
    "scatter",
    "hypercube",
)
WHOLE = ("broadcast", "reduce", "sendrecv", "permute", "hypercube")
"""Operations whose two bandwidths are the same."""


def operation(name: str) -> str:
    """``all_reduce_perf``, ``/opt/build/alltoall_perf``, ``allr`` as one of OPERATIONS; empty if it is none."""
    plain = name.rpartition("/")[2].removesuffix(".exe").removesuffix("_perf")
    plain = ALIASES.get(plain, plain)
    return plain if plain in OPERATIONS else ""


def counted(operation: str, ranks: int) -> float:
    """The share of the size that the algorithm bandwidth counts."""
    return (ranks - 1) / ranks if operation == "hypercube" else 1.0


def factor(operation: str, ranks: int) -> float:
    """Bus bandwidth over algorithm bandwidth. 0 for a single rank, which needs no link."""
    if operation in WHOLE:
        return 1.0
    return (2 if operation == "all_reduce" else 1) * (ranks - 1) / ranks


def bus_bandwidth(operation: str, ranks: int, size: int, seconds: float) -> float:
    """GB/s; NaN where no time was taken."""
    return on_the_wire(operation, ranks, size) / seconds / GB if seconds > 0 else float("nan")


def on_the_wire(operation: str, ranks: int, size: int) -> float:
    """Bytes that each link must carry: what the bus bandwidth counts."""
    return size * counted(operation, ranks) * factor(operation, ranks)
