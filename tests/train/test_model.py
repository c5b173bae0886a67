"""The reference model: published sizes, FLOPs, the same numbers as Hugging Face's, recomputation, initialisation."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from seatrial.cases.fsdp import RECIPES
from seatrial.models import LLAMA, Decoder, RopeScaling
from seatrial.train.model import Llama, initialise, rotary_table

pytestmark = pytest.mark.torch

# Parameters in the weight files on the hub. Stated again here, so that a slip in the recipes cannot hide.
PUBLISHED = {
    "llama2-7b": 6_738_415_616,
    "llama2-13b": 13_015_864_320,
    "llama2-70b": 68_976_648_192,
    "mathstral-7b": 7_248_023_552,
    "mixtral-8x7b": 46_702_792_704,
    "llama3.1-8b": 8_030_261_248,
    "llama3.1-70b": 70_553_706_496,
    "llama3.2-1b": 1_235_814_400,
    "llama3.2-3b": 3_212_749_824,
}

CPU = torch.device("cpu")
SMALL = Decoder(
    vocab_size=61,
    hidden_size=32,
    intermediate_size=48,
    num_layers=3,
    num_heads=4,
    num_kv_heads=2,
    max_context=128,
    rope_theta=5000.0,
)
VARIANTS = {
    "grouped heads": SMALL,
    "a key for each query": replace(SMALL, num_kv_heads=4),
    "one key for all": replace(SMALL, num_kv_heads=1),
    "tied": replace(SMALL, tie_embeddings=True),
    # Context and factors such that of the 4 frequencies some are stretched, one is blended, some are left alone.
    "llama 3 scaling": replace(SMALL, rope_scaling=RopeScaling(factor=8.0, original_context=200)),
    "mixture": replace(SMALL, num_experts=4, experts_per_token=2),
}


@pytest.fixture(params=VARIANTS, ids=lambda name: name.replace(" ", "-"))
def config(request: pytest.FixtureRequest) -> Decoder:
    return VARIANTS[request.param]


def make(config: Decoder, seed: int = 0) -> Llama:
    model = Llama(config)
    initialise(model, seed)
    return model


def some_tokens(config: Decoder, length: int = 40) -> Tensor:
    return torch.randint(config.vocab_size, (2, length), generator=torch.Generator().manual_seed(1))


# --- sizes and FLOPs ---


def test_every_recipe_s_model_is_one_of_the_table() -> None:
    assert {recipe.name for recipe in RECIPES} == {*PUBLISHED, "tiny"} <= set(LLAMA)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_each_recipe_builds_a_model_of_exactly_its_published_size(recipe: Any) -> None:
    config = LLAMA[recipe.args.model]
    with torch.device("meta"):
        model = Llama(config)
    count = sum(parameter.numel() for parameter in model.parameters())
    assert count == config.parameters() == recipe.parameters
    assert count == PUBLISHED.get(recipe.name, count)


def test_the_formulas_count_what_a_small_model_has(config: Decoder) -> None:
    model = Llama(config)
    assert sum(parameter.numel() for parameter in model.parameters()) == config.parameters()
    idle = config.num_experts - config.experts_per_token
    expert = 3 * config.hidden_size * config.intermediate_size
    assert config.parameters(active_only=True) == config.parameters() - config.num_layers * idle * expert


def test_flops_of_llama_31_8b_at_8192_by_hand() -> None:
    config = LLAMA["llama3.1-8b"]
    attention = 4096 * 4096 + 2 * 4096 * 1024 + 4096 * 4096  # query, key and value of 8 heads x 128, output
    feed_forward = 3 * 4096 * 14_336
    norms = 2 * 4096
    head = 128_256 * 4096
    weights = 32 * (attention + feed_forward + norms) + 4096 + head
    assert config.matmul_parameters() == weights == 7_504_924_672
    flops = config.flops_per_token(8192)
    assert flops["full"] == 6 * weights + 12 * 32 * 4096 * 8192 == pytest.approx(5.79e10, rel=1e-3)
    assert flops["causal"] == 6 * weights + 6 * 32 * 4096 * 8192 == pytest.approx(5.15e10, rel=1e-3)


def test_the_look_up_of_tied_embeddings_is_also_the_head() -> None:
    config = LLAMA["llama3.2-1b"]
    assert config.matmul_parameters() == config.parameters()


def test_a_mixture_is_charged_for_the_experts_that_a_token_visits() -> None:
    config = LLAMA["mixtral-8x7b"]
    idle = 32 * 6 * 3 * 4096 * 14_336  # six of the eight experts of each layer
    assert config.parameters(active_only=True) == PUBLISHED["mixtral-8x7b"] - idle == 12_879_925_248
    assert config.matmul_parameters() == 12_879_925_248 - 32_000 * 4096


# --- the same numbers as Hugging Face's ---


def reference(config: Decoder) -> Any:
    """Hugging Face's model of the same shape."""
    from transformers import LlamaConfig, LlamaForCausalLM, MixtralConfig, MixtralForCausalLM

    rope: dict[str, Any] = {"rope_theta": config.rope_theta, "rope_type": "default"}
    if config.rope_scaling is not None:
        rope |= {
            "rope_type": "llama3",
            "factor": config.rope_scaling.factor,
            "low_freq_factor": config.rope_scaling.low_freq_factor,
            "high_freq_factor": config.rope_scaling.high_freq_factor,
            "original_max_position_embeddings": config.rope_scaling.original_context,
        }
    options: dict[str, Any] = {
        "vocab_size": config.vocab_size,
        "hidden_size": config.hidden_size,
        "intermediate_size": config.intermediate_size,
        "num_hidden_layers": config.num_layers,
        "num_attention_heads": config.num_heads,
        "num_key_value_heads": config.num_kv_heads,
        "max_position_embeddings": config.max_context,
        "rms_norm_eps": config.norm_eps,
        "tie_word_embeddings": config.tie_embeddings,
        "rope_parameters": rope,
        "attn_implementation": "eager",
    }
    if config.num_experts:
        mixture = {"num_local_experts": config.num_experts, "num_experts_per_tok": config.experts_per_token}
        return MixtralForCausalLM(MixtralConfig(**options, **mixture, sliding_window=None)).eval()
    return LlamaForCausalLM(LlamaConfig(**options)).eval()


