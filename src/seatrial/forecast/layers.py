"""What the layers of a decoder make a machine do: products by shape, attention, passes, kernels."""

from __future__ import annotations

from dataclasses import dataclass, replace

from seatrial.forecast.hybrid import HybridDecoder, as_hybrid
from seatrial.models import Decoder, Encoder

Matrix = tuple[int, int, int, float, str]
"""How often, inputs, outputs, experts of a token, and what tensor parallelism divides: columns, rows, experts, none."""

_DENSE_KERNELS, _RECURRENT_KERNELS = 60, 60
"""Kernels of a block, forward and backward: products, norms, casts, attention; those of a scan. Counted in profiles of
Megatron and torchtitan layers, with a factor of two between releases."""
_CLAMP_PASSES, _BIAS_PASSES = 18, 32
"""Numbers that are read or written, forward and backward, to bound one of gate and values, and to add an expert's bias
to one of its outputs. Megatron-LM bounds both halves, joins them again, and only then calls its fused kernel
(core/fusions/fused_bias_geglu.py): 8 of each forward, 10 backward. It adds the last bias in fp32, expert by expert
(core/transformer/moe/experts.py, _apply_bias): 28 bytes forward, 36 backward."""
_EXPERT_KERNELS, _BIAS_KERNELS = 6, 8
"""Kernels of an expert: one for each product (Transformer Engine's GroupedLinear); those of its last bias."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Layers:
    """All layers of a model; each number for one token where that matters."""

    count: int
    matrices: tuple[Matrix, ...]
    hidden: int
    vocabulary: int
    outputs: int
    """How many tokens are predicted: so often is the output matrix multiplied with."""
    attention: tuple[tuple[int, int, float], ...]
    """Layers, positions that they see at most, and the width of queries and values together."""
    recurrent_flops: float
    kv: int
    experts: int
    taken: int
    mixtures: int
    routed_width: int
    hidden_passes: float
    """Numbers, read or written, of passes over what lies between the matrices."""
    inner_passes: float
    """The same within them: rotations, activations."""
    unfused_passes: float
    """The same of experts, where kernels are started one by one: what no kernel joins with products."""
    cast_numbers: float
    """Numbers that become fp8 or fp4: inputs of products, and gradients of their outputs."""
    kernels: int
    """Outside of mixtures, forward and backward."""
    expert_kernels: int
    """Of one expert, forward and backward."""
    head_width: int

    def blocks(self) -> tuple[Matrix, ...]:
        """Products of the blocks."""
        return self.matrices

    def head(self) -> tuple[Matrix, ...]:
        """Products of the output matrix, which stays in 16 bits."""
        return ((self.outputs, self.hidden, self.vocabulary, 1.0, "columns"),)


def layers_of(model: Decoder | Encoder) -> Layers:
    """The layers of that model."""
    return _of_encoder(model) if isinstance(model, Encoder) else _of_hybrid(as_hybrid(model))


def _of_encoder(model: Encoder) -> Layers:
    """Those of a decoder of that shape, without its mask: each token attends to those behind it, too."""
    found = _of_hybrid(
        HybridDecoder(
            vocab_size=model.vocab_size,
            hidden_size=model.hidden_size,
            intermediate_size=model.intermediate_size,
            num_layers=model.num_layers,
            num_heads=model.num_heads,
            num_kv_heads=model.num_heads,
            max_context=model.max_context,
            gated=model.gated,
            tie_embeddings=True,
            attention_layers=model.num_layers,
            head_width=model.hidden_size // model.num_heads,
            dense_layers=model.num_layers,
            dense_intermediate_size=model.intermediate_size,
        )
    )
    return replace(found, attention=tuple((count, seen, 2 * width) for count, seen, width in found.attention))


def _of_hybrid(model: HybridDecoder) -> Layers:
    width, ups = model.hidden_size, 2 if model.gated else 1
    part = model.recurrence
    recurrent = part.layers if part else 0
    predicted = model.predicted
    attentions, mixtures = model.attention_layers + predicted, model.mixture_layers + predicted
    if not model.mixture_layers:
        mixtures = 0
    matrices: list[Matrix] = [
        (attentions, inputs, outputs, 1.0, "rows" if outputs == width else "columns")
        for inputs, outputs in model.attention_matrices()
    ]
    matrices += [
        (recurrent, inputs, outputs, 1.0, "rows" if outputs == width else "columns")
        for inputs, outputs in model.recurrence_matrices()
    ]

    def network(count: int, inner: int, *, inputs: int = width, taken: float = 1.0, kind: str = "") -> None:
        if count and inner:
            matrices.append((count, inputs, ups * inner, taken, kind or "columns"))
            matrices.append((count, inner, inputs, taken, kind or "rows"))

    network(model.dense_layers, model.dense_intermediate_size)
    network(mixtures, model.shared_intermediate_size)
    network(mixtures, model.intermediate_size, inputs=model.latent_size or width, taken=model.experts_per_token,
            kind="experts")  # fmt: skip
    if mixtures and model.latent_size:
        matrices += [
            (mixtures, width, model.latent_size, 1.0, "none"),
            (mixtures, model.latent_size, width, 1.0, "none"),
        ]
    if predicted:
        matrices.append((predicted, 2 * width, width, 1.0, "none"))
    sublayers = attentions + recurrent + model.dense_layers + mixtures
    inner = model.dense_layers * model.dense_intermediate_size
    inner += mixtures * (model.shared_intermediate_size + model.experts_per_token * model.intermediate_size)
    query = model.num_heads * model.head_width
    latent = 3 if model.kv_rank else 1  # parts that are split, turned and joined again
    rotations = attentions * latent * 4 * (query + model.num_kv_heads * model.head_width)
    scans = 48 * recurrent * part.inner if part else 0
    seen = 1 << 40
    scores = query + model.values
    return Layers(
        count=model.num_layers,
        matrices=tuple(matrices),
        hidden=width,
        vocabulary=model.vocab_size,
        outputs=1 + predicted,
        attention=(
            (attentions - model.windowed_layers, seen, scores / 2),
            (model.windowed_layers, 2 * model.window, scores / 2),
        ),
        recurrent_flops=model.recurrent_flops(),
        kv=model.kv_size if not model.kv_rank else model.num_heads * (model.head_width + (model.value_width or 0)) // 2,
        experts=max(model.num_experts, 1),
        taken=model.experts_per_token,
        mixtures=mixtures,
        routed_width=model.latent_size or width,
        # Each sublayer's norm: read, written; backward two read, one written. Its residual sum: 3 and 3.
        hidden_passes=sublayers * width * 11,
        # An activation: gate and up read, product written; backward three read, two written.
        inner_passes=rotations + scans + inner * (8 if model.gated else 5),
        unfused_passes=mixtures * model.experts_per_token * _unfused(model),
        cast_numbers=sum(
            count * (inputs + outputs) * (taken if kind == "experts" else 1)
            for count, inputs, outputs, taken, kind in matrices
        ),
        kernels=_DENSE_KERNELS * (attentions + model.dense_layers) // 2 + _RECURRENT_KERNELS * recurrent,
        expert_kernels=_EXPERT_KERNELS + (_BIAS_KERNELS if model.bias else 0),
        head_width=model.head_width,
    )


def _unfused(model: HybridDecoder) -> float:
    """Of one expert, for one token."""
    bounded = _CLAMP_PASSES * model.intermediate_size if model.clamped else 0
    return bounded + (_BIAS_PASSES * (model.latent_size or model.hidden_size) if model.bias else 0)
