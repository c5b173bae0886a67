"""Imports Composer and diffusers for test_composer_stable_diffusion.py.

Facts: parameters of the models, and what a small one with frozen encoders does.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch

from seatrial.train.shims.cuda import cuda_on_cpu
from seatrial.train.shims.vision import no_torchvision
from tests.trials.frameworks.ranks import serve

no_torchvision()
cuda_on_cpu()
from composer import Event  # noqa: E402
from composer.algorithms.ema.ema import EMAParameters  # noqa: E402

# Some only so that the ranks need not import them.
from seatrial.cases._composer import trainer  # noqa: E402, F401
from seatrial.cases.composer_stable_diffusion import data, ema, model, train, validation  # noqa: E402, F401
from seatrial.cases.composer_stable_diffusion.models import MODELS, Model  # noqa: E402

SMALL = Model(
    latents=(4, 8, 8),
    trained=0,
    unet={**MODELS["tiny"].unet, "in_channels": 4, "out_channels": 4},
    image_size=16,
    latent_scale=0.5,
    autoencoder={
        "block_out_channels": (8, 8),
        "norm_num_groups": 4,
        "latent_channels": 4,
        "layers_per_block": 1,
        "down_block_types": ("DownEncoderBlock2D",) * 2,
        "up_block_types": ("UpDecoderBlock2D",) * 2,
    },
    text_encoder={
        "vocab_size": 50,
        "max_position_embeddings": 7,
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
    },
)
"""With frozen encoders, and such that a CPU can run it."""


def size(name: str, *, encoders: bool) -> tuple[int, int]:
    """All parameters, and those that learn."""
    with torch.device("meta"):
        whole = model.LatentDiffusion(MODELS[name], encoders=encoders)
    return sum(p.numel() for p in whole.parameters()), model.trained(whole)


def small() -> dict[str, Any]:
    """Loss of a small model, and whether its frozen weights got gradients."""
    built = model.build(SMALL, encoders=True, seed=1)
    assert built.autoencoder is not None and built.text_encoder is not None
    samples = data.Samples(data.synthetic_images(SMALL), SMALL, 2, seed=1)
    batch = {key: torch.stack([samples[0][key], samples[1][key]]) for key in samples[0]}
    loss = built.loss(built(batch), batch)
    loss.backward()
    again = built.loss(built(batch), batch).item()
    places = built.text_encoder.text_model.embeddings.position_ids.clone()
    average = ema.Average(half_life="1000ba")
    average.ema_model, average.ema_started = EMAParameters(built), True
    for _ in range(3):
        average.apply(Event.BATCH_END, SimpleNamespace(model=built), None)
    average.ema_model.swap_params(built)
    frozen = [*built.autoencoder.parameters(), *built.text_encoder.parameters()]
    return {
        "loss": loss.item(),
        "text": list(built.condition(batch).shape),
        "again": again,
        "frozen": all(p.grad is None for p in frozen),
        "places": torch.equal(places, built.text_encoder.text_model.embeddings.position_ids),
        "learns": all(p.grad is not None for p in built.unet.parameters()),
    }


def main() -> None:
    torch.set_num_threads(1)
    facts = {
        "sd2": size("sd2-base", encoders=True),
        "unet": size("sd2-base", encoders=False),
        "tiny": size("tiny", encoders=False),
        "small": small(),
    }
    serve(facts, {"train": train.main})


if __name__ == "__main__":
    main()