def their_weights(model: Llama) -> dict[str, Tensor]:
    """Our weights under Hugging Face's names."""
    ours = model.state_dict()
    theirs = {
        "model.embed_tokens.weight": ours.pop("embedding.weight"),
        "model.norm.weight": ours.pop("norm.weight"),
        "lm_head.weight": ours.pop("head.weight"),
    }
    names = {
        "attention_norm": "input_layernorm",
        "feed_forward_norm": "post_attention_layernorm",
        "attention.query": "self_attn.q_proj",
        "attention.key": "self_attn.k_proj",
        "attention.value": "self_attn.v_proj",
        "attention.output": "self_attn.o_proj",
        "feed_forward.gate": "mlp.gate_proj",
        "feed_forward.up": "mlp.up_proj",
        "feed_forward.down": "mlp.down_proj",
        "feed_forward.router": "mlp.gate",
    }
    for layer in range(model.config.num_layers):
        mine, other = f"blocks.{layer}.", f"model.layers.{layer}."
        for our_name, their_name in names.items():
            if f"{mine}{our_name}.weight" in ours:
                theirs[f"{other}{their_name}.weight"] = ours.pop(f"{mine}{our_name}.weight")
        if model.config.num_experts:
            experts = range(model.config.num_experts)
            gate, up, down = (
                torch.stack([ours.pop(f"{mine}feed_forward.experts.{e}.{part}.weight") for e in experts])
                for part in ("gate", "up", "down")
            )
            theirs[f"{other}mlp.experts.gate_up_proj"] = torch.cat((gate, up), dim=1)
            theirs[f"{other}mlp.experts.down_proj"] = down
    assert not ours, "every weight has its counterpart"
    return theirs


