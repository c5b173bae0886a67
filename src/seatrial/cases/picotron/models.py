"""What picotron's recipes train: the model, and the name under which the Hugging Face hub knows it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from seatrial.train.model_config import ModelConfig
from seatrial.train.models import MODELS as LLAMAS


@dataclass(frozen=True, slots=True)
class Model:
    """A model of this case."""

    config: ModelConfig
    hub: str | None = None
    """Whose configuration and tokenizer picotron loads; None: it is on no hub, and we write both."""


# Source: config.json beside the weights on the hub, HuggingFaceTB/SmolLM-1.7B.
_SMOLLM = Model(
    ModelConfig(
        vocab_size=49_152,
        hidden_size=2048,
        intermediate_size=8192,
        num_layers=24,
        num_heads=32,
        num_kv_heads=32,
        max_context=2048,
        tie_embeddings=True,
    ),
    "HuggingFaceTB/SmolLM-1.7B",
)

MODELS: dict[str, Model] = {
    "tiny": Model(LLAMAS["tiny"]),
    "smollm-1.7b": _SMOLLM,
    # What picotron's own examples train: the first 5 layers' worth, its head no longer tied to its embedding.
    "smollm-1.7b-5layers": replace(_SMOLLM, config=replace(_SMOLLM.config, num_layers=5, tie_embeddings=False)),
    "llama2-7b": Model(LLAMAS["llama2-7b"], "meta-llama/Llama-2-7b-hf"),
}
