"""What a layer keeps of each token for the backward pass, in bytes on one rank.

Layers are counted as in arXiv:2205.05198, with a kernel of attention that keeps no scores (arXiv:2205.14135), grouped
keys and values, and the three matrices of SwiGLU. Tests hold the counts against what PyTorch saves.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import TYPE_CHECKING, Any, Literal

from seatrial.forecast.elementwise import most, where
from seatrial.forecast.hybrid import HybridDecoder, Sublayers
from seatrial.forecast.stages import Stage, dense_layers, expert_tensor
from seatrial.models.decoder import Decoder
from seatrial.models.deepseek import LatentDecoder

if TYPE_CHECKING:
    from seatrial.models import Encoder
    from seatrial.workload import Workload

Keeps = Literal["everything", "products", "half", "input"]
"""Of a layer: all that its backward pass needs; results of matrix products and attention; of every other product; its
input."""

SELECTIVE: dict[str, Keeps] = {
    # Attention alone is computed again, whose kernel keeps nothing large (transformer_config.py, recompute_modules).
    "Megatron-LM": "everything",
    "Megatron-Bridge": "everything",
    "NeMo 1": "everything",
    "NeMo 2": "everything",
    "torchtitan": "half",  # activation_checkpoint.py: every second mm is computed again
}
"""What a framework keeps under selective recomputation; others keep products, as PyTorch's own example does."""


def keeps(workload: Workload) -> Keeps:
    """What the workload's recomputation leaves of a layer."""
    if workload.recompute == "none":
        return "everything"
    return "input" if workload.recompute == "full" else SELECTIVE.get(workload.framework, "products")


def width_bytes(workload: Workload) -> int:
    """Bytes of a number that is kept; fp8 and fp4 are only what matrices are multiplied in."""
    return 4 if workload.compute == "fp32" else 2


def input_bytes(workload: Workload) -> int:
    """Bytes of a number that goes into a product and is kept for the gradient of its matrix."""
    return 1 if workload.compute in ("fp8", "fp4") and workload.compiled else width_bytes(workload)


def between(workload: Workload) -> Any:
    """Ranks among which what lies between the matrices is dealt out."""
    return workload.degrees.tensor if workload.sequence_parallel else 1


def norm(workload: Workload, width: int) -> Any:
    """Of a norm, per token: its input and output; of operations in fp32 the input and, normalised, once more."""
    inner = width_bytes(workload) if workload.fused_norm else 8
    return width * (inner + input_bytes(workload)) / between(workload)


def per_token(workload: Workload, model: Decoder | Encoder, *, mixture: bool, keep: Keeps) -> Any:
    """Bytes that one layer keeps of a token of the rank's own sequences."""
    width = model.hidden_size * width_bytes(workload) / between(workload)
    if keep == "input":
        return width
    if isinstance(model, HybridDecoder):
        return of_sublayers(workload, model, model.sublayers(mixture=mixture), keep)
    feed_forward = _mixture(workload, model, keep) if mixture else _dense(workload, model, keep)
    if keep == "everything":
        masks = 2 * model.hidden_size / between(workload) if workload.dropout else 0
        return 2 * norm(workload, model.hidden_size) + masks + _attention(workload, model, keep) + feed_forward
    results = 2 if keep == "products" else 1  # what attention and feed-forward network add to the sum
    return width * results + width * (0 if mixture else 1) + _attention(workload, model, keep) + feed_forward


def of_sublayers(workload: Workload, model: HybridDecoder, has: Sublayers, keep: Keeps) -> Any:
    """The same of those sublayers."""
    width = model.hidden_size * width_bytes(workload) / between(workload)
    if keep == "everything":
        masks = model.hidden_size / between(workload) if workload.dropout else 0
        around = has.count * (norm(workload, model.hidden_size) + masks)
    else:  # as of other blocks, which have two sublayers
        around = width * (has.count * (1 if keep == "products" else 0.5) + has.dense)
    dense = model.dense_intermediate_size * _feed_forward(workload, model.gated, keep) / workload.degrees.tensor
    return (
        around
        + has.attention * _attention(workload, model, keep)
        + has.recurrence * _recurrence(workload, model, keep)
        + has.mixture * _mixture(workload, model, keep)
        + has.dense * dense
    )


