"""The MPT family: LayerNorm, GELU, tied embeddings. A test builds each and compares its size.

Sources: for the training sizes the files scripts/train/yamls/pretrain/mpt-*.yaml of llm-foundry 0.22, which leave
learned positions and biases at their defaults; for the released models the ``config.json`` beside their weights on the
Hugging Face hub (mosaicml/mpt-7b, mosaicml/mpt-30b), which have ALiBi and no biases.
"""

from __future__ import annotations

from seatrial.models.decoder import Decoder


def mpt(
    *,
    hidden_size: int,
    num_heads: int,
    num_layers: int,
    vocab_size: int = 50_368,
    max_context: int = 2048,
    released: bool = False,
) -> Decoder:
    """A member of the family: as in the training files, or with what sets the `released` models apart.

    The vocabulary is by default the 50277 tokens of EleutherAI/gpt-neox-20b, and padding.
    """
    return Decoder(
        vocab_size=vocab_size,
        hidden_size=hidden_size,
        intermediate_size=4 * hidden_size,
        num_layers=num_layers,
        num_heads=num_heads,
        num_kv_heads=num_heads,
        max_context=max_context,
        positions="alibi" if released else "learned",
        norm="layer",
        gated=False,
        bias=not released,
        tie_embeddings=True,
    )


MPT: dict[str, Decoder] = {
    # Small enough for seconds on a CPU; its vocabulary holds raw bytes and an end mark, padded to a multiple of 64.
    "mpt-tiny": mpt(hidden_size=128, num_heads=4, num_layers=4, vocab_size=320, released=True),
    "mpt-125m": mpt(hidden_size=768, num_heads=12, num_layers=12),
    "mpt-350m": mpt(hidden_size=1024, num_heads=16, num_layers=24),
    "mpt-760m": mpt(hidden_size=1536, num_heads=12, num_layers=24),
    "mpt-1b": mpt(hidden_size=2048, num_heads=16, num_layers=24),
    "mpt-3b": mpt(hidden_size=2560, num_heads=20, num_layers=32),
    # As released: the training files for these sizes have other vocabularies, positions and (30B) heads.
    "mpt-7b": mpt(hidden_size=4096, num_heads=32, num_layers=32, vocab_size=50_432, released=True),
    "mpt-13b": mpt(hidden_size=5120, num_heads=40, num_layers=40),
    "mpt-30b": mpt(hidden_size=7168, num_heads=64, num_layers=48, vocab_size=50_432, max_context=8192, released=True),
    "mpt-70b": mpt(hidden_size=8192, num_heads=64, num_layers=80),
}
