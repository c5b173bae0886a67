"""Mixtures of experts and hybrids of published measurements, by the names that anchors.csv gives them.

Sources are each model's ``config.json`` on the Hugging Face hub or its recipe, named above it; read 2026-11-30.
"""

from __future__ import annotations

from dataclasses import replace

from seatrial.forecast.hybrid import HybridDecoder, Recurrence, as_hybrid
from seatrial.models import DEEPSEEK


def _mixture(
    layers: int, hidden: int, heads: int, kv: int, inner: int, vocabulary: int, experts: int, taken: int, width: int
) -> HybridDecoder:
    """Experts in every layer."""
    return HybridDecoder(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=inner,
        num_layers=layers,
        num_heads=heads,
        num_kv_heads=kv,
        max_context=131_072,
        num_experts=experts,
        experts_per_token=taken,
        attention_layers=layers,
        head_width=width,
        mixture_layers=layers,
    )


# With its module for a second token: benchmarks count it unless they say that they do not ("w/o MTP").
_DEEPSEEK = replace(as_hybrid(DEEPSEEK["deepseek-v3"]), predicted=1)
# moonshotai/Moonlight-16B-A3B: DeepSeek's layout, queries not latent, experts in one group.
_MOONLIGHT = replace(
    _DEEPSEEK,
    expert_groups=1,
    groups_per_token=1,
    vocab_size=163_840,
    hidden_size=2048,
    intermediate_size=1408,
    num_layers=27,
    num_heads=16,
    num_kv_heads=16,
    num_experts=64,
    experts_per_token=6,
    attention_layers=27,
    query_rank=0,
    mixture_layers=26,
    dense_layers=1,
    dense_intermediate_size=11_264,
    shared_intermediate_size=2816,
    predicted=0,
)
_NEMOTRON = {"vocab_size": 131_072, "max_context": 262_144, "gated": False}
# NVIDIA-NeMo/Megatron-Bridge, models/nemotronh/nemotron_h_provider.py: layer patterns, widths. A Mamba-2 layer projects
# to its values and their gate, and to keys and queries of 8 groups.
_NANO = HybridDecoder(
    **_NEMOTRON,  # type: ignore[arg-type]
    hidden_size=2688,
    intermediate_size=1856,
    num_layers=52,
    num_heads=32,
    num_kv_heads=2,
    num_experts=128,
    experts_per_token=6,
    attention_layers=6,
    head_width=128,
    mixture_layers=23,
    shared_intermediate_size=3712,
    recurrence=Recurrence(layers=23, inner=4096, keys=1024, state=128),
)
_SUPER = replace(
    _NANO,
    hidden_size=4096,
    intermediate_size=2688,
    num_layers=88,
    num_experts=512,
    experts_per_token=22,
    attention_layers=8,
    mixture_layers=40,
    shared_intermediate_size=5376,
    latent_size=1024,
    recurrence=Recurrence(layers=40, inner=8192, keys=1024, state=128),
    predicted=2,
)
_NEMOTRON_H_56B = replace(
    _NANO,
    hidden_size=8192,
    intermediate_size=32_768,
    num_layers=118,
    num_heads=64,
    num_kv_heads=8,
    num_experts=0,
    experts_per_token=0,
    attention_layers=10,
    mixture_layers=0,
    dense_layers=54,
    dense_intermediate_size=32_768,
    shared_intermediate_size=0,
    recurrence=Recurrence(layers=54, inner=16_384, keys=2048, state=256),
)
# openai/gpt-oss-120b: every second layer sees 128 positions; matrices have biases, experts' too.
_GPT_OSS = replace(
    _mixture(36, 2880, 64, 8, 2880, 201_088, 128, 4, 64), bias=True, clamped=True, window=128, windowed_layers=18
)
# Qwen/Qwen3-Next-80B-A3B-Instruct: three layers in four are a gated delta rule; attention has a gate.
_QWEN3_NEXT = replace(
    _mixture(48, 2048, 16, 2, 512, 151_936, 512, 10, 256),
    attention_layers=12,
    gated_attention=True,
    shared_intermediate_size=512,
    recurrence=Recurrence(layers=36, inner=4096, keys=2048, state=128, rule="gated delta"),
)
# NVIDIA/Megatron-LM, examples/mimo, configuration of Qwen3.5-397B-A17B.
_QWEN35_397B = replace(
    _mixture(60, 4096, 32, 2, 1024, 248_320, 512, 10, 256),
    attention_layers=15,
    gated_attention=True,
    shared_intermediate_size=1024,
    recurrence=Recurrence(layers=45, inner=8192, keys=2048, state=128, rule="gated delta"),
)
# meta-llama/Llama-4-Maverick-17B-128E: experts in every second layer, one of them per token, beside a shared one.
_MAVERICK = replace(
    _mixture(48, 5120, 40, 8, 8192, 202_048, 128, 1, 128),
    mixture_layers=24,
    dense_layers=24,
    dense_intermediate_size=16_384,
    shared_intermediate_size=8192,
)

