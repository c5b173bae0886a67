"""Checkpoints of a model whose ranks hold different parameters: every slice and stage goes into one checkpoint."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from seatrial.cases.picotron.engine.step import Engine
from seatrial.train.checkpoint import Checkpointer
from seatrial.train.worker import Worker


class EngineCheckpointer(Checkpointer):
    """Saves each tensor once, whichever rank holds it.

    torch.distributed.checkpoint takes tensors of one name on several ranks for copies. Stages name their layers
    differently; here slices of one matrix get different names too, and copies on data- and context-parallel ranks are
    saved by one of them. So a run can go on with more or fewer data-parallel ranks, but not with other slices.
    """

    def __init__(self, worker: Worker, engine: Engine, optimizer: torch.optim.Optimizer, *, keep: int) -> None:
        model = nn.ModuleDict({f"slice-{engine.mesh.tensor.rank}": engine.stage})
        super().__init__(worker, model, optimizer, keep=keep, asynchronous=False)
        everyone: list[Any] = [None] * worker.world_size
        dist.all_gather_object(everyone, [name for name, _ in model.named_parameters()])
        self._names = sorted({name for names in everyone for name in names})

    def _state(self, *, random: bool = True) -> dict[str, Any]:
        state = super()._state(random=random)
        # The optimizer's settings are saved once too: for the parameters of all ranks, not of the one that saves them.
        [group] = state["optimizer"]["param_groups"]
        group["params"] = self._names
        return state
