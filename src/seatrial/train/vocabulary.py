"""A vocabulary that is split over ranks: which tokens a rank holds, and cross-entropy without ever holding all logits.

Shapes: N positions, V vocabulary, T ranks that share it.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function

from seatrial.train.axis import Axis


def local_tokens(tokens: Tensor, count: int, axis: Axis) -> tuple[Tensor, Tensor]:
    """Index of each token among this rank's `count`, and whether it is one of them; index 0 where it is not."""
    index = tokens - axis.rank * count
    mine = (index >= 0) & (index < count)
    return index.where(mine, 0), mine


class _CrossEntropy(Function):
    """Cross-entropy of each position's logits [N, V / T] that are split by the vocabulary."""

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
        return total.log() - target

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        probabilities, index, mine = ctx.saved_tensors
        gradients = probabilities.scatter_add(-1, index[:, None], -mine[:, None].to(probabilities.dtype))
        return gradients * gradient[:, None], None, None


def token_losses(logits: Tensor, targets: Tensor, axis: Axis) -> Tensor:
    """Each position's loss in nats, float32 [N], the same on all ranks. logits: [N, V / T] float32; targets: [N]."""
    if axis.size == 1:
        return F.cross_entropy(logits, targets, reduction="none")
    return _CrossEntropy.apply(logits, targets, axis)  # type: ignore[no-untyped-call] # torch leaves it so