MIXTURES: dict[str, HybridDecoder] = {
    "deepseek-v3": _DEEPSEEK,
    "deepseek-v3-no-mtp": replace(_DEEPSEEK, predicted=0),
    # moonshotai/Kimi-K2-Base: DeepSeek's layout, half the heads, half again the experts, one group, one dense layer.
    "kimi-k2": replace(
        _DEEPSEEK,
        expert_groups=1,
        groups_per_token=1,
        vocab_size=163_840,
        num_heads=64,
        num_kv_heads=64,
        num_experts=384,
        mixture_layers=60,
        dense_layers=1,
        predicted=0,
    ),
    "moonlight-16b": _MOONLIGHT,
    "qwen3-30b-a3b": _mixture(48, 2048, 32, 4, 768, 151_936, 128, 8, 128),  # Qwen/Qwen3-30B-A3B
    "qwen3-235b-a22b": _mixture(94, 4096, 64, 4, 1536, 151_936, 128, 8, 128),  # Qwen/Qwen3-235B-A22B
    "qwen3-next-80b-a3b": _QWEN3_NEXT,
    "qwen3.5-397b-a17b": _QWEN35_397B,
    "gpt-oss-120b": _GPT_OSS,
    "gpt-oss-20b": replace(
        _GPT_OSS, num_layers=24, attention_layers=24, mixture_layers=24, num_experts=32, windowed_layers=12
    ),  # openai/gpt-oss-20b
    "mixtral-8x7b": _mixture(32, 4096, 32, 8, 14_336, 32_000, 8, 2, 128),  # mistralai/Mixtral-8x7B-v0.1
    "mixtral-8x22b": _mixture(56, 6144, 48, 8, 16_384, 32_768, 8, 2, 128),  # mistralai/Mixtral-8x22B-v0.3
    "grok1-314b": _mixture(64, 6144, 48, 8, 32_768, 131_072, 8, 2, 128),  # xai-org/grok-1
    "llama4-maverick": _MAVERICK,
    "nemotron-3-nano": _NANO,
    "nemotron-3-super": _SUPER,
    "nemotron-h-56b": _NEMOTRON_H_56B,
    "nemotron-h-47b": replace(
        _NEMOTRON_H_56B,
        intermediate_size=30_720,
        num_layers=98,
        attention_layers=5,
        dense_layers=49,
        dense_intermediate_size=30_720,
        recurrence=Recurrence(layers=44, inner=16_384, keys=2048, state=256),
    ),
    "nemotron-h-8b": replace(
        _NEMOTRON_H_56B,
        hidden_size=4096,
        intermediate_size=21_504,
        num_layers=52,
        num_heads=32,
        attention_layers=4,
        dense_layers=24,
        dense_intermediate_size=21_504,
        recurrence=Recurrence(layers=24, inner=8192, keys=1024, state=128),
    ),
}
"""Name -> its architecture."""
