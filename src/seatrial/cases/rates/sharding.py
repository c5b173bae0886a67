"""What FSDP2 takes for a unit of parameters, and what follows it once a step, with all ranks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

from seatrial.train.optimizer import adamw

TENSORS = (8, 32, 128)
"""Parameters of a unit."""
NUMBERS = (2**14, 2**17, 2**20, 2**22, 2**24)
"""Numbers of all parameters of a unit together: closer where bandwidth begins to decide."""


class Unit(nn.Module):
    """Parameters that nothing is computed with: what passes is what FSDP2 itself takes."""

    def __init__(self, tensors: int, numbers: int, device: torch.device) -> None:
        super().__init__()
        rows = max(numbers // tensors // 64, 1)
        self.held = nn.ParameterList(nn.Parameter(torch.zeros(rows, 64, device=device)) for _ in range(tensors))
        self.making = 0.0
        """Seconds that the last gradients took to be made, which in training is part of the products."""

    def forward(self, x: Tensor, now: Callable[[], float]) -> Tensor:
        """x comes back."""
        passed: Tensor = _Pass.apply(x, self, now, *self.held)  # type: ignore[no-untyped-call]
        return passed


class _Pass(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, unit: Unit, now: Callable[[], float], *parameters: Tensor) -> Tensor:
        ctx.save_for_backward(*parameters)
        ctx.unit, ctx.now = unit, now
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        begin = ctx.now()
        made = [torch.zeros_like(one) for one in ctx.saved_tensors]
        ctx.unit.making = ctx.now() - begin
        return gradients[0], None, None, *made


def shapes(largest: int) -> Iterator[tuple[int, int]]:
    """(tensors, numbers) of the units that are measured."""
    yield from ((tensors, numbers) for tensors, numbers in product(TENSORS, NUMBERS) if 16 * numbers <= largest)


class Sharded:
    """A unit on all ranks, with its optimizer. Everything here is a collective."""

    def __init__(self, tensors: int, numbers: int, device: torch.device, dtype: torch.dtype, ranks: int) -> None:
        policy = MixedPrecisionPolicy(param_dtype=dtype, reduce_dtype=torch.float32)
        mesh = init_device_mesh(device.type, (ranks,))
        self.unit = Unit(tensors, numbers, device)
        fully_shard(self.unit, mesh=mesh, mp_policy=policy, reshard_after_forward=False)
        self.optimizer = adamw(self.unit.parameters(), learning_rate=1e-3, betas=(0.9, 0.95), weight_decay=0.1)
        self.x = torch.zeros(64, device=device, requires_grad=True)

    def round(self, now: Callable[[], float]) -> dict[str, tuple[float, float]]:
        """Seconds of gathering, of reducing, and of clipping with the optimizer's step; none has a backward."""
        begin = now()
        out = self.unit(self.x, now)
        gathered = now()
        out.backward(torch.zeros_like(out))
        reduced = now()
        torch.nn.utils.clip_grad_norm_(self.unit.parameters(), math.inf)
        self.optimizer.step()
        self.optimizer.zero_grad()
        ended = now()
        return {
            "gather": (gathered - begin, 0.0),
            "reduce": (reduced - gathered - self.unit.making, 0.0),
            "optimizer": (ended - reduced, 0.0),
        }
