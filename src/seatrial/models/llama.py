"""The Llama family: rotary positions, RMSNorm, SwiGLU, no biases. A test builds each and compares its size.

Sources: the ``config.json`` beside each model's weights on the Hugging Face hub, and the papers arXiv:2307.09288
(Llama 2), arXiv:2407.21783 (Llama 3), arXiv:2401.04088 (Mixtral).
"""

from __future__ import annotations

from dataclasses import replace

from seatrial.models.decoder import Decoder, RopeScaling

_LLAMA2_7B = Decoder(
    vocab_size=32_000,
    hidden_size=4096,
    intermediate_size=11_008,
    num_layers=32,
    num_heads=32,
    num_kv_heads=32,
    max_context=4096,
)
_LLAMA3_8B = Decoder(
    vocab_size=128_256,
    hidden_size=4096,
    intermediate_size=14_336,
    num_layers=32,
    num_heads=32,
    num_kv_heads=8,
    max_context=131_072,
    rope_theta=500_000.0,
    rope_scaling=RopeScaling(factor=8.0),
)
_MISTRAL_7B = Decoder(
    vocab_size=32_768,
    hidden_size=4096,
    intermediate_size=14_336,
    num_layers=32,
    num_heads=32,
    num_kv_heads=8,
    max_context=32_768,
    rope_theta=1e6,
)
_LLAMA32_1B = replace(
    _LLAMA3_8B,
    hidden_size=2048,
    intermediate_size=8192,
    num_layers=16,
    tie_embeddings=True,
    rope_scaling=RopeScaling(factor=32.0),
)

LLAMA: dict[str, Decoder] = {
    # Small enough for seconds on a CPU; its vocabulary holds raw bytes and an end mark, padded to a multiple of 64.
    "tiny": Decoder(
        vocab_size=320,
        hidden_size=128,
        intermediate_size=384,
        num_layers=4,
        num_heads=4,
        num_kv_heads=2,
        max_context=2048,
    ),
    "llama2-7b": _LLAMA2_7B,
    "llama2-13b": replace(
        _LLAMA2_7B, hidden_size=5120, intermediate_size=13_824, num_layers=40, num_heads=40, num_kv_heads=40
    ),
    "llama2-70b": replace(
        _LLAMA2_7B, hidden_size=8192, intermediate_size=28_672, num_layers=80, num_heads=64, num_kv_heads=8
    ),
    "mathstral-7b": _MISTRAL_7B,
    "mixtral-8x7b": replace(_MISTRAL_7B, vocab_size=32_000, num_experts=8, experts_per_token=2),
    "llama3.1-8b": _LLAMA3_8B,
    "llama3.1-70b": replace(_LLAMA3_8B, hidden_size=8192, intermediate_size=28_672, num_layers=80, num_heads=64),
    "llama3.1-405b": replace(_LLAMA3_8B, hidden_size=16_384, intermediate_size=53_248, num_layers=126, num_heads=128),
    "llama3.2-1b": _LLAMA32_1B,
    "llama3.2-3b": replace(_LLAMA32_1B, hidden_size=3072, num_layers=28, num_heads=24),
    "smollm-1.7b": Decoder(
        vocab_size=49_152,
        hidden_size=2048,
        intermediate_size=8192,
        num_layers=24,
        num_heads=32,
        num_kv_heads=32,
        max_context=2048,
        tie_embeddings=True,
    ),
}
