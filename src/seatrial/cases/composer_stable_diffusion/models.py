"""Denoisers, and what stands in front of them, as the arguments that diffusers and transformers build them from.

Standard library only. Nothing is fetched from a hub: a benchmark needs the published shapes, not the weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Model:
    """One latent diffusion model."""

    latents: tuple[int, int, int]
    """Channels, height and width of what is denoised."""
    unet: Mapping[str, Any]
    """Arguments of diffusers' UNet2DConditionModel."""
    trained: int
    """Parameters that are trained."""
    classes: int | None = None
    """Number of classes that the images are conditioned on, by a learnt embedding; None: they have captions."""
    image_size: int | None = None
    """Height and width of the images that the autoencoder makes the latents of; None: there is no autoencoder."""
    latent_scale: float = 1.0
    """The autoencoder's latents times this have a variance of about 1."""
    autoencoder: Mapping[str, Any] | None = None
    """Arguments of diffusers' AutoencoderKL, which is frozen."""
    text_encoder: Mapping[str, Any] | None = None
    """Arguments of transformers' CLIPTextConfig; the text encoder is frozen."""

    @property
    def width(self) -> int:
        """Width of the conditioning that the UNet attends to."""
        return int(self.unet["cross_attention_dim"])


SCHEDULER: Mapping[str, Any] = {
    "num_train_timesteps": 1000,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "prediction_type": "epsilon",
    "clip_sample": False,
}
"""Arguments of diffusers' DDPMScheduler: scheduler/scheduler_config.json of stabilityai/stable-diffusion-2-base."""

MODELS: Mapping[str, Model] = {
    # unet/, vae/ and text_encoder/config.json of stabilityai/stable-diffusion-2-base. All three have 1,289,952,427
    # parameters, of which the UNet's are trained, as published with the benchmark.
    "sd2-base": Model(
        latents=(4, 64, 64),
        trained=865_910_724,
        unet={
            "sample_size": 64,
            "in_channels": 4,
            "out_channels": 4,
            "down_block_types": ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
            "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
            "block_out_channels": (320, 640, 1280, 1280),
            "layers_per_block": 2,
            "attention_head_dim": (5, 10, 20, 20),  # diffusers' old name: these are numbers of heads, of width 64
            "cross_attention_dim": 1024,
            "use_linear_projection": True,
        },
        image_size=512,
        latent_scale=0.18215,
        autoencoder={
            "in_channels": 3,
            "out_channels": 3,
            "down_block_types": ("DownEncoderBlock2D",) * 4,
            "up_block_types": ("UpDecoderBlock2D",) * 4,
            "block_out_channels": (128, 256, 512, 512),
            "layers_per_block": 2,
            "latent_channels": 4,
            "sample_size": 768,
        },
        text_encoder={
            "vocab_size": 49_408,
            "max_position_embeddings": 77,
            "hidden_size": 1024,
            "intermediate_size": 4096,
            "num_hidden_layers": 23,
            "num_attention_heads": 16,
            "hidden_act": "gelu",
            "projection_dim": 512,
        },
    ),
    # Small enough for a CPU: it denoises the images themselves, 8 x 8 pixels, conditioned on the digit they show.
    "tiny": Model(
        latents=(1, 8, 8),
        trained=791_553,
        classes=10,
        unet={
            "sample_size": 8,
            "in_channels": 1,
            "out_channels": 1,
            "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
            "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
            "block_out_channels": (32, 64),
            "layers_per_block": 1,
            "attention_head_dim": (2, 4),
            "cross_attention_dim": 32,
            "norm_num_groups": 8,
        },
    ),
}
