"""The sizes of torchtitan's llama3."""

from __future__ import annotations

from seatrial.models import LLAMA, Decoder

FLAVORS: dict[str, Decoder] = {
    "debugmodel": Decoder(
        vocab_size=2048,
        hidden_size=256,
        intermediate_size=768,
        num_layers=6,
        num_heads=16,
        num_kv_heads=16,
        max_context=131_072,
        rope_theta=500_000.0,
    ),
    "8B": LLAMA["llama3.1-8b"],
    "70B": LLAMA["llama3.1-70b"],
    "405B": LLAMA["llama3.1-405b"],
}
"""torchtitan's llama3 flavors that compute attention by scaled_dot_product_attention."""
