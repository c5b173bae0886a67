"""What a job computes, in the field's terms and in no framework's. A case makes it of its arguments and the layout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from seatrial.models import Decoder  # the tables: the command starts without them

Kind = Literal["parameters", "gradients", "optimizer"]
"""The parts of a model's states."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Degrees:
    """Ranks that share one thing, for each kind of parallelism. The world is tensor x pipeline x context x data."""

    tensor: int = 1
    """Each layer's matrices."""
    pipeline: int = 1
    """The layers."""
    context: int = 1
    """Each sequence."""
    expert: int = 1
    """The experts of a layer, beyond tensor parallelism; out of the data- and context-parallel ranks."""
    data: int = 1
    """The global batch."""
    shard: int = 1
    """One copy of the states that are `sharded`; out of the data- and context-parallel ranks."""


@dataclass(frozen=True, kw_only=True, slots=True)
class States:
    """Bytes that training keeps from step to step: of one parameter, or of all that a rank holds."""

    parameters: float
    gradients: float
    optimizer: float
    """Moments, and a master copy where the parameters are narrower than fp32."""

    @property
    def total(self) -> float:
        """All three together."""
        return self.parameters + self.gradients + self.optimizer


# Adam, as counted in arXiv:1910.02054 (ZeRO), section 3.1.
FP32_ADAM = States(parameters=4, gradients=4, optimizer=8)
"""Everything in fp32, whatever matrices are multiplied in: FSDP2, DDP, autocast."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Workload:
    """A neutral description of a training job."""

    model: Decoder | None = None
    """None: not a decoder; only the number of its parameters is known."""
    parameters: int
    """Parameters that are trained."""
    global_batch_size: int
    """Samples per optimizer step: sequences, or images."""
    micro_batch_size: int
    """Samples per data-parallel rank and forward pass."""
    sequence_length: int | None = None
    """Tokens per sample; None: samples are no sequences."""
    degrees: Degrees
    compute: Literal["fp32", "bf16", "fp16", "fp8"]
    """What matrices are multiplied in."""
    recompute: Literal["none", "selective", "full"] = "none"
    """Activations that are computed again in the backward pass."""
    states: States
    """Bytes per parameter in the memory of the device; 0 for what is kept elsewhere."""
    sharded: tuple[Kind, ...] = ()
    """States that `degrees.shard` ranks deal out among them: all three (FSDP2, ZeRO-3), the optimizer's (ZeRO-1)."""

    def states_per_rank(self) -> States:
        """Bytes of states on a rank, averaged over all ranks, so that the fullest rank holds at least as much.

        A bound from below: norms that each tensor-parallel rank keeps whole, uneven stages, weights that are gathered
        for a layer, activations, communication buffers and the allocator's waste come on top.
        """
        experts = self.model.expert_parameters() if self.model else 0
        together = self.degrees.tensor * self.degrees.pipeline

        def share(kind: Kind) -> float:
            shard = self.degrees.shard if kind in self.sharded else 1
            held = (self.parameters - experts) / shard + experts / max(shard, self.degrees.expert)
            return held / together * float(getattr(self.states, kind))

        return States(parameters=share("parameters"), gradients=share("gradients"), optimizer=share("optimizer"))
