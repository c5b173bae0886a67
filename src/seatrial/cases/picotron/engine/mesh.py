"""Where a rank stands in the four dimensions of parallelism, and whom it talks to in each.

Ranks are numbered as a grid [pipeline, data, context, tensor], the last one fastest: tensor-parallel ranks, which talk
in every layer, are neighbours on one node; pipeline stages, which talk least, are furthest apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor


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


@dataclass(frozen=True, slots=True)
class Mesh:
    """A rank's place in all dimensions."""

    pipeline: Axis
    data: Axis
    context: Axis
    tensor: Axis
    replicas: Axis
    """Data x context: the ranks that hold the same weights and see other tokens."""
    ends: Axis
    """The pipeline's first and last stage, which share a tied embedding; a stage between them is alone."""


def make_mesh(*, pipeline: int, context: int, tensor: int, device: torch.device) -> Mesh:
    """The mesh of all ranks; data parallelism takes what the other dimensions leave. A collective."""
    world, rank = dist.get_world_size(), dist.get_rank()
    grid = torch.arange(world).view(pipeline, -1, context, tensor)
    both_ends = grid if pipeline == 1 else grid[[0, -1]]
    mesh = Mesh(
        pipeline=_axis(grid.movedim(0, -1), rank),
        data=_axis(grid.movedim(1, -1), rank),
        context=_axis(grid.movedim(2, -1), rank),
        tensor=_axis(grid, rank),
        replicas=_axis(grid.flatten(1, 2).movedim(1, -1), rank),
        ends=_axis(both_ends.movedim(0, -1), rank),
    )
    for axis in (mesh.pipeline, mesh.data, mesh.context, mesh.tensor, mesh.replicas, mesh.ends):
        # NCCL connects a group at its first call, which all of its ranks must join: no send between two may be first.
        axis.sum(torch.zeros(1, device=device))
    return mesh


def _axis(grid: Tensor, rank: int) -> Axis:
    """The last dimension of `grid` as `rank` sees it. Every rank makes every group, in the same order."""
    lines = grid.reshape(-1, grid.shape[-1]).tolist()
    mine = next((line for line in lines if rank in line), [rank])
    group = None
    if grid.shape[-1] > 1:
        group, _ = dist.new_subgroups_by_enumeration(lines)
    return Axis(ranks=tuple(mine), rank=mine.index(rank), group=group if len(mine) > 1 else None)
