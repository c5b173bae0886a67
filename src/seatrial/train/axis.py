"""One dimension of a grid of ranks, and what autograd must know where a tensor enters and leaves it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd import Function


@dataclass(frozen=True, slots=True)
class Axis:
    """One dimension of the grid as one rank sees it."""

    ranks: tuple[int, ...]
    """Global ranks along the dimension."""
    rank: int
    """This rank's place among them."""
    group: dist.ProcessGroup | None = None
    """None: the rank is alone, and there is nothing to communicate."""

    @property
    def size(self) -> int:
        """Ranks along the dimension."""
        return len(self.ranks)

    @property
    def is_first(self) -> bool:
        """Whether this rank is the dimension's first."""
        return self.rank == 0

    @property
    def is_last(self) -> bool:
        """Whether this rank is the dimension's last."""
        return self.rank == self.size - 1

    def neighbour(self, distance: int) -> int:
        """Global rank that is `distance` places further, around the ring."""
        return self.ranks[(self.rank + distance) % self.size]

    def sum(self, tensor: Tensor) -> Tensor:
        """Add up a contiguous tensor over the dimension, in place."""
        if self.group is not None:
            dist.all_reduce(tensor, group=self.group)
        return tensor


def axis_of(grid: Tensor, rank: int) -> Axis:
    """The last dimension of `grid` as `rank` sees it. Every rank makes every group, in the same order."""
    lines = grid.reshape(-1, grid.shape[-1]).tolist()
    mine = next((line for line in lines if rank in line), [rank])
    group = None
    if grid.shape[-1] > 1:
        group, _ = dist.new_subgroups_by_enumeration(lines)
    return Axis(ranks=tuple(mine), rank=mine.index(rank), group=group if len(mine) > 1 else None)


class _Enter(Function):
    """Forward: nothing. Backward: each rank's part of the gradient is added up."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, axis: Axis) -> Tensor:
        ctx.axis = axis
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.axis.sum(gradient.clone(memory_format=torch.contiguous_format)), None


class _Leave(Function):
    """Forward: each rank's part of the result is added up. Backward: nothing, all ranks have the same gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, axis: Axis) -> Tensor:
        return axis.sum(x.clone(memory_format=torch.contiguous_format))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


def enter(x: Tensor, axis: Axis) -> Tensor:
    """Hand a tensor that all ranks hold to layers that are split."""
    return x if axis.size == 1 else _Enter.apply(x, axis)  # type: ignore[no-untyped-call] # torch leaves it so


def leave(x: Tensor, axis: Axis) -> Tensor:
    """Add up what split layers made."""
    return x if axis.size == 1 else _Leave.apply(x, axis)  # type: ignore[no-untyped-call] # torch leaves it so
