"""Data parallelism: ranks with the same weights add up their gradients, a bucket at a time, while others are computed.

Gradients are accumulated in float32, in flat buffers of which each parameter's ``grad`` is a view: a bucket is reduced
by one call, and nothing is copied.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from seatrial.train.axis import Axis

BUCKET_BYTES = 25 * 2**20
"""Large enough for the network's full speed, small enough that the first goes while others are computed."""


class _Bucket:
    def __init__(self, parameters: list[nn.Parameter]) -> None:
        self.parameters = parameters
        self.flat = torch.zeros(sum(p.numel() for p in parameters), device=parameters[0].device)
        parts = self.flat.split([p.numel() for p in parameters])
        self.views = [part.view_as(p) for part, p in zip(parts, parameters, strict=True)]
        self.missing = 0
        self.transfer: Any = None


class GradientBuckets:
    """The gradients of a model, averaged over `axis`.

    For each step: `zero`, then `expect` before the last micro-batch's backward pass, then `finish` after it.
    """

    def __init__(self, parameters: list[nn.Parameter], axis: Axis, bucket_bytes: int = BUCKET_BYTES) -> None:
        self.axis = axis
        # Backward passes reach the last layers first.
        self.buckets = [_Bucket(group) for group in _groups(parameters[::-1], bucket_bytes)]
        self._next = len(self.buckets)
        for bucket in self.buckets:
            for parameter in bucket.parameters:
                parameter.register_post_accumulate_grad_hook(lambda _, bucket=bucket: self._arrived(bucket))

    def zero(self) -> None:
        """Forget the gradients; their memory stays where it is."""
        for bucket in self.buckets:
            bucket.flat.zero_()
            for parameter, view in zip(bucket.parameters, bucket.views, strict=True):
                parameter.grad = view

    def expect(self) -> None:
        """The backward pass that now begins completes the gradients."""
        self._next = 0
        for bucket in self.buckets:
            bucket.missing = len(bucket.parameters)

    def finish(self) -> None:
        """Wait for the sums, and make means of them."""
        assert self._next == len(self.buckets), "a parameter took no part in the last backward pass"
        if self.axis.group is None:
            return
        for bucket in self.buckets:
            bucket.transfer.wait()
            bucket.flat /= self.axis.size

    def _arrived(self, bucket: _Bucket) -> None:
        bucket.missing -= 1
        # In their order: ranks would wait for each other forever if each began with another bucket.
        while self._next < len(self.buckets) and self.buckets[self._next].missing == 0:
            ready = self.buckets[self._next]
            if self.axis.group is not None:
                ready.transfer = dist.all_reduce(ready.flat, group=self.axis.group, async_op=True)
            self._next += 1


def _groups(parameters: list[nn.Parameter], bucket_bytes: int) -> list[list[nn.Parameter]]:
    groups: list[list[nn.Parameter]] = []
    size = bucket_bytes
    for parameter in parameters:
        if size >= bucket_bytes:
            groups.append([])
            size = 0
        groups[-1].append(parameter)
        size += parameter.numel() * 4  # float32
    return groups