def made_again(workload: Workload, model: Decoder | Encoder, *, mixture: bool) -> Any:
    """Bytes that recomputing a layer in the backward pass adds, per token, to what was kept of it."""
    keep = keeps(workload)
    if keep == "everything":
        return 0.0
    everything = per_token(workload, model, mixture=mixture, keep="everything")
    each = model.hidden_size * width_bytes(workload) / between(workload)
    # The input is kept; a norm of operations in fp32 keeps another, unless it is the same.
    beside = 0 if workload.fused_norm or workload.compute == "fp32" else each
    if keep == "input":
        return everything + beside - each
    last = 0 if mixture else each  # the last product is kept, but not used again
    return most(everything + beside + last - per_token(workload, model, mixture=mixture, keep=keep), 0)


def gradients(workload: Workload, model: Decoder | Encoder, *, mixture: bool) -> Any:
    """Bytes of a token's gradients where a feed-forward network has most of them, less what they have set free.

    The gradients of the product, and of what it is made of, while the product itself has gone; the sum's waits.
    """
    each = width_bytes(workload)
    times = 1 / workload.degrees.tensor
    if mixture and isinstance(model, Decoder):  # one expert after the other, unless a kernel takes them all at once
        times *= model.experts_per_token / (1 if workload.compiled else model.num_experts)
    inner = (
        model.dense_intermediate_size
        if isinstance(model, (LatentDecoder, HybridDecoder)) and not mixture
        else model.intermediate_size
    )
    return (2 if model.gated else 1) * inner * each * times + model.hidden_size * each / between(workload)


def at_the_end(workload: Workload, model: Decoder | Encoder) -> Any:
    """Bytes that a token still has when a layer's backward pass ends: of its first norm, and of gradients there."""
    grown = 2 * width_bytes(workload) if workload.fused_norm else 16
    return norm(workload, model.hidden_size) + grown * model.hidden_size / between(workload)


def tokens(workload: Workload) -> Any:
    """Tokens of a micro-batch on one rank."""
    return workload.micro_batch_size * (workload.sequence_length or 1) / workload.degrees.context


def _sorts(model: Decoder | Encoder, at: Stage) -> Iterator[tuple[Any, bool]]:
    """Layers of the stage, and whether they have experts: of both sorts that the model has."""
    if model.experts_per_token == 0 or dense_layers(model):
        yield at.dense, False
    if model.experts_per_token:
        yield at.mixtures, True


def kept(workload: Workload, model: Decoder | Encoder, at: Stage) -> Any:
    """What one forward pass through the stage's layers keeps."""
    keep = keeps(workload)
    layers = sum(count * per_token(workload, model, mixture=mixture, keep=keep) for count, mixture in _sorts(model, at))
    if isinstance(model, HybridDecoder) and model.predicted:
        block = of_sublayers(workload, model, model.predictor(), keep) if keep != "input" else 0.0
        layers = layers + where(at.is_last, 1, 0) * model.predicted * block
    return tokens(workload) * layers


def working(workload: Workload, model: Decoder | Encoder, at: Stage) -> tuple[Any, Any]:
    """Per token, of the layer in work: what is made again, and gradients. Of the sort that has most."""
    found = [
        (
            made_again(workload, model, mixture=mixture) * where(count > 0, 1, 0),
            gradients(workload, model, mixture=mixture) * where(count > 0, 1, 0),
        )
        for count, mixture in _sorts(model, at)
    ]
    return reduce(most, (again for again, _ in found)), reduce(most, (grown for _, grown in found))


