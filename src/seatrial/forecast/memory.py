"""Memory of one rank, by component, at the moment of a step that needs most of it. Bytes; numbers or arrays of them.

A step is fullest at one of four moments: in the loss, which is computed when everything is kept; in the backward pass
of the layer that comes first there; when the gradients of the embeddings, which wait for the end, are reduced; and when
the optimizer updates what it has.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING, Any

from seatrial.forecast import activations, stages
from seatrial.forecast.elementwise import least, most, pick, where
from seatrial.forecast.hybrid import HybridDecoder
from seatrial.forecast.units import Units, gathered, head, wide

if TYPE_CHECKING:
    from seatrial.forecast.stages import Stage
    from seatrial.models import Decoder, Encoder
    from seatrial.workload import Workload

CONTEXT_BYTES = 0.4e9
"""What CUDA and its libraries take of a GPU before the first tensor. Source: pytorch/pytorch#109888, of CUDA from 11.7
on (2023); #107667 says 0.3 GB."""
COMMUNICATOR_BYTES = 0.65e9
"""What NCCL takes for one communicator: 544 MiB between two A100, 688 between more (NVIDIA/nccl#964, 2023). It grows
with the channels, and communicators that are split of another may share it (#986)."""
RESERVED = 1.12
"""Bytes that PyTorch's allocator reserves for each that it hands out, at the peak. The one number here that is fitted,
to eleven published peaks of torchtitan; three runs with expandable segments print 1.03 to 1.08 (Megatron-Bridge)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """Bytes on one rank of one pipeline stage."""

    parameters: Any = 0.0
    gradients: Any = 0.0
    optimizer: Any = 0.0
    activations: Any = 0.0
    """Kept for the backward pass, and made again in it."""
    logits: Any = 0.0
    """Logits, loss and their gradients."""
    gathered: Any = 0.0
    """Parameters that are whole for a while, and gradients that are whole until they are reduced."""
    allocator: Any = 0.0
    """Reserved by PyTorch's allocator and not handed out."""
    communication: Any = 0.0
    """Buffers of communicators."""
    context: Any = 0.0
    """The device's own."""

    @property
    def states(self) -> Any:
        """What is kept from step to step."""
        return self.parameters + self.gradients + self.optimizer

    @property
    def allocated(self) -> Any:
        """What torch.cuda.max_memory_allocated() tells."""
        return self.states + self.activations + self.logits + self.gathered

    @property
    def reserved(self) -> Any:
        """What torch.cuda.max_memory_reserved() tells."""
        return self.allocated + self.allocator

    @property
    def total(self) -> Any:
        """What the device shows as used."""
        return self.reserved + self.communication + self.context


def of_stage(workload: Workload, index: Any, *, on_gpu: bool = True) -> Memory:
    """Memory of a rank in the pipeline stage with that index; with arrays in the workload, of each layout.

    On a CPU there is neither a context nor an allocator that reserves, and of communication gloo's copy of what it
    reduces and scatters (ProcessGroupGloo.cpp).
    """
    model = workload.model
    if model is None:
        found = _states(workload, stages.Parts(split=workload.parameters / workload.degrees.pipeline))
    else:
        at = stages.stage(workload, model, index)
        units = gathered(workload, model, at, copied=0.0 if on_gpu else workload.reduced)
        found = reduce(_fuller, _moments(workload, model, at, units))
    if not on_gpu:
        return found
    return replace(
        found,
        allocator=found.allocated * (RESERVED - 1),
        communication=COMMUNICATOR_BYTES * communicators(workload),
        context=CONTEXT_BYTES,
    )


def by_stage(workload: Workload, *, on_gpu: bool = True) -> tuple[Memory, ...]:
    """Memory of a rank in each pipeline stage. The workload is one layout."""
    return tuple(of_stage(workload, index, on_gpu=on_gpu) for index in range(workload.degrees.pipeline))


def fullest(workload: Workload, *, on_gpu: bool = True) -> tuple[Any, Memory]:
    """The stage that decides, and its memory; with arrays in the workload, of each layout.

    Of stages with as many layers each only the first, the second and the last can be the fullest: from stage to stage
    fewer passes are under way, the first has the embeddings and the last the loss.
    """
    last = workload.degrees.pipeline - 1
    candidates = range(last + 1) if workload.stage_layers else [0, least(1, last), last]
    if isinstance(last, int):
        candidates = sorted({*candidates})  # of one layout, in which they may be the same stage
    found = [(index, of_stage(workload, index, on_gpu=on_gpu)) for index in candidates]
    return reduce(lambda one, other: pick(other[1].total > one[1].total, other, one), found)


def floor(workload: Workload) -> Memory:
    """What no implementation can do without: states, dealt out evenly, and the input of each layer.

    And gradients that are accumulated whole, where that is how the job does it.
    """
    model = workload.model
    if model is None:
        return _states(workload, stages.Parts(split=workload.parameters / workload.degrees.pipeline))
    count = workload.degrees.pipeline
    parts = _least(workload, model) * (1 / count)
    kept = least(count, stages.micro_batches(workload)) * model.num_layers / count
    tokens, width = activations.tokens(workload), model.hidden_size * activations.width_bytes(workload)
    inputs = tokens * width * kept / workload.degrees.tensor
    whole = stages.on_a_rank(workload, parts) * wide(workload)
    adapters = stages.Parts(split=workload.parameters / count)
    held = _beside_frozen(workload, adapters, parts) if workload.frozen else _states(workload, parts)
    return replace(held, activations=inputs, gathered=whole)


def _least(workload: Workload, model: Decoder | Encoder) -> stages.Parts:
    """The model's parameters, as if tensor-parallel ranks shared all of them."""
    experts = model.expert_parameters()
    return stages.Parts(split=workload.model_parameters - experts, experts=experts)