def randomise(model: Llama) -> None:
    """Larger weights than at initialisation, and norms that are not 1: what a mistake needs to show."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(1.0 if parameter.ndim == 1 else 0.0, 0.2, generator=generator)


def test_logits_equal_hugging_faces(config: Decoder) -> None:
    model, theirs = Llama(config), reference(config)
    randomise(model)
    theirs.load_state_dict(their_weights(model))
    tokens = some_tokens(config)
    with torch.no_grad():
        logits = model.logits(tokens, *rotary_table(config, tokens.shape[1], CPU))
        expected = theirs(tokens).logits
    assert expected.std() > 0.1, "there is something to compare"
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=0)


def test_loss_equals_hugging_faces() -> None:
    model, theirs = Llama(SMALL), reference(SMALL)
    randomise(model)
    theirs.load_state_dict(their_weights(model))
    tokens = some_tokens(SMALL)
    with torch.no_grad():
        loss = model(tokens[:, :-1], tokens[:, 1:], *rotary_table(SMALL, tokens.shape[1] - 1, CPU))
        expected = theirs(tokens, labels=tokens).loss
    torch.testing.assert_close(loss, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["llama2-7b", "llama3.1-8b", "llama3.2-1b", "mathstral-7b"])
def test_rotary_tables_of_published_models_equal_hugging_faces(name: str) -> None:
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

    config = LLAMA[name]
    small = replace(config, num_layers=1, vocab_size=8, intermediate_size=8)  # what the angles do not depend on
    with torch.device("meta"):
        theirs = reference(small).config
    positions = torch.arange(3000)[None]
    expected = LlamaRotaryEmbedding(theirs)(torch.empty(1, dtype=torch.float32), positions)
    for table, their_table in zip(rotary_table(config, 3000, CPU), expected, strict=True):
        torch.testing.assert_close(table, their_table[0], atol=1e-5, rtol=0)


# --- positions ---


def test_no_position_sees_what_comes_after_it() -> None:
    model = make(SMALL)
    tokens = some_tokens(SMALL)
    changed = tokens.clone()
    changed[:, 20] = (changed[:, 20] + 1) % SMALL.vocab_size
    rotary = rotary_table(SMALL, tokens.shape[1], CPU)
    with torch.no_grad():
        before, after = model.logits(tokens, *rotary), model.logits(changed, *rotary)
    assert torch.equal(before[:, :20], after[:, :20])
    assert not torch.allclose(before[:, 20:], after[:, 20:])


def test_rotary_tables_are_float32_whatever_the_default_dtype() -> None:
    expected = rotary_table(LLAMA["llama3.1-8b"], 1024, CPU)
    previous = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        tables = rotary_table(LLAMA["llama3.1-8b"], 1024, CPU)
    finally:
        torch.set_default_dtype(previous)
    assert [table.dtype for table in tables] == [torch.float32] * 2
    assert [tuple(table.shape) for table in tables] == [(1024, 128)] * 2
    assert all(map(torch.equal, tables, expected))
    positions = tables[1][:, 0]  # the sine of the fastest angle, one radian a position
    torch.testing.assert_close(positions, torch.arange(1024).float().sin(), atol=1e-4, rtol=0)


def test_a_bf16_model_turns_its_heads_in_float32() -> None:
    """In bf16 positions 512 and 513 would be one; the output keeps the model's own dtype."""
    model = make(SMALL).to(torch.bfloat16)
    tokens = some_tokens(SMALL, 100)
    rotary = rotary_table(SMALL, 100, CPU)
    with torch.no_grad():
        logits = model.logits(tokens, *rotary)
        loss = model(tokens, tokens, *rotary)
        coarse = model.logits(tokens, *(table.bfloat16().float() for table in rotary))
    assert (logits.dtype, loss.dtype) == (torch.bfloat16, torch.float32)
    assert not torch.equal(logits, coarse), "the tables' precision reaches the result"


# --- recomputation ---


