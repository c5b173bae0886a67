"""Where a rank stands in the four dimensions of parallelism, and whom it talks to in each.

Ranks are numbered as a grid [pipeline, data, context, tensor], the last one fastest: tensor-parallel ranks, which talk
in every layer, are neighbours on one node; pipeline stages, which talk least, are furthest apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.distributed as dist

from seatrial.train.axis import Axis, axis_of


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


def stages(world_size: int, pipeline: int) -> list[int]:
    """The pipeline stage of each rank in the grid of all; empty where there is one alone."""
    return [rank * pipeline // world_size for rank in range(world_size)] if pipeline > 1 else []


def make_mesh(*, pipeline: int, context: int, tensor: int, device: torch.device) -> Mesh:
    """The mesh of all ranks; data parallelism takes what the other dimensions leave. A collective."""
    world, rank = dist.get_world_size(), dist.get_rank()
    grid = torch.arange(world).view(pipeline, -1, context, tensor)
    both_ends = grid if pipeline == 1 else grid[[0, -1]]
    mesh = Mesh(
        pipeline=axis_of(grid.movedim(0, -1), rank),
        data=axis_of(grid.movedim(1, -1), rank),
        context=axis_of(grid.movedim(2, -1), rank),
        tensor=axis_of(grid, rank),
        replicas=axis_of(grid.flatten(1, 2).movedim(1, -1), rank),
        ends=axis_of(both_ends.movedim(0, -1), rank),
    )
    for axis in (mesh.pipeline, mesh.data, mesh.context, mesh.tensor, mesh.replicas, mesh.ends):
        # NCCL connects a group at its first call, which all of its ranks must join: no send between two may be first.
        axis.sum(torch.zeros(1, device=device))
    return mesh
