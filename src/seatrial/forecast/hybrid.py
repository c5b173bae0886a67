"""Decoders of which no case trains one, but of which measurements are published: what anchors are computed with.

They differ from seatrial.models.Decoder in that layers need not be alike: attention may be latent (DeepSeek), windowed
(GPT-OSS) or a recurrence (Mamba-2, gated delta rule), a feed-forward network dense or a mixture with shared experts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from seatrial.forecast.elementwise import least
from seatrial.metrics import flops_per_token
from seatrial.models import Decoder
from seatrial.models.deepseek import LatentDecoder


@dataclass(frozen=True, kw_only=True, slots=True)
class Recurrence:
    """A layer that carries a state along the sequence in place of scores: Mamba-2, or the gated delta rule."""

    layers: int
    inner: int
    """Width of what is carried: heads x head size of the values."""
    keys: int
    """Width of what it is written and read with: groups x state size, for each of both."""
    state: int
    """Numbers of the state for each number of `inner`."""
    rule: Literal["mamba2", "gated delta"] = "mamba2"
    chunk: int = 128
    """Positions that are computed together, as a small attention."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sublayers:
    """How many a block has of each sort, on average."""

    attention: float = 0.0
    recurrence: float = 0.0
    mixture: float = 0.0
    dense: float = 0.0

    @property
    def count(self) -> float:
        """Of all sorts; each has a norm."""
        return self.attention + self.recurrence + self.mixture + self.dense


@dataclass(frozen=True, kw_only=True, slots=True)
class HybridDecoder(Decoder):
    """A decoder by the number of its layers of each sort. `intermediate_size` is that of an expert, or of the network
    where there are none; `num_layers` counts blocks, which is what a pipeline divides."""

    attention_layers: int
    head_width: int
    """Of queries and keys, all parts."""
    value_width: int = 0
    """Of values; 0: as wide as queries."""
    query_rank: int = 0
    """Latent width of queries; 0: none."""
    kv_rank: int = 0
    """Latent width of keys and values; 0: none, and they are num_kv_heads wide."""
    shared_width: int = 0
    """Part of a key that all heads share, where they are latent."""
    gated_attention: bool = False
    """Whether attention's output is multiplied with a gate as wide as the queries."""
    window: int = 0
    """Positions that windowed layers attend to; 0: none is windowed."""
    windowed_layers: int = 0
    mixture_layers: int = 0
    """Layers with experts."""
    dense_layers: int = 0
    """Layers with a feed-forward network that all tokens take."""
    dense_intermediate_size: int = 0
    shared_intermediate_size: int = 0
    """Width of the network that all tokens take beside the experts."""
    expert_groups: int = 1
    """See LatentDecoder."""
    groups_per_token: int = 1
    clamped: bool = False
    """Whether an expert's gate and values are bounded before they are multiplied."""
    latent_size: int = 0
    """Width at which experts work, where tokens are projected down to it and up again; 0: the hidden width."""
    recurrence: Recurrence | None = None
    predicted: int = 0
    """Further tokens that are predicted, each by a block of its own and the output matrix."""

    def sublayers(self, *, mixture: bool) -> Sublayers:
        """Of a block, or of one that has experts. Where each sublayer is a block of its own: of an average block."""
        every, recurrent = self.num_layers, self.recurrence.layers if self.recurrence else 0
        found = Sublayers(attention=self.attention_layers / every, recurrence=recurrent / every)
        if self.attention_layers + recurrent == every:
            return replace(found, mixture=1.0 if mixture else 0.0, dense=0.0 if mixture else 1.0)
        return replace(found, mixture=self.mixture_layers / every, dense=self.dense_layers / every)

    def predictor(self) -> Sublayers:
        """Of the block that predicts a further token."""
        return Sublayers(attention=1.0, **{"mixture" if self.mixture_layers else "dense": 1.0})

    @property
    def head_dim(self) -> int:
        """See Decoder."""
        return self.head_width

    @property
    def values(self) -> int:
        """Width of all heads' values."""
        return self.num_heads * (self.value_width or self.head_width)

    def attention_matrices(self) -> tuple[tuple[int, int], ...]:
        """Inputs and outputs of the products around attention, of one layer."""
        width, query = self.hidden_size, self.num_heads * self.head_width
        gate = query if self.gated_attention else 0
        if not self.kv_rank:
            return (width, query + gate + 2 * self.kv_size), (self.values, width)
        plain = self.num_heads * (self.head_width - self.shared_width)
        ups = ((self.query_rank, query),) if self.query_rank else ()
        down = (self.query_rank or query) + self.kv_rank + self.shared_width
        return (width, down), *ups, (self.kv_rank, plain + self.values), (self.values, width)

    def recurrence_matrices(self) -> tuple[tuple[int, int], ...]:
        """Inputs and outputs of the products around a recurrence, of one layer."""
        part = self.recurrence
        if part is None:
            return ()
        return (self.hidden_size, 2 * part.inner + 2 * part.keys), (part.inner, self.hidden_size)

    def expert_parameters(self) -> int:
        """See Decoder."""
        return self.mixture_layers * self.num_experts * self.feed_forward_parameters()

    def parameters(self, *, active_only: bool = False) -> int:
        """See Decoder; norms and convolutions, a ten-thousandth of it, are left out."""
        width, gates = self.hidden_size, 3 if self.gated else 2
        attention = self.attention_layers * sum(inputs * outputs for inputs, outputs in self.attention_matrices())
        layers = self.recurrence.layers if self.recurrence else 0
        recurrence = layers * sum(inputs * outputs for inputs, outputs in self.recurrence_matrices())
        experts = self.experts_per_token if active_only else self.num_experts
        latent = 2 * width * self.latent_size
        shared = gates * width * self.shared_intermediate_size
        mixture = self.mixture_layers * (
            experts * self.feed_forward_parameters() + shared + latent + width * self.num_experts
        )
        dense = self.dense_layers * gates * width * self.dense_intermediate_size
        embeddings = self.vocab_size * width * (1 if self.tie_embeddings else 2)
        return attention + recurrence + mixture + dense + embeddings

    def flops_per_token(self, sequence_length: int) -> dict[str, float]:
        """See Decoder. Windows and recurrences are counted for what they compute."""
        seen = least(self.window, sequence_length)
        windowed = self.windowed_layers * seen
        positions = (self.attention_layers - self.windowed_layers) * sequence_length + windowed
        found = flops_per_token(
            parameters=self.matmul_parameters() + self.predicted * self._predictor(),
            layers=1,
            attention_width=(self.num_heads * self.head_width + self.values) // 2,
            sequence_length=positions,
        )
        extra = 3 * self.recurrent_flops()
        return {name: flops + extra for name, flops in found.items()}

    def recurrent_flops(self) -> float:
        """FLOPs of a token's forward pass in all recurrences, beyond the products around them (arXiv:2405.21060)."""
        part = self.recurrence
        return part.layers * (4 * part.inner * part.state + 2 * part.chunk * (part.inner + part.keys)) if part else 0.0

    def _predictor(self) -> int:
        """Parameters of a token's products in one block that predicts a further token."""
        width, layers = self.hidden_size, max(self.attention_layers, 1)
        whole = self.matmul_parameters() - self.vocab_size * width
        block = whole // layers if self.recurrence is None else self._attention_and_mixture()
        return self.vocab_size * width + 2 * width * width + block

    def _attention_and_mixture(self) -> int:
        attention = sum(inputs * outputs for inputs, outputs in self.attention_matrices())
        gates, width = 3 if self.gated else 2, self.hidden_size
        shared = gates * width * self.shared_intermediate_size + 2 * width * self.latent_size
        return attention + self.experts_per_token * self.feed_forward_parameters() + shared

    def feed_forward_parameters(self) -> int:
        """See Decoder: of an expert, or of the network where there are none."""
        return (3 if self.gated else 2) * (self.latent_size or self.hidden_size) * self.intermediate_size


