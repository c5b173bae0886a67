"""torch's AdamW in megatron-core's distributed optimizer, made loadable.

megatron-core takes it where neither Apex nor Transformer Engine is. Version 0.16.1 trains and saves with it, but cannot
load: torch keeps a count of steps for each parameter, where the fused optimizers keep one for all.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from megatron.core.optimizer.distrib_optimizer import DistributedOptimizer


@contextlib.contextmanager
def loadable(optimizer: Any) -> Iterator[None]:
    """Load a checkpoint into `optimizer` inside."""
    parts = [part for part in optimizer.chained_optimizers if _is_affected(part)]
    for part in parts:
        _give_first_state(part.optimizer)
        part._set_main_param_and_optimizer_states = partial(_set_states, part)
    yield
    for part in parts:
        del part._set_main_param_and_optimizer_states
        _separate_steps(part.optimizer)


def _is_affected(part: Any) -> bool:
    return isinstance(part, DistributedOptimizer) and isinstance(part.optimizer, torch.optim.AdamW)


def _give_first_state(adam: torch.optim.AdamW) -> None:
    """Loading begins by asking how many steps were taken, which torch cannot say before the first one."""
    for parameter in (p for group in adam.param_groups for p in group["params"]):
        if not adam.state[parameter]:
            moments = {name: torch.zeros_like(parameter.data) for name in ("exp_avg", "exp_avg_sq")}
            adam.state[parameter] = {"step": torch.tensor(0.0), **moments}


def _set_states(part: Any, model_parameter: Any, tensors: dict[str, Any]) -> None:
    """Copies each tensor of the state from the checkpoint, where the count of steps is not among them."""
    group, place = part.model_param_group_index_map[model_parameter]
    state = part.optimizer.state[part.optimizer.param_groups[group]["params"][place]]
    DistributedOptimizer._set_main_param_and_optimizer_states(part, model_parameter, {"step": state["step"], **tensors})


def _separate_steps(adam: torch.optim.AdamW) -> None:
    """All parameters were given one and the same tensor as their count: it would rise once for each of them."""
    for state in adam.state.values():
        state["step"] = state["step"].clone()
