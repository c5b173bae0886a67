"""Model sizes and how Megatron's own benchmarks split them; no torch.

GPT: table 1 of arXiv:2104.04473 (Narayanan et al. 2021), with the micro-batches of Megatron-LM's script for it,
examples/sc21/run_table_1.sh. Llama 2: the shapes of seatrial.train.models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from seatrial.metrics import flops_per_token
from seatrial.train.model_config import ModelConfig
from seatrial.train.models import MODELS as LLAMAS

GPT2_VOCABULARY = 50_257


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """The shape of a decoder, in Megatron's terms."""

    family: Literal["gpt", "llama"]
    """gpt: learned positions, LayerNorm, GELU, biases, tied embeddings. llama: RoPE, RMSNorm, SwiGLU, none of these."""
    num_layers: int
    hidden_size: int
    num_attention_heads: int
    num_query_groups: int
    ffn_hidden_size: int
    vocab_size: int
    max_position_embeddings: int
    init_method_std: float
    norm_epsilon: float = 1e-5

    def padded_vocabulary(self, divisible_by: int, tensor_parallel: int) -> int:
        """Rows of the embedding: Megatron pads them so that they divide evenly over the ranks."""
        multiple = divisible_by * tensor_parallel
        return -(-self.vocab_size // multiple) * multiple

    def parameters(self, vocabulary: int) -> int:
        """Number of parameters with a (padded) vocabulary of this size."""
        h = self.hidden_size
        if self.family == "llama":
            kv = h // self.num_attention_heads * self.num_query_groups
            layer = 2 * h * (h + kv) + 3 * h * self.ffn_hidden_size + 2 * h
            return 2 * vocabulary * h + self.num_layers * layer + h
        attention = 4 * (h * h + h)
        mlp = 2 * h * self.ffn_hidden_size + self.ffn_hidden_size + h
        norms = 4 * h
        embeddings = (vocabulary + self.max_position_embeddings) * h
        return embeddings + self.num_layers * (attention + mlp + norms) + 2 * h

    def flops_per_token(self, vocabulary: int, sequence_length: int) -> dict[str, float]:
        """Model FLOPs per token, forward and backward, by convention (see seatrial.metrics)."""
        look_up = vocabulary if self.family == "llama" else self.max_position_embeddings
        return flops_per_token(
            parameters=self.parameters(vocabulary) - look_up * self.hidden_size,
            layers=self.num_layers,
            attention_width=self.hidden_size,
            sequence_length=sequence_length,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Scale:
    """Where and how a size is trained in Megatron's own benchmark: nodes of 8 GPUs with 80 GB."""

    nodes: int
    tensor: int
    pipeline: int
    global_batch_size: int
    micro_batch_size: int


def _gpt(heads: int, hidden: int, layers: int, *, vocab_size: int = GPT2_VOCABULARY, context: int = 2048) -> Size:
    return Size(
        family="gpt",
        num_layers=layers,
        hidden_size=hidden,
        num_attention_heads=heads,
        num_query_groups=heads,
        ffn_hidden_size=4 * hidden,
        vocab_size=vocab_size,
        max_position_embeddings=context,
        init_method_std=0.006,
    )


def _llama(config: ModelConfig) -> Size:
    return Size(
        family="llama",
        num_layers=config.num_layers,
        hidden_size=config.hidden_size,
        num_attention_heads=config.num_heads,
        num_query_groups=config.num_kv_heads,
        ffn_hidden_size=config.intermediate_size,
        vocab_size=config.vocab_size,
        max_position_embeddings=config.max_context,
        init_method_std=config.init_std,
        norm_epsilon=config.norm_eps,
    )


BYTES = 257
"""Raw bytes and an end mark, the tokens of the tiny sizes."""

SIZES: dict[str, Size] = {
    "gpt-tiny": _gpt(4, 128, 4, vocab_size=BYTES),
    "llama-tiny": Size(
        family="llama",
        num_layers=4,
        hidden_size=128,
        num_attention_heads=4,
        num_query_groups=2,
        ffn_hidden_size=384,
        vocab_size=BYTES,
        max_position_embeddings=2048,
        init_method_std=0.02,
    ),
    "gpt-1.7b": _gpt(24, 2304, 24),
    "gpt-3.6b": _gpt(32, 3072, 30),
    "gpt-7.5b": _gpt(32, 4096, 36),
    "gpt-18.4b": _gpt(48, 6144, 40),
    "gpt-39.1b": _gpt(64, 8192, 48),
    "gpt-76.1b": _gpt(80, 10_240, 60),
    "gpt-145.6b": _gpt(96, 12_288, 80),
    "gpt-310.1b": _gpt(128, 16_384, 96),
    # The table's "heads/hidden/layers" without --ffn-hidden-size would give Megatron's own default, 2/3 of 4h, which
    # makes 70B a model of 55.5 billion parameters.
    "llama2-7b": _llama(LLAMAS["llama2-7b"]),
    "llama2-13b": _llama(LLAMAS["llama2-13b"]),
    "llama2-70b": _llama(LLAMAS["llama2-70b"]),
}

GPT_SCALES: dict[str, Scale] = {
    "gpt-1.7b": Scale(nodes=4, tensor=1, pipeline=1, global_batch_size=512, micro_batch_size=16),
    "gpt-3.6b": Scale(nodes=8, tensor=2, pipeline=1, global_batch_size=512, micro_batch_size=16),
    "gpt-7.5b": Scale(nodes=16, tensor=4, pipeline=1, global_batch_size=512, micro_batch_size=16),
    "gpt-18.4b": Scale(nodes=32, tensor=8, pipeline=1, global_batch_size=1024, micro_batch_size=8),
    "gpt-39.1b": Scale(nodes=64, tensor=8, pipeline=2, global_batch_size=1536, micro_batch_size=4),
    "gpt-76.1b": Scale(nodes=128, tensor=8, pipeline=4, global_batch_size=1792, micro_batch_size=2),
    "gpt-145.6b": Scale(nodes=192, tensor=8, pipeline=8, global_batch_size=2304, micro_batch_size=2),
    "gpt-310.1b": Scale(nodes=240, tensor=8, pipeline=16, global_batch_size=2160, micro_batch_size=1),
}
