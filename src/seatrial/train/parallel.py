"""How a model is spread over ranks: FSDP2 meshes, precision, recomputation, compilation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import CPUOffloadPolicy, FSDPModule, MixedPrecisionPolicy, OffloadPolicy, fully_shard

from seatrial.train.model import Block
from seatrial.workload import UNIT_BYTES

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
"""What parameters are gathered and computed in."""


def make_mesh(device: str, world_size: int, shard_size: int) -> DeviceMesh:
    """A mesh for full sharding (one dimension), or for hybrid sharding: replicas x shards of `shard_size` ranks.

    Hybrid sharding keeps all-gathers inside a group, usually one node, and all-reduces gradients between groups.
    """
    if shard_size in (0, world_size):
        return init_device_mesh(device, (world_size,), mesh_dim_names=("shard",))
    return init_device_mesh(device, (world_size // shard_size, shard_size), mesh_dim_names=("replicate", "shard"))


def shard(
    model: nn.Module,
    blocks: Sequence[Block],
    mesh: DeviceMesh,
    *,
    precision: str,
    recompute: str,
    compiled: bool,
    cpu_offload: bool,
    reshard_after_forward: bool,
) -> None:
    """Apply FSDP2 to a model on the meta device: blocks are units of their own, the rest goes with the root.

    Parameters are stored in float32; `precision` is what they are gathered and computed in. Gradients are always
    reduced in float32. Inputs are not cast: rotary tables must stay float32.
    """
    policy = MixedPrecisionPolicy(param_dtype=DTYPES[precision], reduce_dtype=torch.float32, cast_forward_inputs=False)
    offload = CPUOffloadPolicy(pin_memory=torch.cuda.is_available()) if cpu_offload else OffloadPolicy()
    for block in blocks:
        block.recompute = recompute
        if compiled:
            block.compile(fullgraph=False, dynamic=False)
    for unit in units(blocks):
        fully_shard(
            unit, mesh=mesh, mp_policy=policy, offload_policy=offload, reshard_after_forward=reshard_after_forward
        )
    # The root's parameters are needed again at once in the backward pass: gathering them twice would be waste.
    fully_shard(model, mesh=mesh, mp_policy=policy, offload_policy=offload, reshard_after_forward=False)


def units(blocks: Sequence[Block]) -> list[list[nn.Module]]:
    """Consecutive blocks that are gathered together: one each, unless they are smaller than UNIT_BYTES.

    All blocks together may be less than one unit; then there is none, and they go with the root.
    """
    found: list[list[nn.Module]] = []
    size = UNIT_BYTES
    for block in blocks:
        if size >= UNIT_BYTES:
            found.append([])
            size = 0
        found[-1].append(block)
        size += sum(p.numel() * p.element_size() for p in block.parameters())
    return [] if len(found) == 1 and size < UNIT_BYTES else found


def synchronise_gradients(model: nn.Module, wanted: bool) -> None:
    """Whether the next backward pass reduces gradients; off for all but the last micro-batch of a step."""
    if isinstance(model, FSDPModule):
        model.set_requires_gradient_sync(wanted)
