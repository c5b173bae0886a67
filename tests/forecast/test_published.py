"""Architectures against the sizes and FLOPs that others publish for them."""

import pytest

from seatrial.forecast.published import PUBLISHED, architecture_of

SIZES = {
    "deepseek-v3": (671, 37.5), "kimi-k2": (1026, 32.6), "moonlight-16b": (16.0, 2.9), "gpt-oss-120b": (116.8, 5.7),
    "gpt-oss-20b": (20.9, 4.2), "qwen3-30b-a3b": (30.5, 3.3), "qwen3-235b-a22b": (235.1, 22.2),
    "qwen3-next-80b-a3b": (79.7, 3.9), "qwen3.5-397b-a17b": (397, 17.3), "nemotron-3-nano": (31.6, 3.6),
    "nemotron-3-super": (120.6, 12.7), "grok1-314b": (314, 84.6), "llama4-maverick": (400, 17.2),
    "mixtral-8x7b": (46.7, 12.9), "nemotron-h-56b": (56, 56), "nemotron4-340b": (341, 341), "gpt3-175b": (175, 175),
}  # fmt: skip
"""Billions of parameters, all and active: model cards and reports."""

FLOPS = {
    ("deepseek-v3", 4096): 260, ("deepseek-v3-no-mtp", 4096): 249.7, ("kimi-k2", 4096): 204.4,
    ("qwen3-30b-a3b", 4096): 23.0, ("qwen3-235b-a22b", 4096): 148.1, ("gpt-oss-120b", 4096): 32.6,
    ("nemotron-3-super", 8192): 84.9, ("llama3.1-405b", 8192): 2524, ("llama3.1-8b", 8192): 51.5,
}  # fmt: skip
"""Model and sequence length -> GFLOP a token, causal: TFLOP/s over tokens/s of NVIDIA's own tables."""


@pytest.mark.parametrize("name", SIZES)
def test_parameters_are_those_of_the_card(name):
    model, (total, active) = PUBLISHED[name], SIZES[name]
    assert model.parameters() / 1e9 == pytest.approx(total, rel=0.01)
    assert model.parameters(active_only=True) / 1e9 == pytest.approx(active, rel=0.02)


@pytest.mark.parametrize(("name", "length"), FLOPS)
def test_flops_are_those_of_the_tables(name, length):
    assert PUBLISHED[name].flops_per_token(length)["causal"] / 1e9 == pytest.approx(FLOPS[name, length], rel=0.006)


def test_a_window_limits_what_attention_computes():
    wide, narrow = PUBLISHED["gpt-oss-120b"].flops_per_token(32768), PUBLISHED["gpt-oss-120b"].flops_per_token(4096)
    # Half of the layers see 128 positions at either length: 18 layers, 64 heads of 64.
    assert wide["full"] - narrow["full"] == pytest.approx(12 * 18 * 64 * 64 * (32768 - 4096))


def test_a_decoder_without_a_name_is_known_by_its_figures():
    named, described = PUBLISHED["llama3.1-8b"], architecture_of("dense-32-4096-32-8-14336-128256")
    assert described.parameters() == named.parameters()
    assert architecture_of("dense-32-4096-32-32-16384-50368").gated is False
    with pytest.raises(KeyError):
        architecture_of("no-such-model")