class CountOperations(TorchDispatchMode):
    """Counts what is computed."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[Any] = Counter()

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.counts[operation] += 1
        return operation(*args, **(kwargs or {}))


def gradients(config: Decoder, recompute: str) -> tuple[dict[str, Tensor | None], Counter[Any]]:
    model = make(config)
    for block in model.blocks:
        block.recompute = recompute
    tokens = some_tokens(config)
    loss = model(tokens[:, :-1], tokens[:, 1:], *rotary_table(config, tokens.shape[1] - 1, CPU))
    with CountOperations() as mode:
        loss.backward()
    return {name: parameter.grad for name, parameter in model.named_parameters()}, mode.counts


@pytest.mark.parametrize("recompute", ["selective", "full"])
def test_gradients_are_the_same_with_recomputation(config: Decoder, recompute: str) -> None:
    expected, _ = gradients(config, "none")
    found, _ = gradients(config, recompute)
    assert all(gradient is not None for gradient in expected.values())
    for name, gradient in expected.items():
        assert torch.equal(found[name], gradient), name


def test_recomputation_computes_what_it_says() -> None:
    products = {}
    norms = {}
    for recompute in ("none", "selective", "full"):
        _, counts = gradients(SMALL, recompute)
        products[recompute] = counts[torch.ops.aten.mm.default]
        norms[recompute] = counts[torch.ops.aten.rsqrt.default] + counts[torch.ops.aten._fused_rms_norm.default]
    linear = 7 * SMALL.num_layers
    assert products["selective"] == products["none"], "matrix products are kept"
    # The last product of a block is not needed again: nothing in its backward pass reads its result.
    assert products["none"] + linear - SMALL.num_layers <= products["full"] <= products["none"] + linear
    assert norms["none"] < norms["selective"] <= norms["full"], "norms are made again"


def test_nothing_is_recomputed_without_gradients() -> None:
    model = make(SMALL)
    for block in model.blocks:
        block.recompute = "full"
    tokens = some_tokens(SMALL)
    with torch.no_grad():
        assert math.isfinite(model(tokens, tokens, *rotary_table(SMALL, tokens.shape[1], CPU)))


# --- initialisation ---


def filled_with_garbage(config: Decoder, seed: int) -> Llama:
    model = Llama(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(math.nan)
    initialise(model, seed)
    return model


def test_initialisation_leaves_no_garbage_and_depends_on_the_seed_alone(config: Decoder) -> None:
    first = filled_with_garbage(config, 5).state_dict()
    torch.manual_seed(99)  # the global generator has no part in it
    again, other = (filled_with_garbage(config, seed).state_dict() for seed in (5, 6))
    for name, weight in first.items():
        assert torch.isfinite(weight).all(), name
        assert torch.equal(weight, again[name]), name
        if weight.ndim == 1:
            assert torch.equal(weight, torch.ones_like(weight)), name
        else:
            assert not torch.equal(weight, other[name]), name
    matrices = [weight for weight in first.values() if weight.ndim > 1]
    assert len({float(weight.flatten()[0]) for weight in matrices}) == len(matrices) - config.tie_embeddings


def test_initialisation_has_the_published_spread() -> None:
    config = replace(SMALL, hidden_size=128, intermediate_size=256, num_layers=8, vocab_size=512)
    for name, weight in make(config).state_dict().items():
        residual = name.endswith(("attention.output.weight", "feed_forward.down.weight"))
        expected = 0.02 / math.sqrt(2 * 8) if residual else 0.02
        if weight.ndim > 1:
            assert float(weight.std()) == pytest.approx(expected, rel=0.05), name
            assert float(weight.mean()) == pytest.approx(0.0, abs=2e-3), name


def test_the_first_loss_is_that_of_guessing(config: Decoder) -> None:
    model = make(config)
    tokens = some_tokens(config)
    with torch.no_grad():
        loss = model(tokens[:, :-1], tokens[:, 1:], *rotary_table(config, tokens.shape[1] - 1, CPU))
    assert float(loss) == pytest.approx(math.log(config.vocab_size), abs=0.1)


def test_tied_embeddings_are_one_tensor() -> None:
    model = make(VARIANTS["tied"])
    assert model.head.weight is model.embedding.weight
    assert len(list(model.parameters())) == 2 + 9 * SMALL.num_layers


def test_an_expert_that_no_token_visits_still_gets_a_gradient() -> None:
    """A weight without gradient on one rank would leave the others waiting for it."""
    config = VARIANTS["mixture"]
    model = make(config)
    with torch.no_grad():
        model.blocks[0].feed_forward.router.weight.zero_()  # equal scores: the same two experts for every token
    tokens = some_tokens(config)
    model(tokens[:, :-1], tokens[:, 1:], *rotary_table(config, tokens.shape[1] - 1, CPU)).backward()
    norms = [float(expert.down.weight.grad.norm()) for expert in model.blocks[0].feed_forward.experts]
    assert sorted(norm == 0.0 for norm in norms) == [False, False, True, True]
