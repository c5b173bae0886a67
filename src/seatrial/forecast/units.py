"""What ranks gather of what they share, and what of gradients is whole until it is reduced, as PyTorch's FSDP2 does it.

Source: torch/distributed/fsdp/_fully_shard of PyTorch 2.13, and what its MemTracker says of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seatrial.forecast import activations, stages
from seatrial.forecast.elementwise import where

if TYPE_CHECKING:
    from seatrial.forecast.stages import Stage
    from seatrial.models import Decoder, Encoder
    from seatrial.workload import Workload


@dataclass(frozen=True, kw_only=True, slots=True)
class Units:
    """Parameters that ranks gather, after model parallelism; 0 where none are sharded."""

    each: Any = 0.0
    """Of a unit that is freed again."""
    together: int = 1
    """Layers that share a unit."""
    rest: Any = 0.0
    """Of all that stay gathered in both passes."""
    stay: Any = 0.0
    """Of layers that are not freed after the forward pass."""
    first: Any = 0.0
    """Of what was gathered last when the backward pass begins, whose buffer is still there."""
    waiting: Any = 0.0
    """Bytes of parameters that stay gathered in both passes."""
    whole: Any = 0.0
    """Bytes of gradients that are whole until the last micro-batch."""
    whole_layer: Any = 0.0
    """Of them, those of one layer."""
    copied: float = 0.0
    """Bytes of each gradient that its reduction copies."""


def gathered(workload: Workload, model: Decoder | Encoder, at: Stage, *, copied: float) -> Units:
    """What is not in a unit belongs to the root, which is not freed after the forward pass."""
    if "parameters" not in workload.sharded:
        return Units()
    root = stages.on_a_rank(workload, stages.held(model, at))
    layers = stages.on_a_rank(workload, stages.layers_of(model, at))
    bytes_of_whole = wide(workload)
    one = stages.layer(model, mixture=model.experts_per_token > 0)
    together = max(1, math.ceil(workload.unit_bytes / (one.total * 4)))
    if together > model.num_layers:
        each, rest, first, together = 0.0, root, root, 1
    else:
        each, rest = stages.on_a_rank(workload, one) * together, root - layers
        first = each
    return Units(
        each=each,
        rest=rest,
        together=together,
        stay=0.0 if workload.reshard_after_forward or rest is root else layers,
        first=first,
        waiting=rest * workload.gathered,
        whole=root * bytes_of_whole,
        whole_layer=layers / at.layers * bytes_of_whole,
        copied=copied,
    )


def head(workload: Workload, model: Decoder | Encoder, at: Stage) -> Any:
    """The gradient of the output's matrix, which waits for the end of the backward pass, where it is sharded."""
    if "gradients" not in workload.sharded or workload.frozen:
        return 0.0
    matrix = model.vocab_size * model.hidden_size / workload.degrees.tensor
    return matrix * activations.width_bytes(workload) * where(at.is_last, 1, 0)


def wide(workload: Workload) -> Any:
    """Bytes of each gradient that is whole until the last micro-batch, though it is sharded then."""
    if "gradients" not in workload.sharded or not workload.accumulate_whole or workload.frozen:
        return 0.0
    return workload.reduced * where(stages.micro_batches(workload) > 1, 1, 0)
