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


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """Bytes in the memory of a rank's device while it trains."""

    states: States
    activations: float
    """Kept by the forward pass for the backward pass, in the first pipeline stage, which keeps most."""
    logits: float
    """Of one micro-batch, and their gradient in fp32; 0 where the loss is not that of a decoder."""

    @property
    def total(self) -> float:
        """All of it."""
        return self.states.total + self.activations + self.logits


# Adam, as counted in arXiv:1910.02054 (ZeRO), section 3.1.
FP32_ADAM = States(parameters=4, gradients=4, optimizer=8)
"""Everything in fp32, whatever matrices are multiplied in: FSDP2, DDP, autocast."""


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

    @property
    def micro_batches(self) -> int:
        """Micro-batches that a rank takes in one optimizer step: more than one accumulate their gradients."""
        return max(1, self.global_batch_size // (self.micro_batch_size * self.degrees.data))

    def least_memory(self) -> Memory:
        """What no implementation can do without: states, and the input of each block."""
        return Memory(states=self.states_per_rank(), activations=self._kept(1.0, working=0.0), logits=0.0)

    def memory(self) -> Memory:
        """What is to be expected, the allocator's waste, communication buffers and gathered weights left out.

        Attention is counted as a kernel does it that keeps no score (arXiv:2205.14135), layers as in arXiv:2205.05198,
        with the three matrices of SwiGLU and the narrower keys of grouped queries.
        """
        model, tokens = self.model, self._tokens()
        if model is None:
            return Memory(states=self.states_per_rank(), activations=0.0, logits=0.0)
        width, kv = 1.0, model.kv_size / model.hidden_size
        inner = max(model.experts_per_token, 1) * model.intermediate_size / model.hidden_size
        # In hidden widths. Block input and both norms' outputs, the sum between; queries, keys, values, attention's
        # output; and of the feed-forward network gate, up, the gate's activation, their product, or up and activation.
        everything = 6 * width + 2 * kv + (4 if model.gated else 2) * inner
        products = 5 * width + 2 * kv + (2 if model.gated else 1) * inner
        kept = {"none": everything, "selective": products, "full": width}[self.recompute]
        working = 0.0 if self.recompute == "none" else everything  # of the layer that is computed again
        logits = tokens * model.vocab_size * (self._bytes() + 4) / self.degrees.tensor
        return Memory(states=self.states_per_rank(), activations=self._kept(kept, working), logits=logits)

    def _kept(self, widths: float, working: float) -> float:
        """Bytes of so many hidden widths per token and layer, and of one more layer's `working`."""
        if self.model is None:
            return 0.0
        stages = self.degrees.pipeline
        layers = self.model.num_layers / stages * min(stages, self.micro_batches)  # 1F1B: as many are under way
        each = self._tokens() * self.model.hidden_size * self._bytes() / self.degrees.tensor
        return each * (widths * layers + working)

    def _tokens(self) -> float:
        """Tokens of a micro-batch on one rank."""
        return self.micro_batch_size * (self.sequence_length or 1) / self.degrees.context

    def _bytes(self) -> int:
        """Of a number that is kept for the backward pass; fp8 is only what matrices are multiplied in."""
        return 4 if self.compute == "fp32" else 2

    def flops_per_token(self) -> dict[str, float]:
        """Model FLOPs per token, forward and backward, by convention (seatrial.metrics); empty if unknown."""
        if self.model is None or self.sequence_length is None:
            return {}
        return self.model.flops_per_token(self.sequence_length)

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