def as_hybrid(model: Decoder) -> HybridDecoder:
    """A decoder whose layers are alike, or DeepSeek's, in the words of one whose layers are not."""
    if isinstance(model, HybridDecoder):
        return model
    mixtures = model.num_layers if model.num_experts else 0
    plain = HybridDecoder(
        vocab_size=model.vocab_size,
        hidden_size=model.hidden_size,
        intermediate_size=model.intermediate_size,
        num_layers=model.num_layers,
        num_heads=model.num_heads,
        num_kv_heads=model.num_kv_heads,
        max_context=model.max_context,
        gated=model.gated,
        bias=model.bias,
        tie_embeddings=model.tie_embeddings,
        num_experts=model.num_experts,
        experts_per_token=model.experts_per_token,
        attention_layers=model.num_layers,
        head_width=model.head_dim,
        mixture_layers=mixtures,
        dense_layers=model.num_layers - mixtures,
        dense_intermediate_size=model.intermediate_size,
    )
    if not isinstance(model, LatentDecoder):
        return plain
    return replace(
        plain,
        head_width=model.rotary_width + model.plain_width,
        value_width=model.plain_width,
        query_rank=model.query_rank,
        kv_rank=model.kv_rank,
        shared_width=model.rotary_width,
        mixture_layers=model.num_layers - model.dense_layers,
        dense_layers=model.dense_layers,
        dense_intermediate_size=model.dense_intermediate_size,
        shared_intermediate_size=model.shared_experts * model.intermediate_size,
        expert_groups=model.expert_groups,
        groups_per_token=model.groups_per_token,
    )
