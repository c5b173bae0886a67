"""How long a collective operation takes, by which algorithm and protocol: the quickest that NCCL may choose."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seatrial.forecast.links import Links
from seatrial.forecast.ways import Floats, Group, dispatched, ways

Numbers = int | float | npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Fitted:
    """What is not in anybody's table, fitted to published measurements: benchmarks/forecast_collectives.py."""

    inside: float = 0.98
    """Share of `Links.inside` that a large operation gets."""
    between: float = 0.93
    """Share of the network's line rate that a large operation gets."""
    fill: float = 128 * 2**20
    """Bytes that lie in the stages of a switch or a tree before the first is through. 16 channels with the 8 MiB that
    aws-ofi-nccl sets for NCCL_BUFFSIZE are as many."""
    start: float = 33e-6
    """Seconds until the ranks of a domain, coming from a barrier, are all in an operation."""
    start_between: float = 240e-6
    """The same across domains."""


FITTED = Fitted()


@dataclass(frozen=True, slots=True)
class Times:
    """Of operations; arrays of one shape."""

    seconds: Floats
    """NaN where a link that it needs is not known."""
    way: npt.NDArray[np.str_]
    """One of WAYS."""
    protocol: npt.NDArray[np.str_]
    """One of nccl.PROTOCOLS; empty for none."""


def times(
    operation: str,
    size: Numbers,
    ranks: Numbers,
    inner: Numbers,
    links: Links,
    *,
    only: str | None = None,
    alone: bool = False,
    fitted: Fitted = FITTED,
) -> Times:
    """Of operations on `size` bytes: all that a rank has afterwards, or before a reduce-scatter, as in nccl-tests.

    `ranks` take part, of which at most `inner` share a domain, as many in each; both at least 1. `alone`: whether its
    ranks come to it from a barrier, as in torch's benchmark; otherwise one follows another, as nccl-tests measures.
    `only`: one of WAYS, as NCCL_ALGO forces it. All numbers broadcast. Raises ValueError for an unknown operation.
    """
    group = _group(size, ranks, inner, links, fitted)
    found = [way for way in ways(operation, group) if only in (None, way[0]) and way[1] in links.protocols]
    if not found:
        raise ValueError(f"{operation} by {only}")
    table = np.stack([seconds for _, _, seconds in found])
    known = np.where(np.isnan(table), np.inf, table)
    best = np.argmin(known, axis=0)
    seconds = np.take_along_axis(table, best[None], axis=0)[0]
    lone = group.ranks <= 1
    if alone:
        seconds = seconds + np.where(group.domains > 1, fitted.start_between, fitted.start)
    return Times(
        seconds=np.where(lone, 0.0, seconds),
        way=np.where(lone, "none", np.array([way for way, _, _ in found])[best]),
        protocol=np.where(lone, "", np.array([protocol for _, protocol, _ in found])[best]),
    )


def quickest(operation: str, size: Numbers, ranks: Numbers, inner: Numbers, links: Links) -> Floats:
    """The seconds of `times`, of operations that follow one another: for many layouts."""
    if np.all(np.asarray(ranks) <= 1):
        return np.zeros(np.broadcast(size, ranks, inner).shape)
    group = _group(size, ranks, inner, links, FITTED)
    found = (seconds for _, protocol, seconds in ways(operation, group) if protocol in links.protocols)
    return np.where(group.ranks <= 1, 0.0, functools.reduce(np.fmin, found))


def exchange(size: Numbers, ranks: Numbers, taken: int, links: Links, groups: tuple[int, int] = (1, 1)) -> Floats:
    """Seconds in which ranks send tokens to the experts that others hold, `taken` of them by chance for each token.

    `size` is that of one copy of all tokens of a rank, in bytes. A copy crosses to each domain once and is spread
    inside it, as DeepEP and HybridEP dispatch (https://github.com/deepseek-ai/DeepEP). `groups`: into how many experts
    are divided, and how many of these a token chooses first, so that it goes to fewer nodes (arXiv:2412.19437, section
    2.1.2).
    """
    many = np.maximum(np.asarray(ranks, float), 1.0)
    group = _group(size, many, np.minimum(many, links.domain), links, FITTED)

    def reached(places: Floats) -> Floats:
        """How many of so many places a token goes to beside its own."""
        every, chosen = groups
        blocks = np.minimum(places, every)
        missed = np.prod([np.maximum(every - every / blocks - i, 0) / (every - i) for i in range(chosen)], axis=0)
        within = places / blocks
        visited: Floats = blocks * (1 - missed) * within * (1 - (1 - 1 / within) ** (taken / chosen))
        return visited * (places - 1) / places

    near = reached(many) / group.inside
    far = reached(group.domains) / (group.between / group.inner)
    return np.where(many > 1, dispatched(group) + group.size * np.maximum(near, far), 0.0)


def _group(size: Numbers, ranks: Numbers, inner: Numbers, links: Links, fitted: Fitted) -> Group:
    bytes_, all_, most = (
        np.asarray(a, dtype=np.float64)
        for a in np.broadcast_arrays(np.asarray(size), np.asarray(ranks), np.asarray(inner))
    )
    domains = np.ceil(all_ / most)
    mine = all_ / domains
    inside = np.nan if links.inside is None else links.inside * fitted.inside
    between = np.nan if links.between is None else links.between * fitted.between
    return Group(
        size=bytes_,
        ranks=all_,
        inner=mine,
        domains=domains,
        inside=np.where(mine > 1, inside, np.inf),
        between=np.where(domains > 1, between * mine, np.inf),
        hop=links.hop or 0.0,
        links=links,
        fill=fitted.fill,
    )
