"""Names of operations and types, as nccl-tests and nccom-test write them. Their bandwidths: seatrial.forecast.bus."""

from __future__ import annotations

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


def operation(name: str) -> str:
    """``all_reduce_perf``, ``/opt/build/alltoall_perf``, ``allr`` as one of OPERATIONS; empty if it is none."""
    plain = name.rpartition("/")[2].removesuffix(".exe").removesuffix("_perf")
    plain = ALIASES.get(plain, plain)
    return plain if plain in OPERATIONS else ""
