"""Latent diffusion as a Composer model: noise is added to latents, and the UNet says which."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from composer.models import ComposerModel
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
from torch import Tensor, nn
from torchmetrics import MeanSquaredError, Metric
from transformers import CLIPTextConfig, CLIPTextModel

from seatrial.cases.composer_stable_diffusion.models import SCHEDULER, Model

Batch = dict[str, Tensor]


class LatentDiffusion(ComposerModel):  # type: ignore[misc] # Any, where Composer is not installed
    """A UNet and its noise schedule; with `encoders` also the frozen networks that make its inputs in every step.

    Everything random in a batch is part of it (see data.py), so a loss depends neither on the number of ranks nor on
    the size of a micro-batch.
    """

    def __init__(self, model: Model, *, encoders: bool) -> None:
        super().__init__()
        self.unet = UNet2DConditionModel(**model.unet)
        self.scheduler = DDPMScheduler(**SCHEDULER)
        self.scale = model.latent_scale
        self.label = nn.Embedding(model.classes, model.width) if model.classes else None
        self.autoencoder: AutoencoderKL | None = None
        self.text_encoder: CLIPTextModel | None = None
        if encoders:
            assert model.autoencoder and model.text_encoder
            self.autoencoder = AutoencoderKL(**model.autoencoder).requires_grad_(False)
            self.text_encoder = CLIPTextModel(CLIPTextConfig(**model.text_encoder)).requires_grad_(False)

    def latents(self, batch: Batch) -> Tensor:
        """What noise is added to: [samples, channels, height, width]."""
        if self.autoencoder is None:
            return batch["latents"]
        # A draw from the autoencoder's distribution, with the noise that belongs to the sample.
        found = self.autoencoder.encode(batch["image"]).latent_dist
        return (found.mean + found.std * batch["draw"]) * self.scale

    def condition(self, batch: Batch) -> Tensor:
        """What the UNet attends to: [samples, tokens, width]."""
        if self.label is not None:
            return self.label(batch["label"])[:, None]
        if self.text_encoder is None:
            return batch["text"]
        return self.text_encoder(batch["caption"])[0]

    def forward(self, batch: Batch) -> Tensor:
        """The noise that the UNet finds in the noised latents."""
        noised = self.scheduler.add_noise(self.latents(batch), batch["noise"], batch["timestep"])
        return self.unet(noised, batch["timestep"], self.condition(batch)).sample

    def loss(self, outputs: Tensor, batch: Batch, *_: Any, **__: Any) -> Tensor:
        """Mean squared error of the noise."""
        return F.mse_loss(outputs, batch["noise"])

    def eval_forward(self, batch: Batch, outputs: Tensor | None = None) -> Tensor:
        """As in training; the same timesteps and noise in every validation."""
        return self.forward(batch) if outputs is None else outputs

    def get_metrics(self, is_train: bool) -> dict[str, Metric]:
        """The training loss is logged anyway."""
        return {} if is_train else {"MeanSquaredError": MeanSquaredError()}

    def update_metric(self, batch: Batch, outputs: Tensor, metric: Metric) -> None:
        """See ComposerModel."""
        metric.update(outputs, batch["noise"])


def trained(model: nn.Module) -> int:
    """Parameters that are trained."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def build(model: Model, *, encoders: bool, seed: int) -> LatentDiffusion:
    """The model with its first weights, the same on every rank."""
    torch.manual_seed(seed)
    return LatentDiffusion(model, encoders=encoders)
