"""The shape of a Llama-family model, without torch, so that recipes can be listed without it."""

from __future__ import annotations

from dataclasses import dataclass

from seatrial.metrics import flops_per_token


@dataclass(frozen=True, kw_only=True, slots=True)
class RopeScaling:
    """Llama 3's stretching of low rotary frequencies (meta-llama/llama-models, ``apply_scaling``)."""

    factor: float
    low_freq_factor: float = 1.0
    high_freq_factor: float = 4.0
    original_context: int = 8192
    """Context length in tokens that the frequencies were made for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConfig:
    """A decoder of RMSNorm, rotary positions, grouped-query attention and SwiGLU, dense or a mixture of experts."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    """Width of the feed-forward network; of each expert in a mixture."""
    num_layers: int
    num_heads: int
    num_kv_heads: int
    max_context: int
    """Longest sequence in tokens that the model was published for."""
    rope_theta: float = 10_000.0
    rope_scaling: RopeScaling | None = None
    tie_embeddings: bool = False
    norm_eps: float = 1e-5
    num_experts: int = 0
    """0: dense."""
    experts_per_token: int = 0
    init_std: float = 0.02

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.hidden_size // self.num_heads

    @property
    def kv_size(self) -> int:
        """Width of the keys, and of the values, of all heads."""
        return self.num_kv_heads * self.head_dim

    def parameters(self, *, active_only: bool = False) -> int:
        """Number of parameters; with `active_only`, experts that a token is not routed to are left out."""
        embeddings = self.vocab_size * self.hidden_size * (1 if self.tie_embeddings else 2)
        attention = 2 * self.hidden_size * (self.hidden_size + self.kv_size)
        expert = 3 * self.hidden_size * self.intermediate_size
        experts = (self.experts_per_token if active_only else self.num_experts) or 1
        router = self.num_experts * self.hidden_size
        norms = 2 * self.hidden_size
        layer = attention + experts * expert + router + norms
        return embeddings + self.num_layers * layer + self.hidden_size

    def matmul_parameters(self) -> int:
        """N of the FLOP formulas: active parameters without the input embedding, which is a look-up."""
        lookup = 0 if self.tie_embeddings else self.vocab_size * self.hidden_size
        return self.parameters(active_only=True) - lookup

    def flops_per_token(self, sequence_length: int) -> dict[str, float]:
        """Model FLOPs per token, forward and backward, by convention (see seatrial.metrics)."""
        return flops_per_token(
            parameters=self.matmul_parameters(),
            layers=self.num_layers,
            attention_width=self.hidden_size,
            sequence_length=sequence_length,
        )
