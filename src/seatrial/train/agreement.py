"""Whether all ranks hold the same state: the check that catches diverging replicas."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.tensor import DTensor, Replicate


@torch.no_grad()
def ranks_agree(model: nn.Module, step: int, loss: float) -> bool:
    """Whether step and loss are the same on every rank, and the weights on all ranks that hold the same shard.

    A collective: every rank must call it, and gets the same answer.
    """
    mine = (step, loss.hex(), _shard(model), _fingerprint(model))
    everyone: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(everyone, mine)
    shards: dict[Any, Any] = {}
    same_weights = all(shards.setdefault(shard, print_) == print_ for _, _, shard, print_ in everyone)
    return same_weights and len({(step, loss) for step, loss, _, _ in everyone}) == 1


def _fingerprint(model: nn.Module) -> list[int]:
    # Bits as integers: their sum does not depend on the order of summation, and NaN equals NaN.
    local = [p.to_local() if isinstance(p, DTensor) else p for p in model.parameters()]
    return [int(p.view(torch.int32).sum(dtype=torch.int64)) for p in local]


def _shard(model: nn.Module) -> tuple[int, ...]:
    """This rank's place along the dimensions of the mesh that split the weights; () if all ranks hold them whole."""
    parameter = next(model.parameters())
    if not isinstance(parameter, DTensor):
        return ()
    places: Any = parameter.device_mesh.get_coordinate()
    return tuple(i for i, p in zip(places, parameter.placements, strict=True) if not isinstance(p, Replicate))
