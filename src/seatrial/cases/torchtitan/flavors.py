"""The sizes of torchtitan's llama3."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Flavor:
    """What the rules need to know of one of torchtitan's models."""

    parameters: int
    layers: int
    heads: int
    kv_heads: int
    vocabulary: int
    max_context: int = 131_072


FLAVORS = {
    "debugmodel": Flavor(parameters=6_163_712, layers=6, heads=16, kv_heads=16, vocabulary=2048),
    "8B": Flavor(parameters=8_030_261_248, layers=32, heads=32, kv_heads=8, vocabulary=128_256),
    "70B": Flavor(parameters=70_553_706_496, layers=80, heads=64, kv_heads=8, vocabulary=128_256),
    "405B": Flavor(parameters=405_853_388_800, layers=126, heads=128, kv_heads=8, vocabulary=128_256),
}
"""torchtitan's llama3 flavors that compute attention by scaled_dot_product_attention."""