def communicators(workload: Workload) -> Any:
    """Groups of ranks that a rank talks in: one for each kind of parallelism, and the world's."""
    degrees = workload.degrees
    kinds = (degrees.tensor, degrees.pipeline, degrees.context, degrees.expert, degrees.data)
    return 1 + sum(where(degree > 1, 1, 0) for degree in kinds)


def _moments(workload: Workload, model: Decoder | Encoder, at: Stage, units: Units) -> list[Memory]:
    """The same rank at the moments that may be its fullest."""
    resting = _resting(workload, model, at)
    # Gradients that are sharded come to be in the backward pass, unless those of the micro-batch before are there.
    again = where(stages.micro_batches(workload) > 1, 0 if workload.accumulate_whole else 1, 0)
    passing = replace(resting, gradients=resting.gradients * (again if "gradients" in workload.sharded else 1))
    last = where(at.is_last, 1, 0)
    loss = replace(
        passing,
        activations=activations.kept(workload, model, at) * at.under_way
        + last * activations.tokens(workload) * activations.norm(workload, model.hidden_size),
        logits=_logits(workload, model, at),
        gathered=units.waiting + units.whole + (units.first + units.stay) * workload.gathered,
    )
    positions = (at.layers, most(at.layers - units.together, 1), 1)
    layers = [moment for left in positions for moment in _in_layer(workload, model, at, units, passing, left)]
    grown = activations.width_bytes(workload) if "gradients" in workload.sharded else 0
    reduced = most(units.each, units.rest) * workload.reduced
    end = replace(
        resting,
        gathered=units.waiting + units.rest * grown + reduced,
        communication=most(units.each, units.rest) * units.copied,
    )
    return [loss, *layers, end, resting]


def _in_layer(
    workload: Workload, model: Decoder | Encoder, at: Stage, units: Units, passing: Memory, left: Any
) -> Iterator[Memory]:
    """The backward pass of the layer that has `left` layers of its stage still to come, with it.

    In its feed-forward network; when all its gradients are there; and when they are being reduced. Gradients that are
    sharded come to be while it goes. FSDP2 frees what it reduced of a unit when the next one's gradients are there.
    """
    tokens, each = activations.tokens(workload), activations.width_bytes(workload)
    done = at.layers - left
    sharded = "gradients" in workload.sharded
    kept = activations.kept(workload, model, at)
    under_way = kept * (at.under_way - 1) + kept * left / at.layers
    again, grown = activations.working(workload, model, at)
    shards = workload.states.gradients * stages.share(
        workload, stages.layers_of(model, at) * (done / at.layers), "gradients"
    )
    passing = replace(passing, gradients=most(passing.gradients, shards) if sharded else passing.gradients)
    units_left = (left + units.together - 1) // units.together
    here = least(units_left, 2) if workload.reshard_after_forward else units_left
    waiting = units.waiting + head(workload, model, at) + units.whole - units.whole_layer * done
    there = waiting + units.each * (
        here * workload.gathered
        + where(done >= units.together, workload.reduced, 0)
        + done % units.together / units.together * each
    )
    reducing = replace(passing, communication=units.each * where(done >= units.together, units.copied, 0))
    later = under_way - kept * least(units.together, left) / at.layers
    matrix = model.hidden_size * model.intermediate_size / workload.degrees.tensor
    yield replace(
        reducing,
        activations=under_way + tokens * (again + grown),
        gathered=there + where(units.each > 0, matrix * each, 0),
    )
    yield replace(
        reducing,
        activations=later + tokens * activations.at_the_end(workload, model),
        gathered=there + units.each * each,
    )
    yield replace(
        passing,
        activations=later,
        gathered=waiting
        + units.each * ((here - 1) * workload.gathered + where(units.whole > 0, 0, each) + workload.reduced),
        communication=units.each * units.copied,
    )


def _resting(workload: Workload, model: Decoder | Encoder, at: Stage) -> Memory:
    """Between two steps. Adapters, if there are any, are dealt out evenly over the layers."""
    parts = stages.held(model, at)
    if not workload.frozen:
        return _states(workload, parts * (workload.parameters / model.parameters()))
    return _beside_frozen(workload, stages.Parts(split=workload.parameters * at.layers / model.num_layers), parts)


def _beside_frozen(workload: Workload, adapters: stages.Parts, frozen: stages.Parts) -> Memory:
    """States of adapters, and the model that is not trained in the width of what is computed."""
    trained = _states(workload, adapters)
    weights = activations.width_bytes(workload) * stages.share(workload, frozen, "parameters")
    return replace(trained, parameters=trained.parameters + weights)


def _states(workload: Workload, parts: stages.Parts) -> Memory:
    """States of the parameters that are trained."""
    states = workload.states
    return Memory(
        parameters=states.parameters * stages.share(workload, parts, "parameters"),
        gradients=states.gradients * stages.share(workload, parts, "gradients"),
        optimizer=states.optimizer * stages.share(workload, parts, "optimizer"),
    )


def _logits(workload: Workload, model: Decoder | Encoder, at: Stage) -> Any:
    """Logits of a micro-batch, or of a chunk of it, with the loss and all gradients that are held at once."""
    further = 4 * model.predicted if isinstance(model, HybridDecoder) else 0  # their softmax, in fp32
    each = (workload.logit_bytes + further) / workload.loss_chunks / workload.degrees.tensor
    return activations.tokens(workload) * model.vocab_size * each * where(at.is_last, 1, 0)


def _fuller(one: Memory, other: Memory) -> Memory:
    picked: Memory = pick(other.total > one.total, other, one)
    return picked
