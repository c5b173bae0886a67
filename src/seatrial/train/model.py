"""The reference model: a Llama-family decoder in plain PyTorch.

Shapes: B sequences, S positions, H hidden, N query heads, K key/value heads, D head width, V vocabulary, E experts.
"""

from __future__ import annotations

import hashlib
import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.utils.checkpoint import CheckpointPolicy, checkpoint, create_selective_checkpoint_contexts

from seatrial.models import Decoder, RopeScaling

# What selective checkpointing keeps: results of matrix products and attention cost FLOPs to make again, the rest
# (norms, activations, rotations) only memory bandwidth.
_KEEP = (
    torch.ops.aten.mm.default,
    torch.ops.aten._scaled_dot_product_flash_attention.default,
    torch.ops.aten._scaled_dot_product_efficient_attention.default,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default,
    torch.ops.aten._scaled_dot_product_cudnn_attention.default,
)


class Attention(nn.Module):
    """Causal grouped-query attention with rotary positions."""

    def __init__(self, config: Decoder) -> None:
        super().__init__()
        self.head_dim = config.head_dim
        self.grouped = config.num_kv_heads != config.num_heads
        self.query = nn.Linear(config.hidden_size, config.hidden_size, bias=False)
        self.key = nn.Linear(config.hidden_size, config.kv_size, bias=False)
        self.value = nn.Linear(config.hidden_size, config.kv_size, bias=False)
        self.output = nn.Linear(config.hidden_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """x: [B, S, H]; cos, sin: [S, D] float32. Returns [B, S, H]."""
        batch, length, _ = x.shape
        heads = (batch, length, -1, self.head_dim)
        query = rotate(self.query(x).view(heads), cos, sin).transpose(1, 2)  # [B, N, S, D]
        key = rotate(self.key(x).view(heads), cos, sin).transpose(1, 2)  # [B, K, S, D]
        value = self.value(x).view(heads).transpose(1, 2)
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=self.grouped)
        return self.output(mixed.transpose(1, 2).reshape(batch, length, -1))


class FeedForward(nn.Module):
    """SwiGLU: down(silu(gate(x)) * up(x))."""

    def __init__(self, config: Decoder) -> None:
        super().__init__()
        self.gate = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """x: [..., H]. Returns the same shape."""
        return self.down(F.silu(self.gate(x)) * self.up(x))


class Mixture(nn.Module):
    """Mixture of experts: each token goes to its `experts_per_token` best, weighted by their softmax (Mixtral)."""

    def __init__(self, config: Decoder) -> None:
        super().__init__()
        self.experts_per_token = config.experts_per_token
        self.router = nn.Linear(config.hidden_size, config.num_experts, bias=False)
        self.experts = nn.ModuleList(FeedForward(config) for _ in range(config.num_experts))

    def forward(self, x: Tensor) -> Tensor:
        """x: [B, S, H]. Returns the same shape."""
        tokens = x.reshape(-1, x.shape[-1])
        scores, chosen = self.router(tokens).float().topk(self.experts_per_token, dim=-1)
        weights = scores.softmax(dim=-1).to(x.dtype)
        mixed = torch.zeros_like(tokens)
        for index, expert in enumerate(self.experts):
            # An expert without tokens still runs, on none: its weights must get a gradient on every rank.
            token, slot = torch.where(chosen == index)
            mixed = mixed.index_add(0, token, expert(tokens[token]) * weights[token, slot, None])
        return mixed.view_as(x)


