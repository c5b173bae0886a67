"""The parts of a training step, each alone: made of a shape, run forward and backward."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seatrial.forecast.measured import HEADS
from seatrial.train.model import rotate

SIDES = (32, 64, 128, 256, 512, 1024, 2048)
"""Rows, inputs and outputs of matrix products."""
LENGTHS, WIDTHS = (64, 128, 256, 512, 1024), (32, 64, 128)
"""Positions, and the width of a head."""
NUMBERS = tuple(2**power for power in range(13, 24, 2))
"""Numbers of which a pass over memory makes as many."""
TOGETHER, TOGETHER_BYTES = 4, 64 * 2**20
"""Copies of a part that are run one after the other, forward, then backward, as layers are: what one kept for its
backward pass has left the caches, as in training. At most so many, and so many bytes."""

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """Something that is run, with what a backward pass needs; no gradient: only its forward pass is of interest."""

    run: Callable[[], Tensor]
    inputs: tuple[Tensor, ...]
    gradient: Tensor | None

    @property
    def size(self) -> int:
        """Bytes, about: its inputs, as many outputs, and gradients of both."""
        return 3 * sum(tensor.nbytes for tensor in self.inputs)


class Maker:
    """Makes parts on a device."""

    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        self.device, self.dtype = device, dtype
        self._drawn = torch.randn(2**18, device=device, dtype=dtype)

    def normal(self, *shape: int, grad: bool = True) -> Tensor:
        """Numbers that repeat themselves: to draw all of them would take longer than what is measured."""
        count = math.prod(shape)
        numbers = self._drawn.repeat(-(-count // len(self._drawn)))[:count].view(shape)
        return numbers.clone().requires_grad_(grad)

    def product(self, rows: int, inputs: int, outputs: int) -> Part:
        """A linear layer without bias."""
        x, weight = self.normal(rows, inputs), self.normal(outputs, inputs)
        return Part(lambda: F.linear(x, weight), (x, weight), self.normal(rows, outputs, grad=False))

    def attention(self, length: int, width: int) -> Part:
        """Of HEADS heads of one sequence, with what it takes to lay them side by side and apart again."""
        query, key, value = (self.normal(1, length, HEADS, width) for _ in range(3))

        def run() -> Tensor:
            q, k, v = (one.transpose(1, 2) for one in (query, key, value))
            return F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(1, length, -1)

        return Part(run, (query, key, value), self.normal(1, length, HEADS * width, grad=False))

    def norm(self, numbers: int) -> Part:
        """RMSNorm of rows of 256."""
        layer = nn.RMSNorm(256, device=self.device, dtype=self.dtype)
        x = self.normal(numbers // 256, 256)
        return Part(lambda: layer(x), (x, layer.weight), torch.ones_like(x, requires_grad=False))

    def activation(self, numbers: int) -> Part:
        """SwiGLU."""
        gate, up = self.normal(numbers // 256, 256), self.normal(numbers // 256, 256)
        return Part(lambda: F.silu(gate) * up, (gate, up), torch.ones_like(up, requires_grad=False))

    def rotation(self, numbers: int) -> Part:
        """Rotary positions of four heads, 64 wide."""
        x = self.normal(1, numbers // 256, 4, 64)
        table = torch.randn(numbers // 256, 64, device=self.device)
        return Part(lambda: rotate(x, table, table), (x,), torch.ones_like(x, requires_grad=False))

    def sum(self, numbers: int) -> Part:
        """Of two tensors, of equal size: residuals, and gradients that meet."""
        a, b = self.normal(numbers, grad=False), self.normal(numbers, grad=False)
        return Part(lambda: a + b, (a, b), None)

    def loss(self, numbers: int) -> Part:
        """Cross-entropy over 256 words."""
        logits = self.normal(numbers // 256, 256)
        targets = torch.randint(0, 256, (numbers // 256,), device=self.device)
        return Part(lambda: F.cross_entropy(logits.float(), targets), (logits,), torch.ones((), device=self.device))

    def embedding(self, numbers: int) -> Part:
        """Of 256 tokens, in a table of so many numbers: its gradient is as large as the table."""
        table = self.normal(numbers // 64, 64)
        tokens = torch.randint(0, numbers // 64, (256,), device=self.device)
        return Part(lambda: F.embedding(tokens, table), (table,), self.normal(256, 64, grad=False))


AXES: Mapping[str, tuple[str, ...]] = {
    "product": ("rows", "inputs", "outputs"),
    "attention": ("length", "width"),
    **dict.fromkeys(("norm", "activation", "rotation", "sum", "loss", "embedding"), ("numbers",)),
}
"""Part -> what its shapes say."""


def shapes(name: str, largest: int) -> Iterator[Shape]:
    """All that are measured; a product takes at most `largest` FLOPs."""
    if name == "product":
        yield from (sides for sides in product(SIDES, repeat=3) if 2 * math.prod(sides) <= largest)
    elif name == "attention":
        yield from ((length, width) for length, width in product(LENGTHS, WIDTHS) if 4 * length**2 * width <= largest)
    else:
        yield from ((numbers,) for numbers in NUMBERS if 16 * numbers <= largest)


def copies(maker: Maker, name: str, shape: Shape) -> list[Part]:
    """As many as are run together."""
    make: Callable[..., Part] = getattr(maker, name)
    first = make(*shape)
    return [first, *(make(*shape) for _ in range(min(TOGETHER, TOGETHER_BYTES // max(first.size, 1)) - 1))]
