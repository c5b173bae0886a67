"""One operation on one size: its buffers, the call, and what every element must be afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

IN_PLACE = ("all_reduce", "broadcast")
"""Operations that torch.distributed does in place only."""
SPLIT = ("all_gather", "reduce_scatter", "all_to_all")
"""Operations of whose size each rank has a part."""
ROOT = 0
"""Whose data a broadcast spreads."""
_CHUNK = 2**22
"""Elements that are compared at a time, so that a comparison takes little memory beside the buffers."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """Who takes part, and who we are among them."""

    rank: int
    count: int
    group: dist.ProcessGroup | None = None
    """None: the default group."""


@dataclass(frozen=True, slots=True)
class Operation:
    """Buffers of one size, and what is done with them."""

    name: str
    ranks: Ranks
    elements: int
    """nccl-tests' count: a rank's part, where there are parts."""
    source: Tensor
    target: Tensor
    """The same as `source` where it is done in place."""

    @classmethod
    def of(cls, name: str, size: int, dtype: torch.dtype, device: torch.device, ranks: Ranks) -> Operation:
        """Of about `size` bytes: whole elements, and equal parts, at least one each."""
        parts = ranks.count if name in SPLIT else 1
        elements = max(size // dtype.itemsize // parts, 1)

        def buffer(count: int) -> Tensor:
            return torch.zeros(count, dtype=dtype, device=device)

        source = buffer(elements if name == "all_gather" else elements * parts)
        target = source if name in IN_PLACE else buffer(elements if name == "reduce_scatter" else elements * parts)
        return cls(name, ranks, elements, source, target)

    @property
    def size(self) -> int:
        """Bytes, as nccl-tests counts them."""
        parts = self.ranks.count if self.name in SPLIT else 1
        return self.elements * parts * self.source.element_size()

    def run(self) -> None:
        """Once; on a GPU it may still be going on afterwards."""
        _CALLS[self.name](self)

    def wrong(self) -> int:
        """Elements that are not what they must be, after doing it once more with known ones. A collective."""
        for start, part in _chunks(self.source):
            part.copy_(values(self.ranks.rank, start, part))
        self.run()
        count = 0
        for start, part in _chunks(self.target):
            must = self._expected(start, part)
            # A half has 8 or 11 bits, and a sum of many is rounded in every order of its terms.
            exact = part.dtype == torch.float32
            slack = 0.0 if exact else torch.finfo(part.dtype).eps * self.ranks.count * must.abs()
            count += int((~((part.float() - must).abs() <= slack)).sum())  # NaN is wrong, too
        if self.name in IN_PLACE:
            self.source.zero_()
        return count

    def _expected(self, start: int, part: Tensor) -> Tensor:
        rank, count, n = self.ranks.rank, self.ranks.count, self.elements
        if self.name == "all_reduce":
            return total(count, start, part)
        if self.name == "reduce_scatter":
            return total(count, rank * n + start, part)
        if self.name == "broadcast":
            return values(ROOT, start, part)
        if self.name == "sendrecv":
            return values((rank - 1) % count, start, part)
        index = torch.arange(start, start + len(part), device=part.device)
        sender, at = index // n, index % n
        return _pattern(sender, at + rank * n if self.name == "all_to_all" else at)


def _chunks(buffer: Tensor) -> Iterator[tuple[int, Tensor]]:
    for start in range(0, len(buffer), _CHUNK):
        yield start, buffer[start : start + _CHUNK]


def _pattern(rank: Tensor | int, index: Tensor) -> Tensor:
    """1 to 5: sums of a million ranks are exact in float32; a neighbour's element, or another rank's, is another."""
    return ((index + 3 * rank) % 5 + 1).float()


def values(rank: int, start: int, like: Tensor) -> Tensor:
    """What `rank` puts in, from element `start` on."""
    return _pattern(rank, torch.arange(start, start + len(like), device=like.device))


def total(ranks: int, start: int, like: Tensor) -> Tensor:
    """What all put in, together. Ranks that are 5 apart put in the same."""
    each = [ranks // 5 + (rank < ranks % 5) for rank in range(5)]
    parts = [times * values(rank, start, like) for rank, times in enumerate(each) if times]
    return torch.stack(parts).sum(dim=0)


def _all_reduce(o: Operation) -> None:
    dist.all_reduce(o.target, group=o.ranks.group)


def _broadcast(o: Operation) -> None:
    dist.broadcast(o.target, src=ROOT, group=o.ranks.group)


def _all_gather(o: Operation) -> None:
    dist.all_gather_into_tensor(o.target, o.source, group=o.ranks.group)


def _reduce_scatter(o: Operation) -> None:
    dist.reduce_scatter_tensor(o.target, o.source, group=o.ranks.group)


def _all_to_all(o: Operation) -> None:
    dist.all_to_all_single(o.target, o.source, group=o.ranks.group)


def _sendrecv(o: Operation) -> None:
    rank, count = o.ranks.rank, o.ranks.count
    calls = [
        dist.P2POp(dist.isend, o.source, (rank + 1) % count),
        dist.P2POp(dist.irecv, o.target, (rank - 1) % count),
    ]
    for work in dist.batch_isend_irecv(calls):
        work.wait()


_CALLS: dict[str, Callable[[Operation], None]] = {
    "all_reduce": _all_reduce,
    "all_gather": _all_gather,
    "reduce_scatter": _reduce_scatter,
    "all_to_all": _all_to_all,
    "broadcast": _broadcast,
    "sendrecv": _sendrecv,
}