class Block(nn.Module):
    """One decoder layer. `recompute` chooses activation checkpointing: ``none``, ``selective`` or ``full``."""

    def __init__(self, config: Decoder) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(config.hidden_size, eps=config.norm_eps)
        self.attention = Attention(config)
        self.feed_forward_norm = nn.RMSNorm(config.hidden_size, eps=config.norm_eps)
        self.feed_forward = Mixture(config) if config.num_experts else FeedForward(config)
        self.recompute = "none"

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """x: [B, S, H]; cos, sin: [S, D]. Returns [B, S, H]."""
        if self.recompute == "none" or not torch.is_grad_enabled():
            return self.compute(x, cos, sin)
        if self.recompute == "full":
            return checkpoint(self.compute, x, cos, sin, use_reentrant=False)
        return checkpoint(self.compute, x, cos, sin, use_reentrant=False, context_fn=_keep_products)

    def compute(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """The layer itself."""
        x = x + self.attention(self.attention_norm(x), cos, sin)
        return x + self.feed_forward(self.feed_forward_norm(x))


class Llama(nn.Module):
    """The whole decoder. Its `forward` gives the mean cross-entropy, so that logits never leave the module."""

    def __init__(self, config: Decoder) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.hidden_size)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_layers))
        self.norm = nn.RMSNorm(config.hidden_size, eps=config.norm_eps)
        self.head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        if config.tie_embeddings:
            self.head.weight = self.embedding.weight

    def layers(self) -> list[Block]:
        """The decoder layers, first to last."""
        return [block for block in self.blocks if isinstance(block, Block)]

    def logits(self, tokens: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """tokens: [B, S]; cos, sin: [S, D] of `rotary_table`. Returns [B, S, V]."""
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, cos, sin)
        return self.head(self.norm(x))

    def forward(self, tokens: Tensor, targets: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """tokens, targets: [B, S]. Returns the mean loss in nats, float32 scalar."""
        logits = self.logits(tokens, cos, sin)
        return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())


def rotary_table(config: Decoder, length: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cosine and sine of every position's angles: two float32 tensors [S, D].

    They stay float32 whatever the parameters are: in bf16 neighbouring positions above 256 become the same.
    """
    steps = torch.arange(0, config.head_dim, 2, dtype=torch.float32, device=device)
    frequencies = 1.0 / config.rope_theta ** (steps / config.head_dim)
    if config.rope_scaling is not None:
        frequencies = _stretch(frequencies, config.rope_scaling)
    angles = torch.outer(torch.arange(length, dtype=torch.float32, device=device), frequencies)
    both = torch.cat((angles, angles), dim=-1)
    return both.cos(), both.sin()


def _stretch(frequencies: Tensor, scaling: RopeScaling) -> Tensor:
    wavelength = 2 * math.pi / frequencies
    turns = scaling.original_context / wavelength
    blend = (turns - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor)
    blend = blend.clamp(0.0, 1.0)  # 0: stretched wholly, 1: left alone
    return (1 - blend) * frequencies / scaling.factor + blend * frequencies


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate the two halves of each head by its position's angles. x: [B, S, heads, D]; cos, sin: [S, D]."""
    first, second = x.float().chunk(2, dim=-1)
    turned = torch.cat((-second, first), dim=-1)
    return (x.float() * cos[:, None] + turned * sin[:, None]).to(x.dtype)


def _keep_products() -> Any:
    def policy(_: object, operation: object, *__: object, **___: object) -> CheckpointPolicy:
        return CheckpointPolicy.MUST_SAVE if operation in _KEEP else CheckpointPolicy.PREFER_RECOMPUTE

    return create_selective_checkpoint_contexts(policy)


@torch.no_grad()
def initialise(model: Llama, seed: int) -> None:
    """Give every parameter its first value: the same at any world size and sharding.

    Each parameter is drawn whole, from a generator of its own, and each rank keeps its shard: no communication, and
    at most one whole parameter in memory. Residual outputs are scaled by 1/sqrt(2L) (GPT-2).
    """
    residual = model.config.init_std / math.sqrt(2 * model.config.num_layers)
    for name, parameter in model.named_parameters():
        if parameter.ndim == 1:  # RMSNorm
            parameter.fill_(1.0)
            continue
        std = residual if name.endswith(("attention.output.weight", ".down.weight")) else model.config.init_std
        fill(parameter, draw(parameter, name, seed, std))


def draw(parameter: Tensor, name: str, seed: int, std: float) -> Tensor:
    """Normal values for the whole of a parameter, which its name and the seed decide."""
    device = parameter.device
    number = int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:7], "big")
    generator = torch.Generator(device).manual_seed(number)
    return torch.empty(parameter.shape, dtype=torch.float32, device=device).normal_(0.0, std, generator=generator)


@torch.no_grad()
def fill(parameter: Tensor, whole: Tensor) -> None:
    """Give a parameter its values, or this rank's shard of them."""
    if isinstance(parameter, DTensor):
        # src_data_rank=None: every rank cuts its own shard out of its own copy.
        whole = distribute_tensor(whole, parameter.device_mesh, parameter.placements, src_data_rank=None)
    parameter.copy_(whole)
