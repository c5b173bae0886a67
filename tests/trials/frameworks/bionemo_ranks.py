"""Imports transformers' ESM for test_bionemo.py. Facts: sizes, logits against transformers' own way, tokens."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from transformers import EsmForMaskedLM, EsmTokenizer

from seatrial.cases.bionemo import train
from seatrial.cases.bionemo.model import MaskedLM, initialise
from seatrial.cases.bionemo.tokens import MASK, PAD, VOCABULARY, encode
from seatrial.models import ESM
from tests.trials.frameworks.ranks import serve

PROTEIN = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQBZXUO"


def sizes(name: str) -> list[int]:
    """Parameters, and those of them that are trained."""
    with torch.device("meta"):
        model = MaskedLM(ESM[name])
    return [
        sum(p.numel() for p in model.parameters()),
        sum(p.numel() for p in model.parameters() if p.requires_grad),
    ]


def made() -> MaskedLM:
    """As a rank makes it, but alone."""
    with torch.device("meta"):
        model = MaskedLM(ESM["esm2-tiny"])
    model.to_empty(device="cpu")
    model.esm.tie_weights()
    initialise(model, ESM["esm2-tiny"], seed=1)
    return model


@torch.no_grad()
def from_transformers() -> float:
    """Largest difference of our logits to those of a model that transformers makes, with the same weights."""
    ours = made()
    theirs = EsmForMaskedLM(ours.esm.config).eval()
    theirs.load_state_dict(
        {name: value for name, value in ours.esm.state_dict().items() if "inv_freq" not in name}, strict=False
    )
    tokens = torch.from_numpy(encode(PROTEIN)).long()[None]
    tokens[0, 5] = MASK
    return float((ours.logits(tokens) - theirs(input_ids=tokens).logits).abs().max())


@torch.no_grad()
def by_padding() -> float:
    """Largest difference that padding makes to the logits of a protein."""
    model = made()
    tokens = torch.from_numpy(encode(PROTEIN)).long()
    tokens[3:9] = MASK
    padded = torch.full((2, 100), PAD)
    padded[0, : len(tokens)] = tokens
    padded[1] = torch.from_numpy(encode("M" * 98))
    return float((model.logits(tokens[None])[0] - model.logits(padded)[0, : len(tokens)]).abs().max())


def tokenizer_agrees() -> bool:
    """Whether transformers' tokenizer makes the same of a protein."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "vocab.txt")
        path.write_text("\n".join(VOCABULARY))
        tokenizer = EsmTokenizer(str(path))
    same: bool = tokenizer(PROTEIN)["input_ids"] == encode(PROTEIN).tolist()
    return same and tokenizer.mask_token_id == MASK and tokenizer.pad_token_id == PAD


def main() -> None:
    torch.set_num_threads(1)
    facts = {
        "sizes": {name: sizes(name) for name in ESM if name != "esm1nv"},
        "from transformers": from_transformers(),
        "by padding": by_padding(),
        "tokenizer agrees": tokenizer_agrees(),
    }
    serve(facts, {"train": train.main})


if __name__ == "__main__":
    main()
