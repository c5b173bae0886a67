"""The MPT family's architectures. A test builds each on the meta device and compares its size.

Sources: for the training sizes the files scripts/train/yamls/pretrain/mpt-*.yaml of llm-foundry 0.22, which leave
learned positions and biases at their defaults; for the released models the ``config.json`` beside their weights on the
Hugging Face hub (mosaicml/mpt-7b, mosaicml/mpt-30b), which have ALiBi (arXiv:2108.12409) and no biases.
"""

from __future__ import annotations

from dataclasses import dataclass

from seatrial.metrics import flops_per_token


@dataclass(frozen=True, kw_only=True, slots=True)
class MPTConfig:
    """A decoder with LayerNorm before attention and before a GELU MLP of 4 times its width; tied embeddings."""

    hidden_size: int
    num_heads: int
    num_layers: int
    vocab_size: int = 50_368
    """50277 tokens of EleutherAI/gpt-neox-20b, and padding."""
    max_context: int = 2048
    alibi: bool = False
    """Positions by a bias on attention, instead of learned embeddings."""
    bias: bool = True
    """Biases in linear layers and norms."""

    def parameters(self) -> int:
        """Number of parameters."""
        width = self.hidden_size
        positions = 0 if self.alibi else self.max_context * width
        biases = (3 + 1 + 4 + 1 + 2) * width if self.bias else 0  # QKV, output, MLP up, MLP down, two norms
        layer = 12 * width**2 + 2 * width + biases
        return self.vocab_size * width + positions + self.num_layers * layer + width * (2 if self.bias else 1)

    def flops_per_token(self, sequence_length: int) -> dict[str, float]:
        """Model FLOPs per token, forward and backward, by convention (see seatrial.metrics)."""
        matrices = 12 * self.num_layers * self.hidden_size**2 + self.vocab_size * self.hidden_size
        return flops_per_token(
            parameters=matrices,
            layers=self.num_layers,
            attention_width=self.hidden_size,
            sequence_length=sequence_length,
        )


MODELS = {
    # Small enough for seconds on a CPU; its vocabulary holds raw bytes and an end mark, padded to a multiple of 64.
    "mpt-tiny": MPTConfig(hidden_size=128, num_heads=4, num_layers=4, vocab_size=320, alibi=True, bias=False),
    "mpt-125m": MPTConfig(hidden_size=768, num_heads=12, num_layers=12),
    "mpt-350m": MPTConfig(hidden_size=1024, num_heads=16, num_layers=24),
    "mpt-760m": MPTConfig(hidden_size=1536, num_heads=12, num_layers=24),
    "mpt-1b": MPTConfig(hidden_size=2048, num_heads=16, num_layers=24),
    "mpt-3b": MPTConfig(hidden_size=2560, num_heads=20, num_layers=32),
    # As released: the training files for these sizes have other vocabularies, positions and (30B) heads.
    "mpt-7b": MPTConfig(hidden_size=4096, num_heads=32, num_layers=32, vocab_size=50_432, alibi=True, bias=False),
    "mpt-13b": MPTConfig(hidden_size=5120, num_heads=40, num_layers=40),
    "mpt-30b": MPTConfig(
        hidden_size=7168, num_heads=64, num_layers=48, vocab_size=50_432, max_context=8192, alibi=True, bias=False
    ),
    "mpt-70b": MPTConfig(hidden_size=8192, num_heads=64, num_layers=80),
}
