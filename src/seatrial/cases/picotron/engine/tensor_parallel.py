"""Tensor parallelism: each rank holds a slice of every matrix, and of the vocabulary.

A pair of matrices needs one sum over the ranks: the first is split by its outputs (column), the second by its inputs
(row), so that what lies between them, heads or hidden units, never leaves its rank (Megatron-LM, arXiv:1909.08053).

Shapes: B sequences, S positions, H hidden, V vocabulary, T tensor-parallel ranks.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import Function

from seatrial.cases.picotron.engine.mesh import Axis


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


class Split(nn.Module):
    """Holds this rank's slice of a matrix, without first values."""

    dimension: int
    """Dimension of the whole matrix that is cut into T slices."""

    def __init__(self, outputs: int, inputs: int, axis: Axis) -> None:
        super().__init__()
        self.axis = axis
        shape = [outputs, inputs]
        shape[self.dimension] //= axis.size
        self.weight = nn.Parameter(torch.empty(shape))


class Column(Split):
    """Linear layer split by its outputs: all inputs, a T-th of the outputs. Its input comes from `enter`."""

    dimension = 0

    def forward(self, x: Tensor) -> Tensor:
        """x: [..., inputs]. Returns [..., outputs / T]."""
        return F.linear(x, self.weight)


class Row(Split):
    """Linear layer split by its inputs: takes what a column-split layer made, gives the whole result to all ranks."""

    dimension = 1

    def forward(self, x: Tensor) -> Tensor:
        """x: [..., inputs / T]. Returns [..., outputs]."""
        return leave(F.linear(x, self.weight), self.axis)


class Embedding(Split):
    """Look-up table split by the vocabulary: a rank gives zeros for tokens that it does not hold."""

    dimension = 0

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens: [B, S]. Returns [B, S, H]."""
        index, mine = local_tokens(tokens, self.weight.shape[0], self.axis)
        return leave(F.embedding(index, self.weight) * mine[..., None], self.axis)


def local_tokens(tokens: Tensor, count: int, axis: Axis) -> tuple[Tensor, Tensor]:
    """Index of each token among this rank's `count`, and whether it is one of them; index 0 where it is not."""
    index = tokens - axis.rank * count
    mine = (index >= 0) & (index < count)
    return index.where(mine, 0), mine


class _CrossEntropy(Function):
    """Mean cross-entropy of logits [N, V / T] that are split by the vocabulary; no rank ever holds all of them."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor, axis: Axis) -> Tensor:
        largest = logits.amax(dim=-1)  # [N]
        dist.all_reduce(largest, op=dist.ReduceOp.MAX, group=axis.group)
        shifted = logits - largest[:, None]
        index, mine = local_tokens(targets, logits.shape[-1], axis)
        exponentials = shifted.exp()
        # Two sums over the vocabulary in one call: of the exponentials, and the target's own logit.
        parts = torch.stack((exponentials.sum(dim=-1), shifted.gather(-1, index[:, None])[:, 0] * mine))
        total, target = axis.sum(parts)
        ctx.save_for_backward(exponentials.div_(total[:, None]), index, mine)
        return (total.log() - target).mean()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        probabilities, index, mine = ctx.saved_tensors
        gradients = probabilities.scatter_add(-1, index[:, None], -mine[:, None].to(probabilities.dtype))
        return gradients * (gradient / len(index)), None, None


def cross_entropy(logits: Tensor, targets: Tensor, axis: Axis) -> Tensor:
    """Mean loss in nats, float32 scalar, the same on all ranks. logits: [B, S, V / T]; targets: [B, S]."""
    flat = logits.flatten(0, 1).float()
    if axis.size == 1:
        return F.cross_entropy(flat, targets.flatten())
    return _CrossEntropy.apply(flat, targets.flatten(), axis)  # type: ignore[no-untyped-call] # torch leaves it so
