"""What is trained, and which of NeMo's recipes trains it; no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace

from seatrial.models import DEEPSEEK, LLAMA, Decoder
from seatrial.models.deepseek import LatentDecoder

VOCABULARY_MULTIPLE = 128
"""The embedding is padded to this many rows, however many tensor-parallel ranks share it, so that the model is the same
in every layout; Megatron multiplies its own setting by their number."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Adapters:
    """Low-rank adapters, as a recipe sets them. Source: NeMo 2.7.3, collections/llm/recipes and peft/lora.py."""

    rank: int
    attention_only: bool = False
    """Whether the feed-forward network has none."""

    def parameters(self, model: Decoder) -> int:
        """Of all adapters: each has as many rows and columns of that rank as the matrix beside which it stands."""
        matrices = [*_attention(model), *([] if self.attention_only else _feed_forward(model))]
        return model.num_layers * self.rank * sum(inputs + outputs for inputs, outputs in matrices)


def _attention(model: Decoder) -> list[tuple[int, int]]:
    """Inputs and outputs of Megatron's products around attention: linear_qkv or its latent parts, and linear_proj."""
    width = model.hidden_size
    if not isinstance(model, LatentDecoder):
        return [(width, width + 2 * model.kv_size), (width, width)]
    plain, query = model.num_heads * model.plain_width, model.num_heads * (model.plain_width + model.rotary_width)
    return [
        (width, model.query_rank),
        (model.query_rank, query),
        (width, model.kv_rank + model.rotary_width),
        (model.kv_rank, 2 * plain),
        (plain, width),
    ]


def _feed_forward(model: Decoder) -> list[tuple[int, int]]:
    """linear_fc1, which holds gate and up, and linear_fc2."""
    return [(model.hidden_size, 2 * model.intermediate_size), (model.intermediate_size, model.hidden_size)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """An architecture."""

    title: str
    decoder: Decoder
    recipe: str
    """Module of nemo.collections.llm that has its recipes."""
    adapters: Adapters
    """What its recipe fine-tunes as LoRA."""
    replaced: bool = False
    """The recipe's own model is replaced by `decoder`."""

    @property
    def padded(self) -> Decoder:
        """The model as it is built."""
        rows = -(-self.decoder.vocab_size // VOCABULARY_MULTIPLE) * VOCABULARY_MULTIPLE
        return replace(self.decoder, vocab_size=rows)


MODELS: dict[str, Model] = {
    # Raw bytes and an end mark.
    "llama-tiny": Model(
        title="a small Llama",
        decoder=replace(LLAMA["tiny"], vocab_size=257),
        recipe="llama31_8b",
        adapters=Adapters(rank=8),
        replaced=True,
    ),
    # Published as "Llama 8B", whose recipe it replaces the model of; vocabulary of GPT-2.
    "llama3.1-180m": Model(
        title="a Llama of 180 M parameters",
        decoder=Decoder(
            vocab_size=50_257,
            hidden_size=768,
            intermediate_size=2688,
            num_layers=12,
            num_heads=16,
            num_kv_heads=16,
            max_context=1024,
            rope_theta=500_000.0,
            init_std=0.023,
        ),
        recipe="llama31_8b",
        adapters=Adapters(rank=8),
        replaced=True,
    ),
    "llama3.1-8b": Model(
        title="Llama 3.1 8B", decoder=LLAMA["llama3.1-8b"], recipe="llama31_8b", adapters=Adapters(rank=8)
    ),
    "llama3.1-70b": Model(
        title="Llama 3.1 70B", decoder=LLAMA["llama3.1-70b"], recipe="llama31_70b", adapters=Adapters(rank=16)
    ),
    "llama3.1-405b": Model(
        title="Llama 3.1 405B", decoder=LLAMA["llama3.1-405b"], recipe="llama31_405b", adapters=Adapters(rank=16)
    ),
    "mixtral-8x7b": Model(
        title="Mixtral 8x7B",
        decoder=LLAMA["mixtral-8x7b"],
        recipe="mixtral_8x7b",
        adapters=Adapters(rank=32, attention_only=True),
    ),
    "deepseek-v3": Model(
        title="DeepSeek-V3",
        decoder=DEEPSEEK["deepseek-v3"],
        recipe="deepseek_v3",
        adapters=Adapters(rank=32, attention_only=True),
    ),
}
