"""Layers whose matrices tensor-parallel ranks share (arXiv:1909.08053), with sequence parallelism (arXiv:2205.05198).

Under sequence parallelism what lies between these layers is split along the sequence, their first dimension.
Shapes: B sequences, S positions, H hidden, V vocabulary, T tensor-parallel ranks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import Function

from seatrial.cases.neuronx_distributed.standin import parallel_state
from seatrial.train.axis import Axis, enter, leave
from seatrial.train.vocabulary import local_tokens, token_losses

Init = Callable[[Tensor], Any]


class _Gather(Function):
    """Forward: all stretches of the sequence, [S / T, ...] to [S, ...]. Backward: each rank gets its stretch's sum."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, axis: Axis) -> Tensor:
        ctx.axis = axis
        return _gathered(x, axis)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _scattered(gradient, ctx.axis), None


class _Scatter(Function):
    """The other way round: sums of the ranks' parts, of which each rank keeps a stretch."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, axis: Axis) -> Tensor:
        ctx.axis = axis
        return _scattered(x, axis)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _gathered(gradient, ctx.axis), None


def _gathered(x: Tensor, axis: Axis) -> Tensor:
    whole = x.new_empty(x.shape[0] * axis.size, *x.shape[1:])
    dist.all_gather_into_tensor(whole, x.contiguous(), group=axis.group)
    return whole


def _scattered(x: Tensor, axis: Axis) -> Tensor:
    part = x.new_empty(x.shape[0] // axis.size, *x.shape[1:])
    dist.reduce_scatter_tensor(part, x.contiguous(), group=axis.group)
    return part


def _begin(x: Tensor, sequence_parallel: bool) -> Tensor:
    """Hand a layer's input to the ranks that share its matrix."""
    axis = parallel_state.tensor_axis()
    if not sequence_parallel:
        return enter(x, axis)
    return x if axis.size == 1 else _Gather.apply(x, axis)  # type: ignore[no-untyped-call] # torch leaves it so


def _end(x: Tensor, sequence_parallel: bool) -> Tensor:
    """Add up what the ranks made of it."""
    axis = parallel_state.tensor_axis()
    if not sequence_parallel:
        return leave(x, axis)
    return x if axis.size == 1 else _Scatter.apply(x, axis)  # type: ignore[no-untyped-call] # torch leaves it so


def _parameter(
    shape: tuple[int, int], dim: int, init: Init, dtype: torch.dtype, stride: int = 1, copies: int = 1
) -> Any:
    """This rank's slice of a matrix, which every rank draws whole, so that first values depend on no layout.

    `stride` matrices lie one below the other and are cut each for itself; the whole is there `copies` times.
    """
    axis = parallel_state.tensor_axis()
    whole = torch.empty(shape, dtype=torch.float32)
    init(whole)
    pieces = whole.repeat(copies, 1).chunk(stride * axis.size, dim=dim)
    parameter = nn.Parameter(torch.cat(pieces[axis.rank :: axis.size], dim=dim).to(dtype))
    parameter.tensor_model_parallel = True  # type: ignore[attr-defined] # as the package marks it
    parameter.copies = copies  # type: ignore[attr-defined] # ranks that hold the same
    return parameter


def _only(**unsupported: bool) -> None:
    missing = [name for name, asked in unsupported.items() if asked]
    if missing:
        raise NotImplementedError(f"the stand-in has no {', '.join(missing)}")


class ColumnParallelLinear(nn.Module):
    """Split by outputs: takes all inputs, gives a T-th of the outputs. `stride` matrices in one are split each."""

    def __init__(
        self,
        input_size: int,
        output_size: int,
        bias: bool = True,
        gather_output: bool = True,
        dtype: torch.dtype = torch.float32,
        stride: int = 1,
        init_method: Init | None = None,
        sequence_parallel_enabled: bool = False,
        sequence_dimension: int | None = None,
    ) -> None:
        super().__init__()
        _only(bias=bias, gather_output=gather_output, other_sequence_dimension=bool(sequence_dimension))
        self.sequence_parallel_enabled = sequence_parallel_enabled
        self.weight = _parameter((output_size, input_size), 0, init_method or _usual, dtype, stride)

    def forward(self, x: Tensor) -> Tensor:
        """x: [..., inputs]. Returns [..., outputs / T]."""
        return F.linear(_begin(x, self.sequence_parallel_enabled), self.weight)


