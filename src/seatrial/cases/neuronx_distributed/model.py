"""The model: a Llama-family decoder of neuronx_distributed's layers. Parameters are called as in the package's example.

Its layers hand on one tensor, and what is not a layer of the decoder is one module each, so that the package's tracer
can cut it into pipeline stages.

Shapes: B sequences, S positions, T tensor-parallel ranks, H hidden, N query heads of this rank, K its key/value heads,
D head width, V vocabulary. Between the layers tensors are [B, S, H], under sequence parallelism [S / T, B, H].
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seatrial.cases.neuronx_distributed.api import (
    ColumnParallelLinear,
    GQAQKVColumnParallelLinear,
    ParallelEmbedding,
    RowParallelLinear,
    nki_flash_attn_func,
    parallel_cross_entropy,
    parallel_state,
)
from seatrial.models import Decoder
from seatrial.train.model import rotary_table, rotate


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """How a model is spread and computed."""

    sequence_length: int
    kv_replicator: int = 1
    sequence_parallel: bool = False
    flash_attention: bool = False
    lnc: int = 1
    """Physical NeuronCores of a logical one, which a rank is."""
    dtype: torch.dtype = torch.float32


class RMSNorm(nn.Module):
    """Root-mean-square norm, computed in fp32."""

    def __init__(self, config: Decoder, options: Options) -> None:
        super().__init__()
        weight: Any = nn.Parameter(torch.ones(config.hidden_size, dtype=options.dtype))
        weight.sequence_parallel_enabled = options.sequence_parallel  # then its gradient is a part of the whole
        self.weight = weight
        self.eps = config.norm_eps

    def forward(self, x: Tensor) -> Tensor:
        """x: [..., H]. Returns the same shape."""
        wide = x.float()
        return (self.weight * wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps)).to(x.dtype)


class CoreAttention(nn.Module):
    """Causal attention of heads that this rank has whole. A module, so that it can be computed again alone."""

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.flash, self.lnc = options.flash_attention, options.lnc

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """query: [B, N, S, D]; key, value: [B, K, S, D]. Returns [B, N, S, D]."""
        group = query.shape[1] // key.shape[1]
        key, value = key.repeat_interleave(group, dim=1), value.repeat_interleave(group, dim=1)
        if self.flash:
            return nki_flash_attn_func(query, key, value, lnc=self.lnc, transpose_nki_inputs=False)
        return F.scaled_dot_product_attention(query, key, value, is_causal=True)


class Attention(nn.Module):
    """Grouped-query attention with rotary positions."""

    cos: Tensor
    sin: Tensor

    def __init__(self, config: Decoder, options: Options, rotary: tuple[Tensor, Tensor]) -> None:
        super().__init__()
        self.head_dim, self.sequence_parallel = config.head_dim, options.sequence_parallel
        self.register_buffer("cos", rotary[0], persistent=False)
        self.register_buffer("sin", rotary[1], persistent=False)
        self.qkv_proj = GQAQKVColumnParallelLinear(
            config.hidden_size,
            [config.hidden_size, config.kv_size],
            bias=False,
            gather_output=False,
            dtype=options.dtype,
            init_method=_init(config),
            sequence_parallel_enabled=options.sequence_parallel,
            kv_size_multiplier=options.kv_replicator,
            fuse_qkv=False,
        )
        self.core_attn = CoreAttention(options)
        self.o_proj = RowParallelLinear(
            config.hidden_size,
            config.hidden_size,
            bias=False,
            input_is_parallel=True,
            dtype=options.dtype,
            init_method=_init(config),
            sequence_parallel_enabled=options.sequence_parallel,
            sequence_dimension=0 if options.sequence_parallel else None,
        )

    def forward(self, x: Tensor) -> Tensor:
        """x: as between layers. Returns the same shape."""
        query, key, value = (self._heads(part) for part in self.qkv_proj(x))
        query, key = rotate(query, self.cos, self.sin), rotate(key, self.cos, self.sin)
        mixed = self.core_attn(query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2))  # [B, N, S, D]
        mixed = mixed.permute(2, 0, 1, 3) if self.sequence_parallel else mixed.transpose(1, 2)
        return self.o_proj(mixed.flatten(2))

    def _heads(self, x: Tensor) -> Tensor:
        """[B, S, heads, D]."""
        heads = x.unflatten(2, (-1, self.head_dim))
        return heads.transpose(0, 1) if self.sequence_parallel else heads


class FeedForward(nn.Module):
    """SwiGLU; gate and up are one matrix below the other, each split by itself."""

    def __init__(self, config: Decoder, options: Options) -> None:
        super().__init__()
        self.gate_up_proj = ColumnParallelLinear(
            config.hidden_size,
            2 * config.intermediate_size,
            bias=False,
            gather_output=False,
            dtype=options.dtype,
            stride=2,
            init_method=_init(config),
            sequence_parallel_enabled=options.sequence_parallel,
            sequence_dimension=0 if options.sequence_parallel else None,
        )
        self.down_proj = RowParallelLinear(
            config.intermediate_size,
            config.hidden_size,
            bias=False,
            input_is_parallel=True,
            dtype=options.dtype,
            init_method=_init(config),
            sequence_parallel_enabled=options.sequence_parallel,
            sequence_dimension=0 if options.sequence_parallel else None,
        )

    def forward(self, x: Tensor) -> Tensor:
        """x: as between layers. Returns the same shape."""
        gate, up = self.gate_up_proj(x).chunk(2, dim=-1)
        return self.down_proj(F.silu(gate) * up)


class DecoderLayer(nn.Module):
    """One decoder layer."""

    def __init__(self, config: Decoder, options: Options, rotary: tuple[Tensor, Tensor]) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(config, options)
        self.self_attn = Attention(config, options, rotary)
        self.post_attention_layernorm = RMSNorm(config, options)
        self.mlp = FeedForward(config, options)

    def forward(self, x: Tensor) -> Tensor:
        """x: as between layers. Returns the same shape."""
        x = x + self.self_attn(self.input_layernorm(x))
        return x + self.mlp(self.post_attention_layernorm(x))


class TokenLoss(nn.Module):
    """Mean cross-entropy of logits that are split by the vocabulary."""

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.sequence_parallel = options.sequence_parallel

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """logits: [B, S, V / T], or [S, B, V / T]; labels: [B, S]. Returns a float32 scalar, in nats."""
        if self.sequence_parallel:
            logits = logits.transpose(0, 1)
        return parallel_cross_entropy(logits.float().contiguous(), labels).mean()


class Backbone(nn.Module):
    """Everything but the head; its forward pass is a part of the whole model's."""

    def __init__(self, config: Decoder, options: Options) -> None:
        super().__init__()
        rotary = rotary_table(config, options.sequence_length, torch.device("cpu"))
        self.embed_tokens = ParallelEmbedding(
            config.vocab_size,
            config.hidden_size,
            init_method=_init(config),
            dtype=options.dtype,
            sequence_parallel_enabled=options.sequence_parallel,
        )
        self.layers = nn.ModuleList(DecoderLayer(config, options, rotary) for _ in range(config.num_layers))
        self.norm = RMSNorm(config, options)


