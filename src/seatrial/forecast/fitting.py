"""Whether a rank's memory holds what it needs, how certain that is, and which changes of the job would make it hold."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal, get_args

from seatrial.forecast import memory
from seatrial.forecast.hybrid import HybridDecoder
from seatrial.forecast.interval import Interval

if TYPE_CHECKING:
    from seatrial.forecast.memory import Memory
    from seatrial.models import Decoder, Encoder
    from seatrial.workload import Workload

Verdict = Literal["fits", "tight", "does not fit", "unknown"]

TIGHT = 0.8
"""Share of the memory up to which an estimate like ours never failed, in 454 experiments on A100 and H100:
arXiv:2411.06465, abstract."""
UNSURE = 0.1
"""Share by which the forecast is wrong one time in five at most: kernels keep more or less than is counted. Of the 35
published measurements that `benchmarks/forecast_memory.py` lists 31 are within it."""
PEAKS: Mapping[str, str] = {
    "torchtitan": "11 published peaks of torchtitan",
    "megatron-lm": "14 published peaks of Megatron-LM",
    "fsdp": "PyTorch's own count of nine shapes of fsdp",
}
"""Framework, or a case without one -> what its memory was held against."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fit:
    """The answer for one layout."""

    stage: int
    """The pipeline stage that decides."""
    memory: Memory
    """Its rank's, by component."""
    bytes: Interval
    """All of it."""
    available: float
    """Bytes that a rank may use."""
    unknown: tuple[str, ...]
    """Components that are left out, or a part of them, since the model's shape or what its layers keep is not known:
    then the bytes are a bound from below."""

    @property
    def verdict(self) -> Verdict:
        """Tight between `TIGHT` of what is available, and what even the lower end needs."""
        if self.bytes.low > self.available:
            return "does not fit"
        if self.bytes.expected > TIGHT * self.available:
            return "tight"
        return "unknown" if self.unknown else "fits"


def fit(workload: Workload, available: float, *, on_gpu: bool = True) -> Fit:
    """Hold a workload's fullest rank against the bytes that a rank may use."""
    stage, found = memory.fullest(workload, on_gpu=on_gpu)
    model = workload.model
    unknown: tuple[str, ...] = ("activations", "logits", "gathered") if model is None else ()
    if isinstance(model, HybridDecoder) and model.recurrence and model.recurrence.rule == "gated delta":
        unknown = ("activations",)  # nobody says what its kernels keep
    return Fit(
        stage=stage,
        memory=found,
        bytes=Interval(
            max(1 - UNSURE, found.states / found.total) * found.total, found.total, (1 + UNSURE) * found.total
        ),
        available=available,
        unknown=unknown,
    )


