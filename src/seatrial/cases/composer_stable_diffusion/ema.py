"""Composer's average of the weights, mended where a frozen text encoder or another number of ranks would break it."""

from __future__ import annotations

from composer import Event, Logger, State
from composer.algorithms import EMA
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

_DDP = "module."


class Average(EMA):  # type: ignore[misc] # Any, where Composer is not installed
    """EMA, without two faults that it has in mosaicml 0.32.1.

    It finds weights by their names, and DDP, which one rank does without, puts a word before them: after a change
    between one rank and several it would average nothing more, and say nothing. And it averages all buffers: those of
    integers, such as the positions of a text encoder, are rounded down a little more in each step.
    """

    def apply(self, event: Event, state: State, logger: Logger) -> None:
        """See Algorithm."""
        if event in (Event.FIT_START, self.update_event):
            self._fit(state.model)
        super().apply(event, state, logger)

    def _fit(self, model: nn.Module) -> None:
        prefix = _DDP if isinstance(model, DistributedDataParallel) else ""
        kept = self.ema_model
        kept.named_parameters_dict = _named(kept.named_parameters_dict, prefix)
        kept.named_buffers_dict = _named(kept.named_buffers_dict, prefix)


def _named(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {prefix + name.removeprefix(_DDP): tensor for name, tensor in tensors.items() if tensor.is_floating_point()}
