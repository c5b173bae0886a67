"""From a configuration to a model and an optimizer that are spread over the ranks."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from seatrial.cases.neuronx_distributed.standin import parallel_state
from seatrial.cases.neuronx_distributed.standin.optimizer import NxDOptimizer, Zero1Optimizer


def neuronx_distributed_config(
    tensor_parallel_size: int = 1,
    pipeline_parallel_size: int = 1,
    pipeline_config: Mapping[str, Any] | None = None,
    optimizer_config: Mapping[str, Any] | None = None,
    activation_checkpoint_config: Any = None,
    sequence_parallel: bool = False,
    model_init_config: Mapping[str, Any] | None = None,
    mixed_precision_config: Mapping[str, Any] | None = None,
    lnc_size: int = 1,
) -> dict[str, Any]:
    """The configuration, with the package's keys. Makes the groups of ranks: a collective."""
    if pipeline_parallel_size > 1:
        raise NotImplementedError("the stand-in has no pipeline")
    parallel_state.initialize_model_parallel(tensor_model_parallel_size=tensor_parallel_size)
    usual = {"zero_one_enabled": False, "grad_clipping": True, "max_grad_norm": 1.0}
    return {
        "tensor_parallel_size": tensor_parallel_size,
        "pipeline_parallel_size": pipeline_parallel_size,
        "pipeline_config": pipeline_config,
        "optimizer_config": {**usual, **(optimizer_config or {})},
        "activation_checkpoint_config": activation_checkpoint_config,
        "sequence_parallel": sequence_parallel,
        "model_init_config": model_init_config,
        "mixed_precision_config": mixed_precision_config,
        "lnc_size": lnc_size,
    }


class NxDModel(nn.Module):
    """A model as the package hands it out: its parameters have the names that they have inside."""

    def __init__(self, module: nn.Module, nxd_config: dict[str, Any]) -> None:
        super().__init__()
        self.module, self.nxd_config = module, nxd_config

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The model's own."""
        return self.module(*args, **kwargs)

    def run_train(self, *args: Any, **kwargs: Any) -> Tensor:
        """Forward and backward. Returns the loss."""
        loss: Tensor = self.forward(*args, **kwargs)
        loss.backward()
        return loss

    def named_parameters(self, *args: Any, **kwargs: Any) -> Iterator[tuple[str, nn.Parameter]]:
        """Those of the model, by its own names."""
        return self.module.named_parameters(*args, **kwargs)

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override] # as the package does
        """That of the model, with its own names."""
        return self.module.state_dict(*args, **kwargs)

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Take over a state of `state_dict`."""
        return self.module.load_state_dict(state_dict, strict=strict, assign=assign)


def initialize_parallel_model(nxd_config: dict[str, Any], model_fn: Callable[[], nn.Module]) -> NxDModel:
    """The model that `model_fn` makes; modules of the classes in activation_checkpoint_config are computed again."""
    model = model_fn()
    classes = nxd_config["activation_checkpoint_config"]
    if classes is not None:
        for module in model.modules():
            if isinstance(module, tuple(classes) if isinstance(classes, list | tuple) else classes):
                module.forward = functools.partial(checkpoint, module.forward, use_reentrant=False)
    return NxDModel(model, nxd_config)


def initialize_parallel_optimizer(
    nxd_config: dict[str, Any], optimizer_class: type[torch.optim.Optimizer], parameters: Any, **defaults: Any
) -> NxDOptimizer:
    """The optimizer, its states shared among replicas if ZeRO-1 is enabled."""
    settings = nxd_config["optimizer_config"]
    if not settings["zero_one_enabled"]:
        return NxDOptimizer(optimizer_class(parameters, **defaults), nxd_config)
    return NxDOptimizer(Zero1Optimizer(parameters, optimizer_class, settings, **defaults), nxd_config)