Kind = Literal[
    "accumulate", "loss", "reshard", "optimizer", "shard", "micro_batch", "recompute", "expert", "pipeline", "tensor",
    "context", "offload",
]  # fmt: skip
"""What of a job a change touches."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """A workload that fits where another did not."""

    names: tuple[str, ...]
    """What is different, such as ``full recomputation``."""
    workload: Workload
    fit: Fit
    price: float | None
    """Seconds that a step takes longer, if whoever asked gave a function that tells."""


@dataclass(frozen=True, slots=True)
class Move:
    """One step from a workload to another."""

    kind: Kind
    name: str
    make: Callable[[Workload], Workload | None]
    """None: it cannot be made of this workload."""


def changes(
    workload: Workload,
    available: float,
    *,
    on_gpu: bool = True,
    kinds: Container[Kind] = get_args(Kind),
    price: Callable[[Workload], float] | None = None,
    at_most: int = 5,
) -> list[Change]:
    """The cheapest changes of these kinds that make it fit: single ones, or, where none does, pairs, or threes.

    By `price`, which tells how many seconds a step of a workload takes longer than now; without it in the order of
    `_moves`, which begins with what costs least as a rule. The number of ranks and the global batch stay.
    """
    moves = [move for move in _moves(workload) if move.kind in kinds]
    for together in (1, 2, 3):
        found = [
            Change(names=names, workload=changed, fit=answer, price=price(changed) if price else None)
            for names, changed in _combined(workload, moves, together)
            if (answer := fit(changed, available, on_gpu=on_gpu)).verdict == "fits"
        ]
        if found:
            return sorted(found, key=lambda change: change.price or 0.0)[:at_most]
    return []


def _combined(workload: Workload, moves: list[Move], together: int) -> Iterator[tuple[tuple[str, ...], Workload]]:
    """Workloads after so many moves at once, each of another kind."""
    for chosen in combinations(moves, together):
        if len({move.kind for move in chosen}) < together:
            continue
        changed: Workload | None = workload
        for move in chosen:
            changed = move.make(changed) if changed else None
        if changed is not None:
            yield tuple(move.name for move in chosen), changed


def _moves(workload: Workload) -> Iterator[Move]:
    """What may be changed, by what it costs as a rule: communication, computation, copies to the host."""
    if workload.accumulate_whole and workload.micro_batches > 1:
        yield Move("accumulate", "gradients reduced after each micro-batch", _with(accumulate_whole=False))
    if workload.model is not None and workload.loss_chunks == 1:
        yield Move("loss", "the loss in 8 chunks", _with(loss_chunks=8))
    yield from _shards(workload)
    if workload.micro_batch_size > 1:
        half = workload.micro_batch_size // 2
        yield Move("micro_batch", f"micro-batches of {half}", _with(micro_batch_size=half))
    if workload.model is not None:
        for more in {"none": ("selective", "full"), "selective": ("full",), "full": ()}[workload.recompute]:
            yield Move("recompute", f"{more} recomputation", _with(recompute=more))
        yield from _parallel(workload, workload.model)
    if workload.states.optimizer:
        yield Move("offload", "the optimizer in the host's memory", _offload)


def _shards(workload: Workload) -> Iterator[Move]:
    """More that ranks share."""
    degrees = workload.degrees
    every = degrees.data * degrees.context
    if "parameters" in workload.sharded and not workload.reshard_after_forward and degrees.pipeline == 1:
        yield Move("reshard", "weights freed after the forward pass", _with(reshard_after_forward=True))
    if "optimizer" not in workload.sharded and degrees.data > 1:
        yield Move("optimizer", "a sharded optimizer", _shard_the_optimizer)
    if workload.sharded and degrees.shard < every:
        for size in sorted({size for size in (2 * degrees.shard, every) if every % size == 0}):
            yield Move("shard", f"shards over {size} ranks", _sharded(size))


def _parallel(workload: Workload, model: Decoder | Encoder) -> Iterator[Move]:
    """Larger degrees out of the same ranks, as far as heads, layers, experts and tokens divide."""
    degrees, data = workload.degrees, workload.degrees.data
    experts, length = getattr(model, "num_experts", 0), workload.sequence_length or 1
    for factor in (2, 4):
        expert = factor * degrees.expert
        if experts and experts % expert == 0 and data * degrees.context % expert == 0:
            yield Move("expert", f"expert parallelism of {expert}", _degree("expert", factor, keeps_data=True))
        if data % factor:
            continue
        pipeline, tensor, context = (factor * each for each in (degrees.pipeline, degrees.tensor, degrees.context))
        if model.num_layers % pipeline == 0:
            yield Move("pipeline", f"{pipeline} pipeline stages", _degree("pipeline", factor))
        if model.num_heads % tensor == 0:
            yield Move("tensor", f"tensor parallelism of {tensor}", _degree("tensor", factor))
        if length % (2 * context) == 0:  # two pieces each, so that all have the same work
            yield Move("context", f"context parallelism of {context}", _degree("context", factor))


def _degree(name: str, factor: int, *, keeps_data: bool = False) -> Callable[[Workload], Workload | None]:
    """Multiply a degree, and divide that of data parallelism unless the ranks come out of it anyway."""

    def move(workload: Workload) -> Workload | None:
        degrees = workload.degrees
        changed = {name: getattr(degrees, name) * factor}
        if not keeps_data:
            if degrees.data % factor:
                return None
            data = degrees.data // factor
            context = changed.get("context", degrees.context)
            changed |= {"data": data, "shard": min(degrees.shard, data * context)}
        return replace(workload, degrees=replace(degrees, **changed))

    return move


def _sharded(size: int) -> Callable[[Workload], Workload]:
    return lambda workload: replace(workload, degrees=replace(workload.degrees, shard=size))


def _with(**fields: Any) -> Callable[[Workload], Workload]:
    return lambda workload: replace(workload, **fields)


def _shard_the_optimizer(workload: Workload) -> Workload:
    every = workload.degrees.data * workload.degrees.context
    return replace(workload, sharded=(*workload.sharded, "optimizer"), degrees=replace(workload.degrees, shard=every))


def _offload(workload: Workload) -> Workload:
    return replace(workload, states=replace(workload.states, optimizer=0))
