"""Context parallelism: each rank holds a stretch of every sequence, and keys and values travel around a ring.

Rank r begins with its own keys and values and hands them on, so that after C - 1 hops every rank has met all of them.
The softmax over all positions is put together from the stretches by their log-sum-exp (arXiv:2310.01889). Rank r
attends to the stretches 0 .. r alone: under a causal mask later ones are invisible, so the last rank has the most work.

Shapes: B sequences, L positions of this rank, K key/value heads, G query heads of each, D head width, C ranks.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd import Function

from seatrial.train.axis import Axis


def ring_attention(query: Tensor, key: Tensor, value: Tensor, axis: Axis) -> Tensor:
    """Causal attention over a sequence that is spread over `axis`.

    query: [B, K * G, L, D]; key, value: [B, K, L, D], all already rotated. Returns [B, K * G, L, D].
    """
    batch, heads, length, width = query.shape
    grouped = query.reshape(batch, key.shape[1], -1, length, width)
    with torch.autocast(query.device.type, enabled=False):  # the sums over stretches need float32
        mixed: Tensor = _Ring.apply(grouped, key, value, axis)  # type: ignore[no-untyped-call] # torch leaves it so
    return mixed.reshape(batch, heads, length, width)


class _Ring(Function):
    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, axis: Axis) -> Tensor:
        travelling = torch.stack((key, value))  # [2, B, K, L, D]
        mixed = torch.zeros_like(query, dtype=torch.float32)
        log_sum = torch.full(query.shape[:-1], -torch.inf, device=query.device)  # [B, K, G, L]
        for hop in range(axis.size):
            # What is here now goes on while it is being used.
            arriving, transfer = _pass_on(travelling, axis) if hop < axis.size - 1 else (travelling, [])
            if hop <= axis.rank:  # the stretch of rank - hop
                part, part_sum = _attend(query, *travelling, causal=hop == 0)
                total = torch.logaddexp(log_sum, part_sum)
                mixed = mixed * (log_sum - total).exp()[..., None] + part * (part_sum - total).exp()[..., None]
                log_sum = total
            _wait(transfer)
            travelling = arriving
        result = mixed.to(query.dtype)
        ctx.axis = axis
        ctx.save_for_backward(query, key, value, result, log_sum)
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        query, key, value, result, log_sum = ctx.saved_tensors
        axis: Axis = ctx.axis
        gradient = gradient.float()
        inner = (gradient * result.float()).sum(dim=-1)  # [B, K, G, L]
        # Keys and values take the gradients that they have gathered with them, and after C hops all are at home.
        travelling = torch.stack((key.float(), value.float(), *torch.zeros(2, *key.shape, device=key.device)))
        query_gradient = torch.zeros_like(query, dtype=torch.float32)
        for hop in range(axis.size):
            if hop <= axis.rank:
                to_query, to_key, to_value = _attend_backward(
                    gradient, inner, log_sum, query, travelling[0], travelling[1], causal=hop == 0
                )
                query_gradient += to_query
                travelling[2] += to_key
                travelling[3] += to_value
            arriving, transfer = _pass_on(travelling, axis)
            _wait(transfer)
            travelling = arriving
        return query_gradient.to(query.dtype), travelling[2].to(key.dtype), travelling[3].to(value.dtype), None


def _scores(query: Tensor, key: Tensor, causal: bool) -> Tensor:
    """Scaled products of queries [B, K, G, L, D] and keys [B, K, L, D]: [B, K, G, L, L], float32."""
    scores = query.float() @ key.float()[:, :, None].transpose(-1, -2) * query.shape[-1] ** -0.5
    if causal:
        later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
        scores = scores.masked_fill(later, -torch.inf)
    return scores


def _attend(query: Tensor, key: Tensor, value: Tensor, *, causal: bool) -> tuple[Tensor, Tensor]:
    """Attention to one stretch: its result [B, K, G, L, D], and the log-sum-exp of its scores [B, K, G, L]."""
    scores = _scores(query, key, causal)
    log_sum = scores.logsumexp(dim=-1)
    return (scores - log_sum[..., None]).exp() @ value.float()[:, :, None], log_sum


def _attend_backward(
    gradient: Tensor, inner: Tensor, log_sum: Tensor, query: Tensor, key: Tensor, value: Tensor, *, causal: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of query, key and value from one stretch, whose weights are made again from the whole log-sum-exp."""
    weights = (_scores(query, key, causal) - log_sum[..., None]).exp()
    to_value = (weights.transpose(-1, -2) @ gradient).sum(dim=2)  # over the G heads that share it
    to_scores = weights * (gradient @ value[:, :, None].transpose(-1, -2) - inner[..., None])
    to_scores = to_scores * query.shape[-1] ** -0.5
    to_key = (to_scores.transpose(-1, -2) @ query.float()).sum(dim=2)
    return to_scores @ key[:, :, None], to_key, to_value


def _pass_on(tensor: Tensor, axis: Axis) -> tuple[Tensor, list[Any]]:
    """Send to the next rank of the ring, receive from the one before; wait before the received tensor is used."""
    arriving = torch.empty_like(tensor)
    send = dist.P2POp(dist.isend, tensor, axis.neighbour(1), axis.group)
    receive = dist.P2POp(dist.irecv, arriving, axis.neighbour(-1), axis.group)
    return arriving, dist.batch_isend_irecv([send, receive])


def _wait(transfer: list[Any]) -> None:
    for request in transfer:
        request.wait()
