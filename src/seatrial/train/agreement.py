"""Whether all ranks hold the same state: the check that catches diverging replicas."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, Replicate


@torch.no_grad()
def ranks_agree(model: nn.Module, step: int, loss: float) -> bool:
    """Whether step and loss are the same on every rank, and the weights on all ranks that hold the same shard.

    A collective: every rank must call it, and gets the same answer.
    """
    local = [p.to_local() if isinstance(p, DTensor) else p for p in model.parameters()]
    return replicas_agree(step, loss, _shard(model), local)


@torch.no_grad()
def replicas_agree(step: int, loss: float, place: object, tensors: Iterable[Tensor]) -> bool:
    """Whether step and loss are the same on every rank, and `tensors` on all ranks that name the same `place`.

    For models that are split without DTensor, where only the framework knows which ranks hold the same weights:
    `place` is hashable, and tells the parts of the model apart. A collective, as above.
    """
    # Bits as integers: their sum does not depend on the order of summation, and NaN equals NaN.
    mine = (step, loss.hex(), place, [_bits(tensor) for tensor in tensors])
    everyone: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(everyone, mine)
    shards: dict[Any, Any] = {}
    same_weights = all(shards.setdefault(shard, print_) == print_ for _, _, shard, print_ in everyone)
    return same_weights and len({(step, loss) for step, loss, _, _ in everyone}) == 1


_INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
"""Bytes of an element -> integers of that size."""


def _bits(tensor: Tensor) -> int:
    return int(tensor.contiguous().view(_INTEGERS[tensor.element_size()]).sum(dtype=torch.int64))


def _shard(model: nn.Module) -> tuple[int, ...]:
    """This rank's place along the dimensions of the mesh that split the weights; () if all ranks hold them whole."""
    parameter = next(model.parameters())
    if not isinstance(parameter, DTensor):
        return ()
    places: Any = parameter.device_mesh.get_coordinate()
    return tuple(i for i, p in zip(places, parameter.placements, strict=True) if not isinstance(p, Replicate))
