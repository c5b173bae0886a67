"""MPT as a ComposerModel: our own definition of the published architecture.

llm-foundry, which defines it upstream, needs older releases of torch and transformers than the rest of this case.
"""

from __future__ import annotations

import hashlib
import math
from typing import Any

import torch
import torch.nn.functional as F
from composer import ComposerModel
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor

from seatrial.models import Decoder

ALIBI_MAX = 8
"""Exponent of the flattest head's slope: 2**-8, as in all released models."""


class Attention(nn.Module):
    """Causal multi-head attention, with one matrix for queries, keys and values."""

    def __init__(self, config: Decoder) -> None:
        super().__init__()
        self.num_heads = config.num_heads
        self.qkv = nn.Linear(config.hidden_size, 3 * config.hidden_size, bias=config.bias)
        self.output = nn.Linear(config.hidden_size, config.hidden_size, bias=config.bias)

    def forward(self, hidden: Tensor, bias: Tensor | None) -> Tensor:
        """`bias` is added to the attention's logits and holds the causal mask; None: causal without a bias."""
        query, key, value = (
            part.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for part in self.qkv(hidden).chunk(3, dim=-1)
        )
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=bias, is_causal=bias is None)
        output: Tensor = self.output(mixed.transpose(1, 2).flatten(2))
        return output


class Block(nn.Module):
    """A layer: attention and MLP, each behind a norm and around a residual."""

    def __init__(self, config: Decoder) -> None:
        super().__init__()
        width = config.hidden_size
        self.norm_1 = nn.LayerNorm(width, bias=config.bias)
        self.attention = Attention(config)
        self.norm_2 = nn.LayerNorm(width, bias=config.bias)
        self.up = nn.Linear(width, 4 * width, bias=config.bias)
        self.down = nn.Linear(4 * width, width, bias=config.bias)

    def forward(self, hidden: Tensor, bias: Tensor | None) -> Tensor:
        """Hidden states to hidden states."""
        hidden = hidden + self.attention(self.norm_1(hidden), bias)
        hidden = hidden + self.down(F.gelu(self.up(self.norm_2(hidden))))
        return hidden


class MPT(nn.Module):
    """Tokens to logits."""

    def __init__(self, config: Decoder, seed: int) -> None:
        super().__init__()
        self.config = config
        self.tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.positions = None if config.positions == "alibi" else nn.Embedding(config.max_context, config.hidden_size)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_layers))
        self.norm = nn.LayerNorm(config.hidden_size, bias=config.bias)
        names = {module: name for name, module in self.named_modules()}
        # By this name Composer calls it for each module that it moves from the meta device to memory.
        self.param_init_fn = lambda module: initialise(module, names[module], seed)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits [batch, sequence, vocabulary]."""
        length = tokens.shape[1]
        hidden = self.tokens(tokens)
        bias: Tensor | None = None
        if self.positions is None:
            # In the type of the computation, once: each block would keep a copy of its own for the backward pass.
            kind = tokens.device.type
            dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else hidden.dtype
            bias = alibi(self.config.num_heads, length, tokens.device).to(dtype)
        else:
            hidden = hidden + self.positions.weight[:length]
        for block in self.blocks:
            hidden = block(hidden, bias)
        return F.linear(self.norm(hidden), self.tokens.weight)

    def fsdp_wrap_fn(self, module: nn.Module) -> bool:
        """Composer asks what FSDP shards as one unit."""
        return isinstance(module, Block)

    def activation_checkpointing_fn(self, module: nn.Module) -> bool:
        """Composer asks what is computed again in the backward pass."""
        return isinstance(module, Block)


class ComposerMPT(ComposerModel):  # type: ignore[misc] # not installed where types are checked
    """MPT with what Composer's Trainer asks for."""

    def __init__(self, config: Decoder, *, seed: int, meta: bool) -> None:
        super().__init__()
        with torch.device("meta" if meta else "cpu"):
            self.mpt = MPT(config, seed)
        if not meta:
            self.mpt.apply(self.mpt.param_init_fn)

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """Logits of a batch with ``input_ids``."""
        logits: Tensor = self.mpt(batch["input_ids"])
        return logits

    def loss(self, outputs: Tensor, batch: dict[str, Tensor], *_: Any, **__: Any) -> Tensor:
        """Mean cross-entropy of each token after the first, nats."""
        return F.cross_entropy(outputs[:, :-1].flatten(0, 1).float(), batch["input_ids"][:, 1:].flatten())


def alibi(heads: int, length: int, device: torch.device) -> Tensor:
    """Bias on attention's logits [heads, length, length]: 0 for a position itself, less the farther back, -inf ahead.

    Head i of n (a power of 2) falls by 2**(-8 i / n) for each position. For other n the slopes of the next power of 2
    are taken, every second one first (arXiv:2108.12409, appendix of its code).
    """
    whole = 2 ** math.ceil(math.log2(heads))
    slopes = torch.exp2(-ALIBI_MAX / whole * torch.arange(1, whole + 1, device=device))
    if whole != heads:
        slopes = torch.cat((slopes[1::2], slopes[::2]))[:heads]
    place = torch.arange(length, device=device)
    back = place[None, :] - place[:, None]
    return (slopes[:, None, None] * back).masked_fill(back > 0, -math.inf)


@torch.no_grad()
def initialise(module: nn.Module, name: str, seed: int) -> None:
    """First values of a module's own parameters: normal with variance 1 / fan-in, norms 1, biases 0.

    The same on every rank and at any sharding: each is drawn whole from a generator of its own.
    """
    for kind, parameter in module.named_parameters(recurse=False):
        if kind == "bias":
            parameter.zero_()
        elif isinstance(module, nn.LayerNorm):
            parameter.fill_(1.0)
        else:
            number = int.from_bytes(hashlib.sha256(f"{seed}/{name}.{kind}".encode()).digest()[:7], "big")
            device = parameter.device
            whole = torch.empty(parameter.shape, dtype=torch.float32, device=device)
            whole.normal_(0.0, parameter.shape[1] ** -0.5, generator=torch.Generator(device).manual_seed(number))
            if isinstance(parameter, DTensor):
                # src_data_rank=None: every rank cuts its own shard out of its own copy.
                whole = distribute_tensor(whole, parameter.device_mesh, parameter.placements, src_data_rank=None)
            parameter.copy_(whole)
