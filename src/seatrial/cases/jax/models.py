"""The models of this case: Llamas, and the old 2B language model in a Llama's shape."""

from __future__ import annotations

from seatrial.models import LLAMA, Decoder

MODELS: dict[str, Decoder] = {
    **{name: model for name, model in LLAMA.items() if not model.num_experts},
    # Width, depth, heads, vocabulary, tied embedding and context of paxml 1.4.0's LmCloudSpmd2B. That one has a GELU
    # network of width 12288, LayerNorm, biases and sine positions; SwiGLU of two thirds of the width has as many
    # parameters in its three matrices as that has in two.
    "2b": Decoder(
        vocab_size=32_000,
        hidden_size=3072,
        intermediate_size=8192,
        num_layers=18,
        num_heads=24,
        num_kv_heads=24,
        max_context=1024,
        tie_embeddings=True,
    ),
}
