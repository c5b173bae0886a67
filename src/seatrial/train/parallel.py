"""How a model is spread over ranks: FSDP2 meshes, precision, recomputation, compilation."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import CPUOffloadPolicy, FSDPModule, MixedPrecisionPolicy, OffloadPolicy, fully_shard

from seatrial.train.model import Block

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def make_mesh(device: str, world_size: int, shard_size: int) -> DeviceMesh:
    """A mesh for full sharding (one dimension), or for hybrid sharding: replicas x shards of `shard_size` ranks.

    Hybrid sharding keeps all-gathers inside a group, usually one node, and all-reduces gradients between groups.
    """
    if shard_size in (0, world_size):
        return init_device_mesh(device, (world_size,), mesh_dim_names=("shard",))
    return init_device_mesh(device, (world_size // shard_size, shard_size), mesh_dim_names=("replicate", "shard"))


def shard(
    model: nn.Module,
    blocks: Iterable[Block],
    mesh: DeviceMesh,
    *,
    precision: str,
    recompute: str,
    compiled: bool,
    cpu_offload: bool,
    reshard_after_forward: bool,
) -> None:
    """Apply FSDP2 to a model on the meta device: each block a unit, the rest with the root.

    Parameters are stored in float32; `precision` is what they are gathered and computed in. Gradients are always
    reduced in float32. Inputs are not cast: rotary tables must stay float32.
    """
    policy = MixedPrecisionPolicy(param_dtype=DTYPES[precision], reduce_dtype=torch.float32, cast_forward_inputs=False)
    offload = CPUOffloadPolicy(pin_memory=torch.cuda.is_available()) if cpu_offload else OffloadPolicy()
    for block in blocks:
        block.recompute = recompute
        if compiled:
            block.compile(fullgraph=False, dynamic=False)
        fully_shard(
            block, mesh=mesh, mp_policy=policy, offload_policy=offload, reshard_after_forward=reshard_after_forward
        )
    # The root's parameters are needed again at once in the backward pass: gathering them twice would be waste.
    fully_shard(model, mesh=mesh, mp_policy=policy, offload_policy=offload, reshard_after_forward=False)


def synchronise_gradients(model: nn.Module, wanted: bool) -> None:
    """Whether the next backward pass reduces gradients; off for all but the last micro-batch of a step."""
    if isinstance(model, FSDPModule):
        model.set_requires_gradient_sync(wanted)
