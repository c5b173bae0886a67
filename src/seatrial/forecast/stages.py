"""What stands in which pipeline stage: layers, the embeddings before and after them, and the parameters of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seatrial.forecast.elementwise import least, most, where
from seatrial.forecast.hybrid import HybridDecoder, Sublayers
from seatrial.models.decoder import Decoder
from seatrial.models.deepseek import LatentDecoder

if TYPE_CHECKING:
    from seatrial.models import Encoder
    from seatrial.workload import Kind, Workload


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """Parameters by what deals them out: numbers, or arrays of them."""

    split: Any = 0
    """Matrices: tensor-parallel ranks share them."""
    whole: Any = 0
    """Norms, routers and latent projections: each tensor-parallel rank holds all of them."""
    experts: Any = 0
    """Of experts that tokens are routed to: ranks of expert parallelism share them."""

    @property
    def total(self) -> Any:
        """All of them."""
        return self.split + self.whole + self.experts

    def __add__(self, other: Parts) -> Parts:
        return Parts(
            split=self.split + other.split, whole=self.whole + other.whole, experts=self.experts + other.experts
        )

    def __mul__(self, factor: Any) -> Parts:
        return Parts(split=self.split * factor, whole=self.whole * factor, experts=self.experts * factor)


def layer(model: Decoder | Encoder, *, mixture: bool) -> Parts:
    """Parameters of one layer; `mixture`: of one that has experts."""
    width, inner = model.hidden_size, model.intermediate_size
    if isinstance(model, HybridDecoder):
        return _block(model, model.sublayers(mixture=mixture))
    if not isinstance(model, Decoder):
        return Parts(split=4 * (width * width + width) + 2 * width * inner + inner + width, whole=4 * width)
    norms = 2 * width * (2 if model.bias else 1)
    router = model.num_experts * width if mixture else 0
    attention, feed_forward, latent = model.attention_parameters(), model.feed_forward_parameters(), 0
    if isinstance(model, LatentDecoder):
        # Megatron divides what leads from the latent vectors to the heads, not what leads down to them.
        latent = width * (model.query_rank + model.kv_rank + model.rotary_width) + model.query_rank + model.kv_rank
        shared = model.shared_experts * feed_forward
        around = shared if mixture else 3 * width * model.dense_intermediate_size
        routed = model.num_experts * feed_forward if mixture else 0
    else:
        around = 0 if mixture else feed_forward
        routed = model.num_experts * feed_forward if mixture else 0
    return Parts(split=attention - latent + around, whole=norms + latent + router, experts=routed)


def _block(model: HybridDecoder, has: Sublayers) -> Parts:
    """Parameters of those sublayers; norms and convolutions are left out."""
    width = model.hidden_size
    latent = width * (model.query_rank + model.kv_rank + model.shared_width) if model.kv_rank else 0
    attention = sum(inputs * outputs for inputs, outputs in model.attention_matrices()) - latent
    recurrence = sum(inputs * outputs for inputs, outputs in model.recurrence_matrices())
    gates = 3 if model.gated else 2
    around = has.mixture * model.shared_intermediate_size + has.dense * model.dense_intermediate_size
    return Parts(
        split=has.attention * attention + has.recurrence * recurrence + gates * width * around,
        whole=has.attention * latent + has.mixture * width * (model.num_experts + 2 * model.latent_size),
        experts=has.mixture * model.num_experts * model.feed_forward_parameters(),
    )


def dense_layers(model: Decoder | Encoder) -> int:
    """Layers without experts; they come first. Where each sublayer is a block of its own, all blocks count alike."""
    if isinstance(model, HybridDecoder):
        alone = model.dense_layers if model.sublayers(mixture=True).mixture == 1 else 0
        return alone if model.num_experts else model.num_layers
    if isinstance(model, LatentDecoder):
        return model.dense_layers
    return 0 if isinstance(model, Decoder) and model.num_experts else model.num_layers


def before(model: Decoder | Encoder) -> Parts:
    """What the first stage holds besides layers: the embeddings."""
    positions = model.max_context * model.hidden_size if model.positions == "learned" else 0
    return Parts(split=model.vocab_size * model.hidden_size + positions)


def after(model: Decoder | Encoder, *, copied: bool) -> Parts:
    """What the last stage holds besides layers; `copied`: it is not the first one too, so it copies what is tied."""
    width, matrix = model.hidden_size, model.vocab_size * model.hidden_size
    if not isinstance(model, Decoder):
        head = Parts(split=width * width + width + model.vocab_size, whole=2 * width)
        return head + Parts(split=matrix if copied else 0, whole=2 * width)
    tied = 0 if model.tie_embeddings and not copied else matrix
    if isinstance(model, HybridDecoder):
        joined = Parts(split=tied, whole=model.predicted * 2 * width * width)
        return joined + _block(model, model.predictor()) * model.predicted
    return Parts(split=tied, whole=width * (2 if model.bias else 1))


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """One pipeline stage; with arrays, one of each layout."""

    index: Any
    count: Any
    """Stages in all."""
    dense: Any
    """Its layers without experts."""
    mixtures: Any
    """Its layers with experts."""
    under_way: Any
    """Passes through all its layers, forwards and not yet backwards, at its fullest moment."""

    @property
    def layers(self) -> Any:
        """Its layers."""
        return self.dense + self.mixtures

    @property
    def is_first(self) -> Any:
        """Whether the embeddings are here."""
        return self.index == 0

    @property
    def is_last(self) -> Any:
        """Whether the loss is computed here."""
        return self.index == self.count - 1


def stage(workload: Workload, model: Decoder | Encoder, index: Any) -> Stage:
    """The stage with that index.

    As many forward passes are under way as arXiv:2205.05198, section 4.2, counts: p - i in stage i of p under 1F1B,
    and 2(p - i - 1) + (v - 1)p + 1 parts of the v that an interleaved schedule has (Megatron-LM, schedules.py).
    """
    count, parts = workload.degrees.pipeline, workload.virtual_stages
    if workload.stage_layers:
        start, layers = sum(workload.stage_layers[:index]), workload.stage_layers[index]
    else:
        each, more = model.num_layers // count, model.num_layers % count
        start, layers = index * each + least(index, more), each + where(index < more, 1, 0)
    dense = least(most(dense_layers(model) - start, 0), layers)
    interleaved = 2 * (count - index - 1) + (parts - 1) * count + 1
    parts_under_way = where(parts > 1, interleaved, count - index)
    under_way = least(parts_under_way, micro_batches(workload) * parts) / parts
    under_way = where(count > 1, under_way, 1)
    return Stage(index=index, count=count, dense=dense, mixtures=layers - dense, under_way=under_way)


def held(model: Decoder | Encoder, at: Stage) -> Parts:
    """Parameters of the model in that stage, before ranks share them."""
    first = before(model) * where(at.is_first, 1, 0)
    last = after(model, copied=False) * where(at.is_last, 1, 0)
    tied = after(model, copied=True).split - after(model, copied=False).split
    copy = Parts(split=tied) * where(at.is_last, where(at.is_first, 0, 1), 0)
    every: Parts = layers_of(model, at) + first + last + copy
    return every


def micro_batches(workload: Workload) -> Any:
    """Workload.micro_batches, also of arrays."""
    return most(workload.global_batch_size // (workload.micro_batch_size * workload.degrees.data), 1)


def layers_of(model: Decoder | Encoder, at: Stage) -> Parts:
    """Parameters of the stage's layers."""
    every: Parts = layer(model, mixture=False) * at.dense + layer(model, mixture=True) * at.mixtures
    return every


def on_a_rank(workload: Workload, parts: Parts) -> Any:
    """Parameters that model parallelism leaves to one rank, whatever data-parallel ranks share."""
    tensor, expert = workload.degrees.tensor, workload.degrees.expert
    return parts.split / tensor + parts.whole + parts.experts / (expert_tensor(workload) * expert)


def expert_tensor(workload: Workload) -> Any:
    """Ranks that share the matrices of one expert."""
    return workload.degrees.tensor if workload.expert_tensor is None else workload.expert_tensor


def share(workload: Workload, parts: Parts, kind: Kind) -> Any:
    """Parameters whose `kind` of states one rank keeps.

    Experts are sharded over fewer ranks, those that hold the same ones: expert data parallelism. Source: Megatron-LM,
    theoretical_memory_usage.py, and arXiv:1910.02054 for what is sharded.
    """
    degrees, sharded = workload.degrees, kind in workload.sharded
    shard = degrees.shard if sharded else 1
    groups = expert_tensor(workload) * degrees.expert
    experts = parts.experts / most(groups, shard * degrees.tensor if sharded else groups)
    return (parts.split / degrees.tensor + parts.whole) / shard + experts
