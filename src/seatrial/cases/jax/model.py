"""A Llama-family decoder in Flax NNX: the same as Seatrial's reference in PyTorch (seatrial/train/model.py).

Shapes: B sequences, S positions, H hidden, N query heads, K key/value heads, D head width, V vocabulary.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax import Array

from seatrial.cases.jax.sharding import ACTIVATIONS
from seatrial.models import Decoder, RopeScaling

RECOMPUTE = {
    "none": jax.checkpoint_policies.everything_saveable,
    "selective": jax.checkpoint_policies.dots_with_no_batch_dims_saveable,
    "full": jax.checkpoint_policies.nothing_saveable,
}
"""What the backward pass finds already computed."""


class Attention(nnx.Module):
    """Causal grouped-query attention with rotary positions."""

    def __init__(self, config: Decoder, linear: Any, *, rngs: nnx.Rngs) -> None:
        self.head_dim = config.head_dim
        self.query = linear(config.hidden_size, config.hidden_size, rngs=rngs)
        self.key = linear(config.hidden_size, config.kv_size, rngs=rngs)
        self.value = linear(config.hidden_size, config.kv_size, rngs=rngs)
        self.output = linear(config.hidden_size, config.hidden_size, kernel_init=_residual(config), rngs=rngs)

    def __call__(self, x: Array, cos: Array, sin: Array) -> Array:
        """x: [B, S, H]; cos, sin: [S, D] float32. Returns [B, S, H]."""
        heads = (*x.shape[:2], -1, self.head_dim)
        query = rotate(self.query(x).reshape(heads), cos, sin)  # [B, S, N, D]
        key = rotate(self.key(x).reshape(heads), cos, sin)  # [B, S, K, D]
        value = self.value(x).reshape(heads)
        mixed = jax.nn.dot_product_attention(query, key, value, is_causal=True, implementation=_kernel(x.dtype))
        return self.output(mixed.reshape(*x.shape[:2], -1))


class FeedForward(nnx.Module):
    """SwiGLU: down(silu(gate(x)) * up(x))."""

    def __init__(self, config: Decoder, linear: Any, *, rngs: nnx.Rngs) -> None:
        self.gate = linear(config.hidden_size, config.intermediate_size, rngs=rngs)
        self.up = linear(config.hidden_size, config.intermediate_size, rngs=rngs)
        self.down = linear(config.intermediate_size, config.hidden_size, kernel_init=_residual(config), rngs=rngs)

    def __call__(self, x: Array) -> Array:
        """x: [..., H]. Returns the same shape."""
        return self.down(jax.nn.silu(self.gate(x)) * self.up(x))


class Block(nnx.Module):
    """One decoder layer."""

    def __init__(self, config: Decoder, compute: Any, *, rngs: nnx.Rngs) -> None:
        linear = partial(nnx.Linear, use_bias=False, dtype=compute, kernel_init=_normal(config))
        norm = partial(nnx.RMSNorm, config.hidden_size, epsilon=config.norm_eps, dtype=compute)
        self.attention_norm = norm(rngs=rngs)
        self.attention = Attention(config, linear, rngs=rngs)
        self.feed_forward_norm = norm(rngs=rngs)
        self.feed_forward = FeedForward(config, linear, rngs=rngs)

    def __call__(self, x: Array, cos: Array, sin: Array) -> Array:
        """x: [B, S, H]; cos, sin: [S, D]. Returns [B, S, H]."""
        x = jax.lax.with_sharding_constraint(x, ACTIVATIONS)
        x = x + self.attention(self.attention_norm(x), cos, sin)
        return x + self.feed_forward(self.feed_forward_norm(x))


class Llama(nnx.Module):
    """The whole decoder. Its blocks are one block whose parameters have a first axis of layers, compiled once."""

    def __init__(self, config: Decoder, *, compute: Any, recompute: str, rngs: nnx.Rngs) -> None:
        @nnx.split_rngs(splits=config.num_layers)
        @nnx.vmap(in_axes=(0,), out_axes=0)
        def make_blocks(rngs: nnx.Rngs) -> Block:
            return Block(config, compute, rngs=rngs)

        size = (config.vocab_size, config.hidden_size)
        self.config = config
        self.recompute = recompute
        self.embedding = nnx.Embed(*size, dtype=compute, embedding_init=_normal(config), rngs=rngs)
        self.blocks = make_blocks(rngs)
        self.norm = nnx.RMSNorm(config.hidden_size, epsilon=config.norm_eps, dtype=compute, rngs=rngs)
        if not config.tie_embeddings:
            self.head = nnx.Linear(
                *reversed(size), use_bias=False, dtype=compute, kernel_init=_normal(config), rngs=rngs
            )

    def logits(self, tokens: Array) -> Array:
        """tokens: [B, S]. Returns [B, S, V]."""
        cos, sin = rotary_table(self.config, tokens.shape[1])

        @partial(nnx.scan, in_axes=(nnx.Carry, 0), out_axes=nnx.Carry)
        @partial(nnx.remat, policy=RECOMPUTE[self.recompute])
        def through(x: Array, block: Block) -> Array:
            return block(x, cos, sin)

        x = self.norm(through(self.embedding(tokens), self.blocks))
        return self.embedding.attend(x) if self.config.tie_embeddings else self.head(x)

    def __call__(self, tokens: Array) -> Array:
        """tokens: [B, S + 1], inputs and targets shifted by one. Returns the mean loss in nats, float32 scalar."""
        logits = self.logits(tokens[:, :-1]).astype(jnp.float32)
        return optax.softmax_cross_entropy_with_integer_labels(logits, tokens[:, 1:]).mean()


def rotary_table(config: Decoder, length: int) -> tuple[Array, Array]:
    """Cosine and sine of every position's angles: two float32 arrays [S, D]."""
    steps = jnp.arange(0, config.head_dim, 2, dtype=jnp.float32)
    frequencies = 1.0 / config.rope_theta ** (steps / config.head_dim)
    if config.rope_scaling is not None:
        frequencies = _stretch(frequencies, config.rope_scaling)
    angles = jnp.outer(jnp.arange(length, dtype=jnp.float32), frequencies)
    both = jnp.concatenate((angles, angles), axis=-1)
    return jnp.cos(both), jnp.sin(both)


def _stretch(frequencies: Array, scaling: RopeScaling) -> Array:
    turns = scaling.original_context * frequencies / (2 * math.pi)
    blend = (turns - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor)
    blend = blend.clip(0.0, 1.0)  # 0: stretched wholly, 1: left alone
    return (1 - blend) * frequencies / scaling.factor + blend * frequencies


def rotate(x: Array, cos: Array, sin: Array) -> Array:
    """Rotate the two halves of each head by its position's angles. x: [B, S, heads, D]; cos, sin: [S, D]."""
    first, second = jnp.split(x.astype(jnp.float32), 2, axis=-1)
    turned = jnp.concatenate((-second, first), axis=-1)
    return (x.astype(jnp.float32) * cos[:, None] + turned * sin[:, None]).astype(x.dtype)


def _kernel(compute: Any) -> Any:
    """cuDNN's attention, which keeps no score, takes half precision on GPUs only."""
    return "cudnn" if jax.default_backend() == "gpu" and compute == jnp.bfloat16 else "xla"


def _normal(config: Decoder) -> Any:
    return nnx.initializers.normal(config.init_std)


def _residual(config: Decoder) -> Any:
    """Residual outputs are scaled by 1/sqrt(2L) (GPT-2)."""
    return nnx.initializers.normal(config.init_std / math.sqrt(2 * config.num_layers))
