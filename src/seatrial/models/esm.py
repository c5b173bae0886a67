"""The ESM family: encoders of proteins, trained on masked residues. A test builds each and compares its size.

Sources: the ``config.json`` beside each model's weights on the Hugging Face hub (facebook/esm2_t6_8M_UR50D and so on)
and Lin et al. 2023 (doi:10.1126/science.ade2574) for ESM-2; for ESM-1nv examples/protein/esm1nv/conf of BioNeMo 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoder:
    """A bidirectional language model: norms before attention and feed-forward network, biases, tied embeddings.

    The names that it shares with `Decoder` are those that a workload reads.
    """

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_layers: int
    num_heads: int
    max_context: int
    """Longest sequence in tokens that the model was published for, with those that begin and end it."""
    positions: Literal["rotary", "learned"] = "rotary"
    gated: bool = False
    experts_per_token: int = 0
    init_std: float = 0.02

    @property
    def kv_size(self) -> int:
        """Width of the keys, and of the values, of all heads."""
        return self.hidden_size

    def parameters(self) -> int:
        """Number of parameters that masked-language modelling trains."""
        width, inner = self.hidden_size, self.intermediate_size
        attention = 4 * (width * width + width)
        feed_forward = 2 * width * inner + inner + width
        norm = 2 * width
        layers = self.num_layers * (attention + feed_forward + 2 * norm)
        # The head: a square layer, its norm, and a bias beside the embedding, which is its matrix too.
        head = width * width + width + norm + self.vocab_size
        return self._look_ups() + layers + norm + head

    def contact_parameters(self) -> int:
        """Those of the contact head on top: a regression over attention maps, which pre-training leaves alone."""
        return self.num_layers * self.num_heads + 1

    def expert_parameters(self) -> int:
        """None: it is dense."""
        return 0

    def flops_per_token(self, sequence_length: float) -> dict[str, float]:
        """Model FLOPs per token, forward and backward (see seatrial.metrics): every token attends to all others.

        The embedding counts, since it is multiplied with as the output's matrix; of all tokens, since frameworks
        compute logits of all, where masked ones would do.
        """
        matrices = self.parameters() - (self._look_ups() - self.vocab_size * self.hidden_size)
        return {"full": 6.0 * matrices + 12.0 * self.num_layers * self.hidden_size * sequence_length}

    def _look_ups(self) -> int:
        positions = self.max_context if self.positions == "learned" else 0
        return (self.vocab_size + positions) * self.hidden_size


def esm2(layers: int, hidden: int, heads: int) -> Encoder:
    """A member of the family, in the order of the paper's table; 33 tokens, 1024 of them in a sequence."""
    return Encoder(
        vocab_size=33,
        hidden_size=hidden,
        intermediate_size=4 * hidden,
        num_layers=layers,
        num_heads=heads,
        max_context=1024,
    )


ESM: dict[str, Encoder] = {
    # Small enough for seconds on a CPU.
    "esm2-tiny": esm2(4, 128, 4),
    "esm2-8m": esm2(6, 320, 20),
    "esm2-150m": esm2(30, 640, 20),
    "esm2-650m": esm2(33, 1280, 20),
    "esm2-3b": esm2(36, 2560, 40),
    # BERT's positions; SentencePiece's 30 tokens padded to 128.
    "esm1nv": Encoder(
        vocab_size=128,
        hidden_size=768,
        intermediate_size=3072,
        num_layers=6,
        num_heads=12,
        max_context=512,
        positions="learned",
    ),
}
