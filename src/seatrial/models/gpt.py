"""The GPT family: learned positions, LayerNorm, GELU, biases, tied embeddings.

Source: table 1 of arXiv:2104.04473 (Narayanan et al. 2021), with the vocabulary of GPT-2.
"""

from __future__ import annotations

from seatrial.models.decoder import Decoder


def gpt(heads: int, hidden: int, layers: int, *, vocab_size: int = 50_257) -> Decoder:
    """A member of the family, in the order of the table's columns."""
    return Decoder(
        vocab_size=vocab_size,
        hidden_size=hidden,
        intermediate_size=4 * hidden,
        num_layers=layers,
        num_heads=heads,
        num_kv_heads=heads,
        max_context=2048,
        positions="learned",
        norm="layer",
        gated=False,
        bias=True,
        tie_embeddings=True,
        init_std=0.006,
    )


GPT: dict[str, Decoder] = {
    # Small enough for seconds on a CPU; its vocabulary holds raw bytes and an end mark.
    "gpt-tiny": gpt(4, 128, 4, vocab_size=257),
    "gpt-1.7b": gpt(24, 2304, 24),
    "gpt-3.6b": gpt(32, 3072, 30),
    "gpt-7.5b": gpt(32, 4096, 36),
    "gpt-18.4b": gpt(48, 6144, 40),
    "gpt-39.1b": gpt(64, 8192, 48),
    "gpt-76.1b": gpt(80, 10_240, 60),
    "gpt-145.6b": gpt(96, 12_288, 80),
    "gpt-310.1b": gpt(128, 16_384, 96),
}
