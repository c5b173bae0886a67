"""Gradients of all ranks, their norm, and an optimizer whose states the replicas share (ZeRO-1, arXiv:1910.02054)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from seatrial.cases.neuronx_distributed.standin import parallel_state


class NxDOptimizer:
    """What the package wraps every optimizer in: sums gradients, clips them, and tells their norm before that."""

    def __init__(self, optimizer: Any, nxd_config: dict[str, Any]) -> None:
        self.optimizer, self.nxd_config = optimizer, nxd_config
        self.grad_norm: Tensor | None = None

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Of the optimizer inside."""
        groups: list[dict[str, Any]] = self.optimizer.param_groups
        return groups

    def zero_grad(self, set_to_none: bool = False) -> None:
        """Forget the gradients."""
        self.optimizer.zero_grad(set_to_none=set_to_none)

    @torch.no_grad()
    def step(self) -> None:
        """Take the step of the mean gradient over all replicas. A collective."""
        parameters = [p for group in self.param_groups for p in group["params"] if p.grad is not None]
        if self.nxd_config["sequence_parallel"]:
            for parameter in parameters:  # each rank's comes from its own stretch of the sequence
                if getattr(parameter, "sequence_parallel_enabled", False):
                    parallel_state.tensor_axis().sum(parameter.grad)
        settings = self.nxd_config["optimizer_config"]
        if settings["zero_one_enabled"]:
            self.optimizer.step()
            self.grad_norm = self.optimizer.grad_norm
            return
        data = parallel_state.data_axis()
        for parameter in parameters:
            data.sum(parameter.grad).div_(data.size)
        if settings["grad_clipping"]:
            self.grad_norm = clip(parameters, [p.grad for p in parameters], settings["max_grad_norm"])
        self.optimizer.step()

    def state_dict(self) -> dict[str, Any]:
        """Of the optimizer inside."""
        state: dict[str, Any] = self.optimizer.state_dict()
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state of `state_dict`."""
        self.optimizer.load_state_dict(state_dict)


def clip(parameters: list[nn.Parameter], gradients: list[Tensor], limit: float, *, shards: bool = False) -> Tensor:
    """Scale gradients down to a norm of `limit`. Returns the norm before, in which every weight counts once.

    `shards`: the gradients are this replica's share of them. A collective.
    """
    tensor = parallel_state.tensor_axis()
    square = torch.zeros((), dtype=torch.float64)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        split = getattr(parameter, "tensor_model_parallel", False)
        holders = parameter.copies if split else tensor.size  # type: ignore[attr-defined] # see layers
        square += gradient.double().square().sum() / holders
    tensor.sum(square)
    if shards:
        parallel_state.data_axis().sum(square)
    norm = square.sqrt()
    factor = min(1.0, limit / (float(norm) + 1e-6))
    if factor < 1.0:
        torch._foreach_mul_(gradients, factor)
    return norm.float()


class Zero1Optimizer:
    """Each replica steps its share of every parameter, cut along the first dimension, and hands it to the others."""

    def __init__(self, params: Any, optimizer_class: type[Any], settings: Mapping[str, Any], **defaults: Any) -> None:
        self.settings = settings
        self.grad_norm: Tensor | None = None
        self.param_groups: list[dict[str, Any]] = optimizer_class(params, **defaults).param_groups
        self._parameters: list[nn.Parameter] = [p for group in self.param_groups for p in group["params"]]
        self._make: Any = lambda groups: optimizer_class(groups, **defaults)
        self.init_zero()

    def init_zero(self) -> None:
        """Take this replica's shares, in fp32, from the parameters as they are now."""
        axis = parallel_state.data_axis()
        shares = {p: nn.Parameter(_padded(p.detach().float())[axis.rank].clone()) for p in self._parameters}
        self._shares = list(shares.values())
        self._base = self._make([{**g, "params": [shares[p] for p in g["params"]]} for g in self.param_groups])

    def zero_grad(self, set_to_none: bool = False) -> None:
        """Forget the gradients."""
        for parameter in self._parameters:
            if set_to_none or parameter.grad is None:
                parameter.grad = None
            else:
                parameter.grad.zero_()

    def step(self) -> None:
        """Mean gradients, clipped; a step of the shares; whole parameters again. A collective."""
        axis = parallel_state.data_axis()
        for parameter, share in zip(self._parameters, self._shares, strict=True):
            assert parameter.grad is not None, "a parameter took no part in the backward pass"
            parts = _padded(parameter.grad.float())
            share.grad = torch.empty_like(share)
            if axis.group is None:
                share.grad.copy_(parts[0])
            else:
                dist.reduce_scatter_tensor(share.grad, parts.flatten(0, 1), group=axis.group)
            share.grad.div_(axis.size)
        if self.settings["grad_clipping"]:
            gradients = [share.grad for share in self._shares if share.grad is not None]
            self.grad_norm = clip(self._parameters, gradients, self.settings["max_grad_norm"], shards=True)
        for ours, base in zip(self.param_groups, self._base.param_groups, strict=True):
            base.update({name: value for name, value in ours.items() if name != "params"})  # a new learning rate
        self._base.step()
        for parameter, share in zip(self._parameters, self._shares, strict=True):
            whole = share.detach()
            if axis.group is not None:
                whole = share.new_empty(share.shape[0] * axis.size, *share.shape[1:])
                dist.all_gather_into_tensor(whole, share.detach(), group=axis.group)
            parameter.copy_(whole[: parameter.shape[0]])

    def state_dict(self) -> dict[str, Any]:
        """This replica's share."""
        return {"base": self._base.state_dict(), "shares": [share.detach() for share in self._shares]}

    @torch.no_grad()
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a share."""
        self._base.load_state_dict(state_dict["base"])
        for share, saved in zip(self._shares, state_dict["shares"], strict=True):
            share.copy_(saved)


def _padded(tensor: Tensor) -> Tensor:
    """[replicas, rows of one, ...]: the first dimension filled up with zeros until all replicas get as much."""
    count = parallel_state.data_axis().size
    rows = -(-tensor.shape[0] // count)
    whole = tensor.new_zeros(rows * count, *tensor.shape[1:])
    whole[: tensor.shape[0]] = tensor
    return whole.view(count, rows, *tensor.shape[1:])
