"""Architectures of published measurements, by the names that anchors.csv gives them.

Sources are each model's ``config.json`` on the Hugging Face hub or its recipe, named above it; read 2026-11-30.
"""

from __future__ import annotations

from dataclasses import replace

from seatrial.forecast.mixtures import MIXTURES
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
    **MIXTURES,
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
