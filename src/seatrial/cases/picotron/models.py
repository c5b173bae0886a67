"""What picotron's recipes train: the model, and the name under which the Hugging Face hub knows it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from seatrial.models import LLAMA, Decoder


@dataclass(frozen=True, slots=True)
class Model:
    """A model of this case."""

    config: Decoder
    hub: str | None = None
    """Whose configuration and tokenizer picotron loads; None: it is on no hub, and we write both."""

    def built(self, *, checkout: bool) -> Decoder:
        """The decoder as it is trained: picotron itself never ties embeddings, whatever the hub says."""
        return replace(self.config, tie_embeddings=False) if checkout else self.config


_SMOLLM = Model(LLAMA["smollm-1.7b"], "HuggingFaceTB/SmolLM-1.7B")

MODELS: dict[str, Model] = {
    "tiny": Model(LLAMA["tiny"]),
    "smollm-1.7b": _SMOLLM,
    # What picotron's own examples train: the first 5 layers' worth, its head no longer tied to its embedding.
    "smollm-1.7b-5layers": replace(_SMOLLM, config=replace(_SMOLLM.config, num_layers=5, tie_embeddings=False)),
    "llama2-7b": Model(LLAMA["llama2-7b"], "meta-llama/Llama-2-7b-hf"),
}