class Llama(nn.Module):
    """The whole decoder, with its loss."""

    def __init__(self, config: Decoder, options: Options) -> None:
        super().__init__()
        self.model = Backbone(config, options)
        self.lm_head = ColumnParallelLinear(
            config.hidden_size,
            config.vocab_size,
            bias=False,
            gather_output=False,
            dtype=options.dtype,
            init_method=_init(config),
            sequence_parallel_enabled=options.sequence_parallel,
            sequence_dimension=0 if options.sequence_parallel else None,
        )
        self.loss = TokenLoss(options)

    def forward(self, input_ids: Tensor, labels: Tensor) -> Tensor:
        """input_ids, labels: [B, S]. Returns the mean loss in nats, float32 scalar."""
        x = self.model.embed_tokens(input_ids)
        for layer in self.model.layers:
            x = layer(x)
        return self.loss(self.lm_head(self.model.norm(x)), labels)


def initialise(module: nn.Module, _device: Any = None) -> None:
    """Give a module's own parameters their first values, after the package has made room for them on the host."""
    if isinstance(module, RMSNorm):
        module.weight.data.fill_(1.0)
    elif isinstance(module, ParallelEmbedding | ColumnParallelLinear | RowParallelLinear):
        module.init_weight_cpu()
    elif isinstance(module, GQAQKVColumnParallelLinear):
        module.initialize_weight_biases()


def place_of(name: str, kv_replicator: int, *, adjacent: bool) -> tuple[str, int]:
    """Which ranks of a stage hold the same values of a parameter as this one: those that get the same answer.

    `adjacent`: ranks that share a key/value head are neighbours, as on trn2; on trn1 they are far from each other.
    """
    rank, size = parallel_state.get_tensor_model_parallel_rank(), parallel_state.get_tensor_model_parallel_size()
    if name.endswith("norm.weight"):
        return "all", 0
    if name.endswith(("weight_k", "weight_v")):
        return "heads", rank // kv_replicator if adjacent else rank % (size // kv_replicator)
    return "slice", rank


def _init(config: Decoder) -> Any:
    return functools.partial(nn.init.normal_, mean=0.0, std=config.init_std)
