"""The best layouts of a job: all that there are at once, by numpy; what cannot be is counted by what forbids it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

import numpy as np

from seatrial.forecast import memory
from seatrial.forecast.fitting import TIGHT
from seatrial.forecast.rates import Numbers
from seatrial.forecast.step import step
from seatrial.forecast.traffic import Place
from seatrial.workload import Degrees, Workload

Array = np.ndarray[Any, Any]

Recompute = Literal["none", "selective", "full"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Space:
    """What may be chosen; one value leaves no choice."""

    nodes: Sequence[int]
    tensor: Sequence[int] = (1, 2, 4, 8)
    pipeline: Sequence[int] = (1, 2, 3, 4, 5, 6, 8, 9, 10, 12, 16)
    virtual_stages: Sequence[int] = (1, 2, 3, 4, 5, 6, 8, 10, 12)
    context: Sequence[int] = (1, 2, 4, 8, 16)
    expert: Sequence[int] = (1, 2, 4, 8, 16, 32, 64)
    micro_batch: Sequence[int] = (1, 2, 3, 4, 6, 8, 12, 16)
    recompute: Sequence[Recompute] = ("none", "selective", "full")


Pace = Callable[[Workload, Place], Numbers]
"""Seconds of a step of layouts: numbers of the workload are arrays, an element for each."""


def modelled(workload: Workload, place: Place) -> Numbers:
    """Seconds of a step by the model alone."""
    return step(workload, place).seconds


def choices(workload: Workload) -> dict[str, Any]:
    """What a workload has of all that a Space lets one choose, but for its nodes."""
    degrees = workload.degrees
    return {
        "tensor": degrees.tensor,
        "pipeline": degrees.pipeline,
        "virtual_stages": workload.virtual_stages,
        "context": degrees.context,
        "expert": degrees.expert,
        "micro_batch": workload.micro_batch_size,
        "recompute": workload.recompute,
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """One layout that can be."""

    nodes: int
    workload: Workload
    memory: float
    """Bytes of the fullest rank."""
    seconds: float
    """Of a step."""

    @property
    def node_seconds(self) -> float:
        """Of a step: what it costs, before anybody's price."""
        return self.nodes * self.seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a search found."""

    layouts: int
    """That were looked at."""
    forbidden: Mapping[str, int]
    """What forbids them -> how many, each counted by the first that does."""
    best: tuple[Found, ...]
    """In order."""
    frontier: tuple[Found, ...]
    """Those that no other beats in time and in node-seconds at once; the fastest first."""
    nodes: Array = field(compare=False, repr=False)
    """Of each that can be, in no order."""
    seconds: Array = field(compare=False, repr=False)
    """Of a step of each of them."""


def search(
    workload: Workload,
    place: Place,
    space: Space,
    *,
    per_node: int,
    available: float,
    minimise: Literal["cost", "time"] = "time",
    longest: float = math.inf,
    dearest: float = math.inf,
    count: int = 20,
    pace: Pace = modelled,
) -> Answer:
    """Layouts of the same training: global batch, sequences and states stay.

    `per_node` are the ranks of a node, `available` the bytes that a rank may use: four fifths of them are planned with,
    what an estimate like this never exceeded. `longest` is what a step may take in seconds, `dearest` in node-seconds,
    in which cost is counted. `pace` says what a step takes. ValueError, with what is not known of it.
    """
    forbidden: dict[str, int] = {}
    parts = [
        _of(workload, place, space, recompute, per_node, available, forbidden, pace) for recompute in space.recompute
    ]
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    arrays = _kept(arrays, lambda one: one["seconds"] <= longest, "deadline", forbidden)
    arrays = _kept(arrays, lambda one: one["nodes"] * one["seconds"] <= dearest, "budget", forbidden)
    cost = arrays["nodes"] * arrays["seconds"]
    order = np.lexsort((cost, arrays["seconds"]) if minimise == "time" else (arrays["seconds"], cost))

    def found(index: int) -> Found:
        one = {name: values[index].item() for name, values in arrays.items()}
        return Found(
            nodes=one["nodes"],
            workload=_workload(workload, one, space.recompute[one["recompute"]]),
            memory=one["memory"],
            seconds=one["seconds"],
        )

    fastest = np.lexsort((cost, arrays["seconds"]))
    cheapest_so_far = np.minimum.accumulate(cost[fastest]) if len(cost) else cost
    front = [fastest[i] for i in range(len(fastest)) if i == 0 or cost[fastest[i]] < cheapest_so_far[i - 1]]
    return Answer(
        layouts=_size(space),
        forbidden=forbidden,
        best=tuple(found(index) for index in order[:count]),
        frontier=tuple(found(index) for index in front),
        nodes=arrays["nodes"],
        seconds=arrays["seconds"],
    )


def _size(space: Space) -> int:
    return math.prod(len(getattr(space, one.name)) for one in fields(space))


NAMES = ("nodes", "tensor", "pipeline", "virtual_stages", "context", "expert", "micro_batch")


def _of(
    workload: Workload, place: Place, space: Space, recompute: Recompute, per_node: int, available: float,
    forbidden: dict[str, int], pace: Pace,
) -> dict[str, Array]:  # fmt: skip
    """All layouts with one kind of recomputation that can be, with their time and memory."""
    grid = np.meshgrid(*(np.asarray(getattr(space, name)) for name in NAMES), indexing="ij")
    arrays = {name: axis.ravel() for name, axis in zip(NAMES, grid, strict=True)}
    ranks = arrays["nodes"] * per_node
    arrays["data"] = ranks // (arrays["tensor"] * arrays["pipeline"] * arrays["context"])
    for reason, good in _rules(workload, place, per_node):
        arrays = _kept(arrays, good, reason, forbidden)
    layouts = _workload(workload, arrays, recompute)
    total = np.broadcast_to(np.asarray(memory.fullest(layouts)[1].total, float), arrays["data"].shape)
    arrays = _kept({**arrays, "memory": total}, lambda one: one["memory"] <= TIGHT * available, "memory", forbidden)
    seconds = pace(_workload(workload, arrays, recompute), place)
    arrays["seconds"] = np.broadcast_to(np.asarray(seconds, float), arrays["data"].shape)
    arrays["recompute"] = np.full(arrays["data"].shape, space.recompute.index(recompute))
    return arrays


def _kept(arrays: dict[str, Array], good: Any, reason: str, forbidden: dict[str, int]) -> dict[str, Array]:
    mask = good(arrays)
    if lost := int((~mask).sum()):
        forbidden[reason] = forbidden.get(reason, 0) + lost
    return {name: values[mask] for name, values in arrays.items()}


def _rules(workload: Workload, place: Place, per_node: int) -> Iterator[tuple[str, Any]]:
    """What a layout must keep, in the order in which it is asked."""
    model, length = workload.model, workload.sequence_length or 1
    assert model is not None  # step() knows no others
    experts = getattr(model, "num_experts", 0)
    heads = min(model.num_heads, getattr(model, "num_kv_heads", model.num_heads))

    def together(one: dict[str, Array]) -> Array:
        return one["tensor"] * one["pipeline"] * one["context"]

    yield "ranks do not divide", lambda one: one["nodes"] * per_node % together(one) == 0
    yield "tensor parallelism beyond NVLink", lambda one: one["tensor"] <= place.links.domain
    yield "heads do not divide", lambda one: heads % one["tensor"] == 0
    yield "layers do not divide", lambda one: model.num_layers % (one["pipeline"] * one["virtual_stages"]) == 0
    yield "virtual stages without a pipeline", lambda one: (one["virtual_stages"] == 1) | (one["pipeline"] > 1)
    yield "sequence does not divide", lambda one: (length % (2 * one["context"]) == 0) | (one["context"] == 1)
    yield (
        "experts do not divide",
        lambda one: (
            (one["expert"] == 1)
            | ((max(experts, 1) % one["expert"] == 0) & ((one["data"] * one["context"]) % one["expert"] == 0))
        ),
    )
    yield (
        "global batch does not divide",
        lambda one: workload.global_batch_size % (one["micro_batch"] * one["data"]) == 0,
    )
    yield (
        "fewer micro-batches than stages",
        lambda one: workload.global_batch_size >= one["micro_batch"] * one["data"] * one["pipeline"],
    )
    yield (
        "micro-batches do not divide by stages",
        lambda one: (
            (one["virtual_stages"] == 1)
            | (workload.global_batch_size // (one["micro_batch"] * one["data"]) % one["pipeline"] == 0)
        ),
    )


def _workload(workload: Workload, one: Mapping[str, Any], recompute: Recompute) -> Workload:
    """With these numbers, or arrays, in the place of its own. States are dealt out as widely as before, or over all."""
    every = one["data"] * one["context"]
    degrees = workload.degrees
    whole = degrees.shard >= degrees.data * degrees.context
    return replace(
        workload,
        micro_batch_size=one["micro_batch"],
        virtual_stages=one["virtual_stages"],
        recompute=recompute,
        degrees=Degrees(
            tensor=one["tensor"],
            pipeline=one["pipeline"],
            context=one["context"],
            expert=one["expert"],
            data=one["data"],
            shard=every if whole else np.minimum(every, degrees.shard),
        ),
    )
