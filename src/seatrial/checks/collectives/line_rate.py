"""The bus bandwidth at which the links of an instance type are full: what no sweep can be above, but for one.

An all-reduce within a node may be: switches that add up on their way (NVLS) spare links half of the bytes.
"""

from __future__ import annotations

from seatrial.errors import UserError
from seatrial.forecast.bus import GB
from seatrial.hardware import accelerators, instances

_THROUGH_ALL = ("all_reduce", "all_gather", "reduce_scatter", "broadcast", "reduce")
"""Between nodes each byte crosses once, over all network cards together: a ring for each of them."""
_ONE_TO_ONE = ("sendrecv", "permute")


def line_rate(operation: str, ranks: int, nodes: int | None, instance_type: str) -> tuple[float, str] | None:
    """GB/s (10**9) and of what links; None: not known, or not to be told in one figure."""
    try:
        instance = instances.instance(instance_type)
    except UserError:
        return None
    if nodes == 1:
        return _within(operation, instance)
    if not nodes or instance.network_gbps is None or ranks % nodes or ranks != nodes * instance.ranks:
        return None
    node = instance.network_gbps / 8
    source = f"{instance.network_gbps:g} Gbit/s of EFA a node"
    if operation in _THROUGH_ALL:
        return node, source
    one = node / instance.ranks
    if operation in _ONE_TO_ONE:
        return one, f"{source}, shared by {instance.ranks} ranks"
    if operation == "all_to_all":  # what goes to ranks of the same node does not cross
        return one * (ranks - 1) / (ranks - instance.ranks), f"{source}, shared by {instance.ranks} ranks"
    return None


def _within(operation: str, instance: instances.Instance) -> tuple[float, str] | None:
    gpu = accelerators.accelerator(instance.accelerator) if instance.accelerator else None
    if gpu is None or not gpu.nvlink_bytes or operation not in (*_THROUGH_ALL, *_ONE_TO_ONE, "all_to_all"):
        return None
    return gpu.nvlink_bytes / GB, f"{gpu.links} NVLinks of {gpu.nvlink_bytes / GB / (gpu.links or 1):g} GB/s a GPU"