class RowParallelLinear(nn.Module):
    """Split by inputs: takes what a column-parallel layer made, gives the whole result."""

    def __init__(
        self,
        input_size: int,
        output_size: int,
        bias: bool = True,
        input_is_parallel: bool = False,
        dtype: torch.dtype = torch.float32,
        init_method: Init | None = None,
        sequence_parallel_enabled: bool = False,
        sequence_dimension: int | None = None,
    ) -> None:
        super().__init__()
        _only(bias=bias, whole_input=not input_is_parallel, other_sequence_dimension=bool(sequence_dimension))
        self.sequence_parallel_enabled = sequence_parallel_enabled
        self.weight = _parameter((output_size, input_size), 1, init_method or _usual, dtype)

    def forward(self, x: Tensor) -> Tensor:
        """x: [..., inputs / T]. Returns [..., outputs]."""
        return _end(F.linear(x, self.weight), self.sequence_parallel_enabled)


class ParallelEmbedding(nn.Module):
    """Look-up table split by the vocabulary."""

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        init_method: Init = nn.init.normal_,
        dtype: torch.dtype = torch.float32,
        sequence_parallel_enabled: bool = False,
    ) -> None:
        super().__init__()
        self.sequence_parallel_enabled = sequence_parallel_enabled
        self.weight = _parameter((num_embeddings, embedding_dim), 0, init_method, dtype)

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens: [B, S]. Returns [B, S, H]; under sequence parallelism [S / T, B, H]."""
        index, mine = local_tokens(tokens, self.weight.shape[0], parallel_state.tensor_axis())
        found = F.embedding(index, self.weight) * mine[..., None]
        if self.sequence_parallel_enabled:
            found = found.transpose(0, 1)
        return _end(found, self.sequence_parallel_enabled)


class GQAQKVColumnParallelLinear(nn.Module):
    """Queries, keys and values at once. Where there are more ranks than key and value heads, ranks share a head."""

    def __init__(
        self,
        input_size: int,
        output_sizes: list[int],
        bias: bool = True,
        gather_output: bool = True,
        dtype: torch.dtype = torch.float32,
        init_method: Init | None = None,
        sequence_parallel_enabled: bool = False,
        kv_size_multiplier: int = 1,
        fuse_qkv: bool = True,
    ) -> None:
        super().__init__()
        _only(bias=bias, gather_output=gather_output, fuse_qkv=fuse_qkv)
        self.sequence_parallel_enabled = sequence_parallel_enabled
        init = init_method or _usual
        queries, keys = output_sizes
        parallel_state.initialize_kv_group(kv_size_multiplier)
        self.weight_q = _parameter((queries, input_size), 0, init, dtype)
        self.weight_k = _parameter((keys, input_size), 0, init, dtype, copies=kv_size_multiplier)
        self.weight_v = _parameter((keys, input_size), 0, init, dtype, copies=kv_size_multiplier)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x: [..., H]. Returns this rank's queries, keys and values."""
        x = _begin(x, self.sequence_parallel_enabled)
        sharing = parallel_state.shared_kv_axis()
        # Ranks that share a head see other queries, and so other gradients, of which both need the sum.
        key, value = enter(self.weight_k, sharing), enter(self.weight_v, sharing)
        return F.linear(x, self.weight_q), F.linear(x, key), F.linear(x, value)


def parallel_cross_entropy(vocab_parallel_logits: Tensor, target: Tensor) -> Tensor:
    """Each position's loss in nats, in the shape of `target`; the logits' last dimension is V / T."""
    flat = vocab_parallel_logits.flatten(0, -2).float()
    return token_losses(flat, target.flatten(), parallel_state.tensor_axis()).view_as(target)


def _usual(weight: Tensor) -> None:
    nn.init.kaiming_uniform_(weight, a=5**0.5)  # what torch.nn.Linear does
