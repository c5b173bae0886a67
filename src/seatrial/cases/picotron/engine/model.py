"""The model: one pipeline stage of a Llama-family decoder, its matrices split over the tensor-parallel ranks.

Parameters have the names of the whole model (``blocks.7.attention.query.weight``), whatever part of it a rank holds.
Shapes: B sequences, L positions of this rank, H hidden, D head width, V vocabulary, T tensor-parallel ranks.
"""

from __future__ import annotations

import hashlib
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seatrial.cases.picotron.engine.context_parallel import ring_attention
from seatrial.cases.picotron.engine.mesh import Mesh
from seatrial.cases.picotron.engine.tensor_parallel import Column, Embedding, Row, Split, cross_entropy
from seatrial.models import Decoder
from seatrial.train.axis import enter
from seatrial.train.model import rotary_table, rotate


class Attention(nn.Module):
    """Causal grouped-query attention; each tensor-parallel rank has a T-th of the heads."""

    def __init__(self, config: Decoder, mesh: Mesh) -> None:
        super().__init__()
        self.context = mesh.context
        self.head_dim = config.head_dim
        self.grouped = config.num_kv_heads != config.num_heads
        self.query = Column(config.hidden_size, config.hidden_size, mesh.tensor)
        self.key = Column(config.kv_size, config.hidden_size, mesh.tensor)
        self.value = Column(config.kv_size, config.hidden_size, mesh.tensor)
        self.output = Row(config.hidden_size, config.hidden_size, mesh.tensor)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """x: [B, L, H]; cos, sin: [L, D] of this rank's positions. Returns [B, L, H]."""
        batch, length, _ = x.shape
        heads = (batch, length, -1, self.head_dim)
        query = rotate(self.query(x).view(heads), cos, sin).transpose(1, 2)
        key = rotate(self.key(x).view(heads), cos, sin).transpose(1, 2)
        value = self.value(x).view(heads).transpose(1, 2)
        if self.context.size == 1:
            mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=self.grouped)
        else:
            mixed = ring_attention(query, key, value, self.context)
        return self.output(mixed.transpose(1, 2).reshape(batch, length, -1))


class FeedForward(nn.Module):
    """SwiGLU: down(silu(gate(x)) * up(x))."""

    def __init__(self, config: Decoder, mesh: Mesh) -> None:
        super().__init__()
        self.gate = Column(config.intermediate_size, config.hidden_size, mesh.tensor)
        self.up = Column(config.intermediate_size, config.hidden_size, mesh.tensor)
        self.down = Row(config.hidden_size, config.intermediate_size, mesh.tensor)

    def forward(self, x: Tensor) -> Tensor:
        """x: [B, L, H]. Returns the same shape."""
        return self.down(F.silu(self.gate(x)) * self.up(x))


class Block(nn.Module):
    """One decoder layer."""

    def __init__(self, config: Decoder, mesh: Mesh) -> None:
        super().__init__()
        self.tensor = mesh.tensor
        self.attention_norm = nn.RMSNorm(config.hidden_size, eps=config.norm_eps)
        self.attention = Attention(config, mesh)
        self.feed_forward_norm = nn.RMSNorm(config.hidden_size, eps=config.norm_eps)
        self.feed_forward = FeedForward(config, mesh)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """x: [B, L, H]; cos, sin: [L, D]. Returns [B, L, H]."""
        x = x + self.attention(enter(self.attention_norm(x), self.tensor), cos, sin)
        return x + self.feed_forward(enter(self.feed_forward_norm(x), self.tensor))


class Stage(nn.Module):
    """The layers of one pipeline stage, with the embedding on the first and the loss on the last."""

    def __init__(self, config: Decoder, mesh: Mesh, sequence_length: int) -> None:
        super().__init__()
        self.config, self.mesh = config, mesh
        first, last = mesh.pipeline.is_first, mesh.pipeline.is_last
        self.embedding = Embedding(config.vocab_size, config.hidden_size, mesh.tensor) if first else None
        layers = stage_layers(config.num_layers, mesh.pipeline.size, mesh.pipeline.rank)
        self.blocks = nn.ModuleDict({str(index): Block(config, mesh) for index in layers})
        self.norm = nn.RMSNorm(config.hidden_size, eps=config.norm_eps) if last else None
        # A tied head is the embedding itself, or on another stage a copy of it.
        own_head = last and not (config.tie_embeddings and first)
        self.head = Column(config.vocab_size, config.hidden_size, mesh.tensor) if own_head else None
        self.length = sequence_length // mesh.context.size
        self.rotary: tuple[Tensor, Tensor] | None = None

    def forward(self, x: Tensor, targets: Tensor) -> Tensor:
        """x: tokens [B, L] on the first stage, else [B, L, H]; targets: [B, L].

        Returns [B, L, H], on the last stage the mean loss over this rank's tokens.
        """
        cos, sin = self._rotary(x.device)
        if self.embedding is not None:
            x = self.embedding(x)
        for block in self.blocks.values():
            x = block(x, cos, sin)
        if self.norm is None:
            return x
        x = enter(self.norm(x), self.mesh.tensor)
        head = self.head or self.embedding
        assert head is not None
        return cross_entropy(F.linear(x, head.weight), targets, self.mesh.tensor)

    def tied_copy(self) -> nn.Parameter | None:
        """The weight that the first and the last stage hold a copy of each; None if there is none here."""
        if not self.config.tie_embeddings or self.mesh.ends.size == 1:
            return None
        holder = self.embedding or self.head
        return holder.weight if holder is not None else None

    def sharded(self) -> dict[str, int]:
        """Names of the parameters that are split over tensor-parallel ranks -> the dimension that is cut."""
        return {f"{name}.weight": part.dimension for name, part in self.named_modules() if isinstance(part, Split)}

    def _rotary(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Cosine and sine of the positions of this rank's stretch, float32 [L, D] each."""
        if self.rotary is None:
            begin = self.mesh.context.rank * self.length
            cos, sin = rotary_table(self.config, begin + self.length, device)
            self.rotary = cos[begin:], sin[begin:]
        return self.rotary


def stage_layers(layers: int, stages: int, stage: int) -> range:
    """The layers of a stage; where they do not divide, the first stages have one more."""
    each, more = divmod(layers, stages)
    begin = stage * each + min(stage, more)
    return range(begin, begin + each + (stage < more))


@torch.no_grad()
def initialise(stage: Stage, seed: int) -> None:
    """Give every parameter its first value: the same in every layout.

    Each is drawn whole, from a generator of its own, and a rank keeps its slice. The values are those that
    `seatrial.train.model.initialise` gives to the undivided model.
    """
    config, tensor, cut = stage.config, stage.mesh.tensor, stage.sharded()
    residual = config.init_std / math.sqrt(2 * config.num_layers)
    for name, parameter in stage.named_parameters():
        if parameter.ndim == 1:  # RMSNorm
            parameter.fill_(1.0)
            continue
        whole_name = "embedding.weight" if config.tie_embeddings and name == "head.weight" else name
        number = int.from_bytes(hashlib.sha256(f"{seed}/{whole_name}".encode()).digest()[:7], "big")
        generator = torch.Generator(parameter.device).manual_seed(number)
        shape = list(parameter.shape)
        shape[cut[name]] *= tensor.size
        std = residual if name.endswith(("attention.output.weight", ".down.weight")) else config.init_std
        whole = torch.empty(shape, device=parameter.device).normal_(0.0, std, generator=generator)
        parameter.copy_(whole.chunk(tensor.size, dim=cut[name])[tensor.rank])
