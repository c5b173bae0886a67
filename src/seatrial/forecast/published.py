"""Architectures of published measurements, by the names that anchors.csv gives them.

Sources are each model's ``config.json`` on the Hugging Face hub or its recipe, named above it; read 2026-11-30.
"""

from __future__ import annotations

from dataclasses import replace

from seatrial.forecast.hybrid import HybridDecoder, Recurrence
from seatrial.models import LLAMA, Decoder
from seatrial.models.mpt import mpt


def _dense(
    layers: int,
    hidden: int,
    heads: int,
    kv: int,
    inner: int,
    vocabulary: int,
    *,
    gated: bool = True,
    bias: bool = False,
) -> Decoder:
    return Decoder(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=inner,
        num_layers=layers,
        num_heads=heads,
        num_kv_heads=kv,
        max_context=131_072,
        gated=gated,
        bias=bias,
    )


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


# deepseek-ai/DeepSeek-V3-Base; arXiv:2412.19437. With its module for a second token: benchmarks count it unless they
# say that they do not ("w/o MTP").
_DEEPSEEK = HybridDecoder(
    vocab_size=129_280,
    hidden_size=7168,
    intermediate_size=2048,
    num_layers=61,
    num_heads=128,
    num_kv_heads=128,
    max_context=163_840,
    num_experts=256,
    experts_per_token=8,
    attention_layers=61,
    head_width=192,
    value_width=128,
    query_rank=1536,
    kv_rank=512,
    shared_width=64,
    mixture_layers=58,
    dense_layers=3,
    dense_intermediate_size=18_432,
    shared_intermediate_size=2048,
    predicted=1,
)
# moonshotai/Moonlight-16B-A3B: DeepSeek's layout, queries not latent.
_MOONLIGHT = replace(
    _DEEPSEEK,
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
# openai/gpt-oss-120b: every second layer sees 128 positions.
_GPT_OSS = replace(_mixture(36, 2880, 64, 8, 2880, 201_088, 128, 4, 64), window=128, windowed_layers=18)
# Qwen/Qwen3-Next-80B-A3B-Instruct: three layers in four are a gated delta rule; attention has a gate.
_QWEN3_NEXT = replace(
    _mixture(48, 2048, 16, 2, 512, 151_936, 512, 10, 256),
    attention_layers=12,
    gated_attention=True,
    shared_intermediate_size=512,
    recurrence=Recurrence(layers=36, inner=4096, keys=2048, state=128),
)
# NVIDIA/Megatron-LM, examples/mimo, configuration of Qwen3.5-397B-A17B.
_QWEN35_397B = replace(
    _mixture(60, 4096, 32, 2, 1024, 248_320, 512, 10, 256),
    attention_layers=15,
    gated_attention=True,
    shared_intermediate_size=1024,
    recurrence=Recurrence(layers=45, inner=8192, keys=2048, state=128),
)
# meta-llama/Llama-4-Maverick-17B-128E: experts in every second layer, one of them per token, beside a shared one.
_MAVERICK = replace(
    _mixture(48, 5120, 40, 8, 8192, 202_048, 128, 1, 128),
    mixture_layers=24,
    dense_layers=24,
    dense_intermediate_size=16_384,
    shared_intermediate_size=8192,
)
# Megatron's sizes of GPT, arXiv:2205.05198 table 3; GPT-3 of arXiv:2005.14165 with 51 200 tokens.
_GPT3_5B = _dense(24, 4096, 32, 32, 16_384, 51_200, gated=False)  # NeMo launcher, gpt3/5b.yaml
_LLAMA_405B = LLAMA["llama3.1-405b"]

PUBLISHED: dict[str, Decoder] = {
    **{
        name: LLAMA[name]
        for name in (
            "llama2-7b",
            "llama2-13b",
            "llama2-70b",
            "llama3.1-8b",
            "llama3.1-70b",
            "llama3.2-1b",
            "llama3.2-3b",
        )
    },
    "llama2-34b": _dense(48, 8192, 64, 8, 22_016, 32_000),
    "mistral-7b": LLAMA["mathstral-7b"],
    "llama3.1-405b": _LLAMA_405B,
    # The 405B's width with fewer layers: proxies of NVIDIA's benchmarks.
    **{f"llama3.1-405b-{layers}l": replace(_LLAMA_405B, num_layers=layers) for layers in (8, 30, 62)},
    "qwen3-8b": _dense(36, 4096, 32, 8, 12_288, 151_936),
    "gpt3-5b": _GPT3_5B,
    "gpt-22b": _dense(48, 6144, 64, 64, 24_576, 51_200, gated=False, bias=True),
    "gpt3-175b": _dense(96, 12_288, 96, 96, 49_152, 51_200, gated=False, bias=True),
    "mt-nlg-530b": _dense(105, 20_480, 128, 128, 81_920, 51_200, gated=False, bias=True),
    "nemotron4-15b": _dense(32, 6144, 48, 8, 24_576, 256_000, gated=False),
    "nemotron4-22b": _dense(40, 6144, 48, 48, 24_576, 256_000, gated=False),  # NVIDIA/NeMo, Nemotron4Config22B
    "nemotron4-340b": _dense(96, 18_432, 96, 8, 73_728, 256_000, gated=False),
    "megatron-7b": _dense(32, 4096, 32, 8, 14_336, 131_073, gated=False),
    "megatron-15b": _dense(32, 6144, 48, 8, 24_576, 256_000, gated=False),
    **{
        f"mpt-{size}": mpt(hidden_size=hidden, num_heads=heads, num_layers=layers, max_context=2048)
        for size, layers, hidden, heads in (
            ("125m", 12, 768, 12),
            ("350m", 24, 1024, 16),
            ("760m", 24, 1536, 12),
            ("1b", 24, 2048, 16),
            ("3b", 32, 2560, 20),
            ("7b", 32, 4096, 32),
            ("13b", 40, 5120, 40),
            ("30b", 48, 7168, 56),
            ("70b", 80, 8192, 64),
        )
    },
    "deepseek-v3": _DEEPSEEK,
    "deepseek-v3-no-mtp": replace(_DEEPSEEK, predicted=0),
    # moonshotai/Kimi-K2-Base: DeepSeek's layout, half the heads, half as many experts again, one dense layer.
    "kimi-k2": replace(
        _DEEPSEEK,
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


def architecture_of(name: str) -> Decoder:
    """The architecture of that name; ``dense-LAYERS-HIDDEN-HEADS-KV-INNER-VOCABULARY`` describes one without a name.

    KeyError: neither. A network four times as wide as the model has no gate, by the habit of those that have none.
    """
    if not name.startswith("dense-"):
        return PUBLISHED[name]
    layers, hidden, heads, kv, inner, vocabulary = (int(part) for part in name.split("-")[1:])
    return _dense(layers, hidden, heads, kv, inner, vocabulary, gated=inner != 4 * hidden)
