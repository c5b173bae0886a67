"""Tensor parallelism: each rank holds a slice of every matrix, and of the vocabulary.

A pair of matrices needs one sum over the ranks: the first is split by its outputs (column), the second by its inputs
(row), so that what lies between them, heads or hidden units, never leaves its rank (Megatron-LM, arXiv:1909.08053).

Shapes: B sequences, S positions, H hidden, V vocabulary, T tensor-parallel ranks.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seatrial.train.axis import Axis, leave
from seatrial.train.vocabulary import local_tokens, token_losses


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


def cross_entropy(logits: Tensor, targets: Tensor, axis: Axis) -> Tensor:
    """Mean loss in nats, float32 scalar, the same on all ranks. logits: [B, S, V / T]; targets: [B, S]."""
    return token_losses(logits.flatten(0, 1).float(), targets.flatten(), axis).mean()
