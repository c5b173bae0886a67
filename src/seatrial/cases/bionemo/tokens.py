"""Proteins as ESM-2's tokens, and the masks that it is trained with. No torch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

VOCABULARY = (
    *("<cls>", "<pad>", "<eos>", "<unk>"),
    *"LAGVSERTIDPKQNFYMHWCXBUZO.-",
    *("<null_1>", "<mask>"),
)
"""In ESM-2's order, vocab.txt beside its weights on the Hugging Face hub."""
CLS, PAD, EOS, UNKNOWN = range(4)
MASK = VOCABULARY.index("<mask>")
AMINO_ACIDS = range(4, 24)
"""The twenty."""
MASKED = 0.15
"""Share of the residues that are predicted, as in arXiv:1810.04805, section 3.1."""
HIDDEN, REPLACED = 0.8, 0.1
"""Of these, what becomes <mask>, and what becomes one of the twenty at random; the rest stays."""

_CODES = np.full(256, UNKNOWN, np.int16)
for _number, _letter in enumerate(VOCABULARY):
    if len(_letter) == 1:
        _CODES[ord(_letter)] = _number


def encode(sequence: str) -> NDArray[np.int16]:
    """<cls>, the residues, <eos>."""
    residues = _CODES[np.frombuffer(sequence.encode(), np.uint8)]
    return np.concatenate(([CLS], residues, [EOS])).astype(np.int16)


def crop(tokens: NDArray[np.int16], length: int, generator: np.random.Generator) -> NDArray[np.int16]:
    """A window of `length` tokens somewhere in a longer protein, whatever stands at its ends."""
    if len(tokens) <= length:
        return tokens
    start = int(generator.integers(len(tokens) - length + 1))
    return tokens[start : start + length]


def mask(tokens: NDArray[np.int16], generator: np.random.Generator) -> tuple[NDArray[np.int16], NDArray[np.int64]]:
    """What the model sees, and the places whose tokens it must tell: at least one, never <cls> or <eos>."""
    residues = np.flatnonzero((tokens != CLS) & (tokens != EOS))
    chosen = residues[generator.random(len(residues)) < MASKED]
    if not len(chosen):
        chosen = generator.choice(residues, 1)
    fate = generator.random(len(chosen))
    seen = tokens.copy()
    seen[chosen[fate < HIDDEN]] = MASK
    others = chosen[(fate >= HIDDEN) & (fate < HIDDEN + REPLACED)]
    seen[others] = generator.integers(AMINO_ACIDS.start, AMINO_ACIDS.stop, len(others))
    return seen, chosen
