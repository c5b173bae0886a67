"""What a job computes, in the field's terms and in no framework's. A case makes it of its arguments and the layout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from seatrial.models import Decoder, Encoder  # the tables: the command starts without them

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


UNIT_BYTES = 16 * 2**20
"""Layers of fewer bytes of fp32 parameters share a unit where our own programs shard. Each unit costs collectives of
its own, on gloo about 2.4 ms of CPU per gather: for a small model more than what overlapping them gains."""


WHOLE_BYTES = 2**30
"""Gradients of no more bytes in fp32 our own programs keep whole on each rank while they accumulate, so that they are
reduced once a step. A model of 70 billion parameters would take 280 GB."""


def accumulates_whole(parameters: int) -> bool:
    """Whether a program of ours does so with a model of that many parameters."""
    return 4 * parameters <= WHOLE_BYTES


@dataclass(frozen=True, kw_only=True, slots=True)
class Workload:
    """A neutral description of a training job."""

    model: Decoder | Encoder | None = None
    """None: neither a decoder nor an encoder; only the number of its parameters is known."""
    parameters: int
    """Parameters that are trained."""
    global_batch_size: int
    """Samples per optimizer step: sequences, or images."""
    micro_batch_size: int
    """Samples per data-parallel rank and forward pass."""
    sequence_length: int | None = None
    """Tokens per sample; None: samples are no sequences."""
    degrees: Degrees
    compute: Literal["fp32", "bf16", "fp16", "fp8", "fp4"]
    """What matrices are multiplied in."""
    recompute: Literal["none", "selective", "full"] = "none"
    """Activations that are computed again in the backward pass."""
    states: States
    """Bytes per parameter in the memory of the device; 0 for what is kept elsewhere."""
    sharded: tuple[Kind, ...] = ()
    """States that `degrees.shard` ranks deal out among them: all three (FSDP2, ZeRO-3), the optimizer's (ZeRO-1)."""
    frozen: int = 0
    """Parameters that are not trained: the model under LoRA's adapters. They take part in both passes."""
    virtual_stages: int = 1
    """Parts of the layers that a pipeline stage holds, in an interleaved schedule."""
    sequence_parallel: bool = True
    """Whether tensor-parallel ranks deal out what lies between the matrices as well."""
    gathered: float = 2.0
    """Bytes of a parameter on the wire, where ranks gather what is sharded."""
    reduced: float = 4.0
    """Bytes of a gradient on the wire, where ranks reduce it."""
    loss_chunks: int = 1
    """Parts in which logits and loss are computed, so that only one of them is held."""
    compiled: bool = False
    """Whether a compiler joins what lies between the matrices: torch.compile, XLA, Transformer Engine's kernels."""
    framework: str = ""
    """What trains it, by the name that published measurements give it; empty: not known."""
    scaling: Literal["delayed", "current", "row", "block", "mx", "nv"] = "delayed"
    """What shares a scale in fp8 and fp4: a tensor, by what it was in steps before or is now; a row; a block of 128 by
    128 numbers; 32 numbers (MX); 16 (NVFP4)."""
    tensor_overlap: bool = False
    """Whether products and the tensor-parallel collectives beside them run at once, in slices."""
    graphs: Literal["none", "layers", "step"] = "none"
    """What the host starts at once, as a CUDA graph: nothing, what of a layer routing leaves alone, the whole step."""
    expert_overlap: bool = False
    """Whether tokens travel to experts and back beside the work of another micro-batch."""
    sample_length: int | None = None
    """Average tokens of a sample, where several are packed into a sequence and each attends to itself; None: one."""
    expert_tensor: int | None = None
    """Ranks that share the matrices of one expert; None: as many as share other matrices."""
    stage_layers: tuple[int, ...] = ()
    """Layers of each pipeline stage, first to last; empty: as many each, and one more in the first if they do not
    divide."""
    reshard_after_forward: bool = True
    """Whether parameters that are sharded are freed after a unit's forward pass, and gathered again for its backward
    pass."""
    accumulate_whole: bool = False
    """Whether a rank keeps whole the gradients that are sharded while micro-batches accumulate, and reduces them once
    a step; else it reduces those of each micro-batch."""
    unit_bytes: float = 0.0
    """Layers of fewer bytes of parameters are gathered together with the next; 0: each by itself."""
    logit_bytes: float = 12.0
    """Bytes that a logit takes where the loss is computed. 12: log-softmax, its gradient and that of its input, each in
    fp32, as in PyTorch."""
    fused_norm: bool = True
    """Whether a norm is one kernel; else operations in fp32, each of which keeps its own result."""
    dropout: bool = False
    """Whether each layer keeps the two masks of its dropout."""
    classes: int | None = None
    """Answers that the loss is a mean cross-entropy over, where weights begin at random: tokens of the vocabulary with
    its padding, or classes. None: another loss, weights that were trained before, or not known."""

    @property
    def model_parameters(self) -> int:
        """Parameters of the model, without adapters beside it."""
        return self.frozen or self.parameters

    @property
    def micro_batches(self) -> int:
        """Micro-batches that a rank takes in one optimizer step: more than one accumulate their gradients."""
        return max(1, self.global_batch_size // (self.micro_batch_size * self.degrees.data))

    def flops_per_token(self) -> dict[str, float]:
        """Model FLOPs per token, forward and backward, by convention (seatrial.metrics); empty if unknown."""
        if self.model is None or self.sequence_length is None:
            return {}
        return self.model.flops_per_token(self.sequence_length)

    def collective_bytes(self) -> dict[str, float]:
        """Operation -> bytes of what a rank has to reduce or gather in a step, whole tensors, scales not counted.

        Of ranks that share data alone, as copies (DDP) or with all states sharded (FSDP2, ZeRO-3); else empty.
        """
        d = self.degrees
        if max(d.tensor, d.pipeline, d.context, d.expert) > 1:
            return {}
        reduced = self.reduced * self.parameters
        if not self.sharded:
            return {"all_reduce": reduced} if d.data > 1 else {}
        if len(self.sharded) < 3:
            return {}
        times = 1 if self.accumulate_whole else self.micro_batches
        passes = self.micro_batches * (2 if self.reshard_after_forward else 1)
        gathered = self.gathered * (self.parameters + self.frozen)
        found = {"all_gather": passes * gathered, "reduce_scatter": times * reduced} if d.shard > 1 else {}
        return found | ({"all_reduce": times * reduced / d.shard} if d.data > d.shard else {})
