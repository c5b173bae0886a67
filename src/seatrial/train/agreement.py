"""Whether all ranks hold the same state: the check that catches diverging replicas."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, Replicate


def ranks_agree(model: nn.Module, step: int, loss: float) -> bool:
    """Whether step and loss are the same on every rank, and each weight on all ranks that hold the same part of it.

    A collective: every rank must call it, and gets the same answer.
    """
    return _agree(step, loss, [_part(parameter) for parameter in model.parameters()])


def replicas_agree(
    step: int, loss: float, place: Hashable, tensors: Iterable[Tensor], group: dist.ProcessGroup | None = None
) -> bool:
    """Whether step and loss are the same on every rank, and `tensors` on all ranks that name the same `place`.

    For models that are split without DTensor, where only the framework knows which ranks hold the same weights:
    `place` tells the parts of the model apart. `group` is one of all ranks; None: the default one. A collective, as
    above.
    """
    return _agree(step, loss, [(place, tensor) for tensor in tensors], group)


@torch.no_grad()
def _agree(
    step: int, loss: float, parts: list[tuple[Hashable, Tensor]], group: dist.ProcessGroup | None = None
) -> bool:
    mine = (step, loss.hex(), [(place, _bits(tensor)) for place, tensor in parts])
    everyone: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(everyone, mine, group=group)
    seen: dict[Any, int] = {}
    same_weights = all(
        seen.setdefault((number, place), bits) == bits
        for _, _, prints in everyone
        for number, (place, bits) in enumerate(prints)
    )
    return same_weights and len({(step, loss) for step, loss, _ in everyone}) == 1


_INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
"""Bytes of an element -> integers of that size."""


def _bits(tensor: Tensor) -> int:
    # Bits as integers: their sum does not depend on the order of summation, and NaN equals NaN.
    return int(tensor.contiguous().view(_INTEGERS[tensor.element_size()]).sum(dtype=torch.int64))


def _part(parameter: Tensor) -> tuple[Hashable, Tensor]:
    """This rank's place along the mesh dimensions that split a parameter, () if it is whole, and what is there."""
    if not isinstance(parameter, DTensor):
        return (), parameter
    coordinate: Any = parameter.device_mesh.get_coordinate()
    split = [i for i, placement in enumerate(parameter.placements) if not isinstance(placement, Replicate)]
    return tuple(coordinate[i] for i in split), parameter.to_local()