def _attention(workload: Workload, model: Decoder | Encoder, keep: Keeps) -> Any:
    """Queries, keys, values, the output and the sum of each row's scores in fp32."""
    each, tensor = width_bytes(workload), workload.degrees.tensor
    sums = 4 * model.num_heads
    if isinstance(model, LatentDecoder):
        head = 5 * model.plain_width + 2 * model.rotary_width  # query, key, both halves of what values are cut from
        latent = 2 * (model.query_rank + model.kv_rank) + model.rotary_width
        return each * latent + (each * model.num_heads * head + sums) / tensor
    if isinstance(model, HybridDecoder):
        queries, values = model.num_heads * model.head_width, model.values
        if model.kv_rank:
            shared = model.num_heads * model.shared_width
            latent = 2 * (model.query_rank + model.kv_rank) + model.shared_width
            return each * latent + (each * (3 * queries - shared + 2 * values) + sums) / tensor
        gate = queries if model.gated_attention else 0
        cast = 0 if input_bytes(workload) == each else values
        keys = (1 if keep == "half" else 2) * model.kv_size
        return (each * (queries + gate + values + keys) + cast + sums) / tensor
    outputs = model.hidden_size * (2 * each if input_bytes(workload) == each else 2 * each + 1)
    keys = model.kv_size if keep == "half" else 2 * model.kv_size
    return (outputs + each * keys + sums) / tensor


def _recurrence(workload: Workload, model: HybridDecoder, keep: Keeps) -> Any:
    """What the product before it gives: values, their gate, keys and queries; its output; and that, normed and gated.

    All else its kernels compute again. Source: state-spaces/mamba, MambaSplitConv1dScanCombinedFn, which Megatron-LM's
    mixer calls (2026-08); times of steps, a number for each head, are left out. A gated delta rule keeps more, by how
    much nobody says: of it this is a bound from below.
    """
    part, each = model.recurrence, width_bytes(workload)
    if part is None:
        return 0.0
    projected = 2 * (part.inner + part.keys) * each
    if keep != "everything":
        return (projected if keep == "products" else projected / 2) / workload.degrees.tensor
    return (projected + part.inner * (each + input_bytes(workload))) / workload.degrees.tensor


def _feed_forward(workload: Workload, gated: bool, keep: Keeps) -> Any:
    """Bytes per number of the inner width: gate and up, the gate's activation (unless fused), their product."""
    each = width_bytes(workload)
    products = (2 if gated else 1) * each
    if keep != "everything":
        return products if keep == "products" else each
    activation = each if gated and not workload.compiled else 0
    return products + activation + input_bytes(workload)


def _dense(workload: Workload, model: Decoder | Encoder, keep: Keeps) -> Any:
    inner = model.dense_intermediate_size if isinstance(model, LatentDecoder) else model.intermediate_size
    return inner * _feed_forward(workload, model.gated, keep) / workload.degrees.tensor


def _mixture(workload: Workload, model: Decoder | Encoder, keep: Keeps) -> Any:
    """Routed evenly, which is a bound from below for the busiest rank: each token's experts, and the router in fp32."""
    assert isinstance(model, Decoder)
    routed, each, tensor = model.experts_per_token, width_bytes(workload), workload.degrees.tensor
    ends = (2 if keep == "everything" else 1) * model.hidden_size * each * expert_tensor(workload)
    inner = model.intermediate_size * _feed_forward(workload, model.gated, keep)
    shared = model.shared_experts * inner if isinstance(model, LatentDecoder) else 0
    if isinstance(model, HybridDecoder):
        shared = model.shared_intermediate_size * _feed_forward(workload, model.gated, keep)
        ends = ends * (model.latent_size or model.hidden_size) / model.hidden_size
    router = (8 if keep == "everything" else each) * model.num_experts / between(workload)
    return (routed * (ends + inner) + shared) / tensor + router
