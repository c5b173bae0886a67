"""Imports Composer for test_composer_mpt.py. Facts: sizes of the models, and how far ours is from transformers' own."""

from __future__ import annotations

import torch

from seatrial.train.shims.cuda import cuda_on_cpu
from seatrial.train.shims.vision import no_torchvision
from tests.trials.frameworks.ranks import serve

no_torchvision()
cuda_on_cpu()
import transformers  # noqa: E402

# Some only so that the ranks need not import them.
from seatrial.cases._composer import trainer  # noqa: E402, F401
from seatrial.cases.composer_mpt import data, model, train  # noqa: E402, F401
from seatrial.models import MPT, Decoder  # noqa: E402
from seatrial.models.mpt import mpt  # noqa: E402

THEIR_NAMES = {
    "tokens": "wte",
    "norm": "norm_f",
    "norm_1": "norm_1",
    "norm_2": "norm_2",
    "qkv": "attn.Wqkv",
    "output": "attn.out_proj",
    "up": "ffn.up_proj",
    "down": "ffn.down_proj",
}


def size(config: Decoder) -> int:
    return sum(p.numel() for p in model.ComposerMPT(config, seed=0, meta=True).parameters())


def from_transformers(heads: int) -> tuple[list[str], float]:
    """Weights that transformers' MPT misses, and the largest difference between its logits and ours."""
    ours = model.ComposerMPT(
        mpt(hidden_size=48, num_heads=heads, num_layers=2, vocab_size=96, released=True),
        seed=1,
        meta=False,
    ).mpt
    theirs = transformers.MptForCausalLM(
        transformers.MptConfig(d_model=48, n_heads=heads, n_layers=2, vocab_size=96, max_seq_len=64)
    ).eval()
    weights = {}
    for name, value in ours.state_dict().items():
        *place, kind, _ = name.split(".")
        weights[".".join(["transformer", *place[:2], THEIR_NAMES[kind], "weight"])] = value
    missing = theirs.load_state_dict(weights, strict=False).missing_keys
    tokens = torch.randint(96, (2, 40), generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        difference = (ours(tokens) - theirs(tokens).logits).abs().max().item()
    return missing, difference


def main() -> None:
    torch.set_num_threads(1)
    facts = {
        "sizes": {name: size(config) for name, config in MPT.items()},
        "transformers": [from_transformers(heads) for heads in (4, 6)],
    }
    serve(facts, {"train": train.main})


if __name__ == "__main__":
    main()
