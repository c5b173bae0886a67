"""Samples, each with the randomness that belongs to it: a timestep and noise, besides what the data set holds.

Sample i of the run is the same whoever asks for it: batches do not depend on the number of ranks, and a position is one
number, so resuming reads nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Generator, Tensor
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from seatrial.cases.composer_stable_diffusion import HELD_OUT, Args
from seatrial.cases.composer_stable_diffusion.models import MODELS, SCHEDULER, Model
from seatrial.train.worker import Worker

Sample = dict[str, Tensor]
Contents = Callable[[int, Generator], Sample]
"""Position and source of randomness -> what is denoised, and what it is conditioned on."""


class Samples(Dataset[Sample]):
    """`length` samples of a run, or of its validation."""

    def __init__(self, contents: Contents, model: Model, length: int, *, seed: int, validation: bool = False) -> None:
        self.contents = contents
        self.shape = model.latents
        self.length = length
        self.seed = [seed, int(validation)]
        self.first = 0
        """Samples that were trained on before this attempt."""

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Sample:
        position = self.first + index
        generator = Generator().manual_seed(_mixed(*self.seed, position))
        # From 1 on: with the noise of timestep 0 the published benchmark does not train either.
        timestep = torch.randint(1, SCHEDULER["num_train_timesteps"], (), generator=generator)
        noise = torch.randn(self.shape, generator=generator)
        return {**self.contents(position, generator), "timestep": timestep, "noise": noise}

    def state_dict(self, num_samples: int, from_beginning: bool) -> dict[str, Any]:
        """Composer asks for this when it saves a checkpoint: `num_samples` have been trained on."""
        assert from_beginning
        return {"samples": num_samples}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on behind the samples of a checkpoint; having this, Composer does not read through them again."""
        self.first = state["samples"]


def digits(model: Model, seed: int, *, validation: bool) -> Contents:
    """scikit-learn's handwritten digits, in -1..1, with their labels: epochs, each in an order of its own."""
    pixels, labels = load_digits(return_X_y=True)
    split = torch.randperm(len(labels), generator=Generator().manual_seed(_mixed(seed)))
    mine = split[:HELD_OUT] if validation else split[HELD_OUT:]
    images = torch.tensor(pixels, dtype=torch.float32)[mine].view(-1, *model.latents) / 8 - 1  # pixels are 0..16
    numbers = torch.tensor(labels)[mine]

    def contents(position: int, _: Generator) -> Sample:
        epoch, place = divmod(position, len(images))
        order = torch.randperm(len(images), generator=Generator().manual_seed(_mixed(seed, epoch)))
        chosen = place if validation else order[place]
        return {"latents": images[chosen], "label": numbers[chosen]}

    return contents


def synthetic_images(model: Model) -> Contents:
    """Noise in the shape of images and captions, for the frozen encoders to work on."""
    assert model.image_size and model.text_encoder
    image = (3, model.image_size, model.image_size)
    words, length = model.text_encoder["vocab_size"], model.text_encoder["max_position_embeddings"]

    def contents(_: int, generator: Generator) -> Sample:
        return {
            "image": torch.randn(image, generator=generator),
            "draw": torch.randn(model.latents, generator=generator),
            "caption": torch.randint(words, (length,), generator=generator),
        }

    return contents


def synthetic_latents(model: Model) -> Contents:
    """Noise in the shape of what the frozen encoders would make."""
    assert model.text_encoder
    text = (model.text_encoder["max_position_embeddings"], model.width)

    def contents(_: int, generator: Generator) -> Sample:
        return {
            "latents": torch.randn(model.latents, generator=generator),
            "text": torch.randn(text, generator=generator),
        }

    return contents


def loader(args: Args, worker: Worker, *, validation: bool = False) -> DataLoader[Sample]:
    """This rank's share of every global batch, or of the held-out images."""
    model = MODELS[args.model]
    if args.dataset == "digits":
        contents = digits(model, args.seed, validation=validation)
    else:
        contents = (synthetic_images if args.dataset == "synthetic-images" else synthetic_latents)(model)
    length = HELD_OUT if validation else args.steps * args.global_batch_size
    samples = Samples(contents, model, length, seed=args.seed, validation=validation)
    workers = 0 if validation else args.data_workers
    return DataLoader(
        samples,
        # The held-out images are few and small: one batch.
        batch_size=-(-(length if validation else args.global_batch_size) // worker.world_size),
        # Ranks take turns, so that a step's samples are the same at any world size.
        sampler=DistributedSampler(samples, worker.world_size, worker.rank, shuffle=False),
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=worker.device.type == "cuda",
    )


def _mixed(*numbers: int) -> int:
    """A seed that near numbers do not share: torch's generator on a CPU takes 32 bits."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
