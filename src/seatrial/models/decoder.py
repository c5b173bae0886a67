"""The shape of a decoder, whatever framework trains it; no torch, so that recipes can be listed without it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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
class Decoder:
    """A causal language model: norms before attention and feed-forward network, dense or a mixture of experts."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    """Width of the feed-forward network; of each expert in a mixture."""
    num_layers: int
    num_heads: int
    num_kv_heads: int
    max_context: int
    """Longest sequence in tokens that the model was published for."""
    positions: Literal["rotary", "learned", "alibi"] = "rotary"
    """rotary: turned queries and keys; learned: an embedding; alibi: a bias on attention (arXiv:2108.12409)."""
    norm: Literal["rms", "layer"] = "rms"
    gated: bool = True
    """SwiGLU, which has a third matrix; False: GELU."""
    bias: bool = False
    """Biases in linear layers and norms."""
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
        width = self.hidden_size
        embeddings = self.vocab_size * width * (1 if self.tie_embeddings else 2)
        experts = (self.experts_per_token if active_only else self.num_experts) or 1
        router = self.num_experts * width
        norm = width * (2 if self.bias else 1)
        layer = self.attention_parameters() + experts * self.feed_forward_parameters() + router + 2 * norm
        return embeddings + self.position_parameters() + self.num_layers * layer + norm

    def expert_parameters(self) -> int:
        """Parameters of all experts of all layers; 0 for a dense model."""
        return self.num_layers * self.num_experts * self.feed_forward_parameters()

    def matmul_parameters(self) -> int:
        """N of the FLOP formulas: active parameters without the input and position embeddings, which are look-ups."""
        lookup = 0 if self.tie_embeddings else self.vocab_size * self.hidden_size
        return self.parameters(active_only=True) - lookup - self.position_parameters()

    def flops_per_token(self, sequence_length: int) -> dict[str, float]:
        """Model FLOPs per token, forward and backward, by convention (see seatrial.metrics)."""
        return flops_per_token(
            parameters=self.matmul_parameters(),
            layers=self.num_layers,
            attention_width=self.hidden_size,
            sequence_length=sequence_length,
        )

    def attention_parameters(self) -> int:
        """Parameters of a layer's attention."""
        width, kv = self.hidden_size, self.kv_size
        return 2 * width * (width + kv) + self.bias * 2 * (width + kv)

    def feed_forward_parameters(self) -> int:
        """Parameters of a layer's feed-forward network, or of one of its experts."""
        ups = 2 if self.gated else 1
        biases = ups * self.intermediate_size + self.hidden_size
        return (ups + 1) * self.hidden_size * self.intermediate_size + self.bias * biases

    def position_parameters(self) -> int:
        """Parameters of learned positions."""
        return self.max_context * self.hidden_size if self.positions == "learned" else 0
