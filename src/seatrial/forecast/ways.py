"""Ways to do a collective operation, each a line: time = latency + size / bandwidth.

Latencies and shares are those of seatrial.forecast.nccl, bandwidths follow from what crosses each link:

- ring: each accelerator passes 2(n-1)/n of an all-reduce on, (n-1)/n of an all-gather; between domains there is a ring
  for every network card, so that all cards of an instance carry at the same time.
- tree: a chain within the domain, a double binary tree between: two domains pass each byte once in each direction,
  more of them twice (Sanders, Speck, Träff, "Two-tree algorithms", 2009).
- NVLS: the switch adds up, n-1 of n parts, with at most 8 in use; NVLS tree: that within, and a tree between.
- PAT: a tree of all-gathers and reduce-scatters for one rank in a domain.
- pairwise: every rank sends to every other at once.

A switch or a tree passes on only what it has: before the first byte is through, the stages work one after the other.
`Group.fill` is how much lies in them, and messages that are smaller go through one stage after the other as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seatrial.forecast import nccl
from seatrial.forecast.links import Links

Floats = npt.NDArray[np.float64]

OPERATIONS = ("all_reduce", "all_gather", "reduce_scatter", "all_to_all", "broadcast", "sendrecv")
WAYS = ("none", "ring", "tree", "NVLS", "NVLS tree", "PAT", "pairwise")
"""Algorithms; none: a single rank has nothing to send."""
SWITCHED = 8
"""Ranks up to which a switch gains by having more: 72 GB200 reach the bus bandwidth of 8 B200 (834.6 and 838 GB/s at
8 GiB: coreweave/nccl-tests#43, stas00/ml-engineering)."""


@dataclass(frozen=True, slots=True)
class Group:
    """The ranks of an operation, and what joins them; arrays of one shape."""

    size: Floats
    ranks: Floats
    inner: Floats
    """Ranks that share a domain."""
    domains: Floats
    inside: Floats
    """Bytes a second of a rank within its domain; infinite where it is alone there."""
    between: Floats
    """Bytes a second of all ranks of a domain to others; infinite for a single domain."""
    hop: float
    links: Links
    fill: float

    @property
    def levels(self) -> Floats:
        """Of a tree over the domains."""
        return np.ceil(np.log2(np.maximum(self.domains, 1)))


Way = tuple[str, str, Floats]
"""Algorithm, protocol, seconds; infinite where it is not to be had."""


def ways(operation: str, group: Group) -> Iterator[Way]:
    """All that NCCL has for it. Raises ValueError for an unknown operation."""
    if operation in ("all_to_all", "sendrecv"):
        yield _pairwise(operation, group)
        return
    if operation not in OPERATIONS:
        raise ValueError(operation)
    yield from _rings(operation, group)
    if operation == "all_reduce":
        yield from _trees(group)
        if group.links.nvls:
            yield _nvls(group)
            yield _nvls_tree(group)
    elif operation != "broadcast":
        yield _pat(group)


def _inner_hop(group: Group, way: str, protocol: int) -> float:
    return nccl.INSIDE[group.links.medium][way][protocol]


def _outer_hop(group: Group, base: float, protocol: int) -> float:
    return base + group.hop * (2 if nccl.PROTOCOLS[protocol] == "Simple" else 1)


def _ll_most(group: Group) -> Floats:
    few, many = nccl.LL_MOST
    return np.where(group.domains <= 1, np.inf, np.where(group.domains <= 2, few, many))


def _rings(operation: str, group: Group) -> Iterator[Way]:
    """Steps pass (n-1)/n of the size, twice in an all-reduce; a broadcast passes all of it along a chain."""
    rounds = 2 if operation == "all_reduce" else 1
    share = 1.0 if operation == "broadcast" else (group.ranks - 1) / group.ranks
    passed, narrowest = rounds * share * group.size, np.minimum(group.inside, group.between)
    outer = rounds * (group.domains - 1)
    steps = rounds * (group.ranks - 1) - outer
    crosses = group.domains > 1
    for number, protocol in enumerate(nccl.PROTOCOLS):
        hop = _inner_hop(group, "ring", number)
        latency = (
            nccl.BASE["ring"][number]
            + steps * np.where(crosses, max(hop, nccl.POST[number]), hop)
            + outer * _outer_hop(group, nccl.NETWORK["ring"][number], number)
        )
        bandwidth = narrowest * {"LL": nccl.LL_SHARE, "LL128": nccl.LL128_SHARE}.get(protocol, 1.0)
        if protocol == "LL":
            bandwidth = np.minimum(bandwidth, _ll_most(group))
        yield "ring", protocol, latency + passed / bandwidth


def _crossed(group: Group) -> Floats:
    """How often a byte crosses a domain's network in each direction, in a tree that goes up and down."""
    return np.where(group.domains > 2, 2.0, 1.0)


def _trees(group: Group) -> Iterator[Way]:
    for number, protocol in enumerate(nccl.PROTOCOLS):
        latency = nccl.BASE["tree"][number] + 2 * (
            (group.inner - 1) * _inner_hop(group, "tree", number)
            + group.levels * _outer_hop(group, nccl.NETWORK["tree"][number], number)
        )
        kept = nccl.TREE_SHARE * {"LL": nccl.TREE_LL_SHARE, "LL128": nccl.TREE_LL128_SHARE}.get(protocol, 1.0)
        share = kept * _curve(group.size, number)
        inside, between = group.inside * share / 2, group.between * share / _crossed(group)
        if protocol == "LL":
            between = np.minimum(between, _ll_most(group) / 2)
        yield "tree", protocol, latency + _staged(group, inside, between)


def _curve(size: Floats, protocol: int) -> Floats:
    curve = nccl.TREE_CURVE[protocol]
    place = np.floor(np.log2(np.maximum(size, 64) / 64)).astype(int)
    share: Floats = np.array(curve, dtype=np.float64)[np.minimum(place, len(curve) - 1)]
    return share


def _staged(group: Group, inside: Floats, between: Floats) -> Floats:
    """Seconds of two stages that work at the same time once they are filled."""
    slow, fast = np.minimum(inside, between), np.maximum(inside, between)
    return group.size / slow + np.minimum(group.size, group.fill) / fast


def _nvls_bandwidth(group: Group) -> Floats:
    parts = np.minimum(group.inner, SWITCHED)
    switched: Floats = np.where(parts > 1, group.inside, 0.0) * group.links.nvls * (parts - 1) / parts
    return switched


def _nvls(group: Group) -> Way:
    """Adding up and spreading are its stages. Two ranks need no switch."""
    bandwidth = _nvls_bandwidth(group)
    there = (group.domains <= 1) & (group.inner > 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        seconds = nccl.NVLS_INSIDE + _staged(group, bandwidth, bandwidth)
    return "NVLS", "Simple", np.where(there, seconds, np.inf)


def _nvls_tree(group: Group) -> Way:
    hop = _outer_hop(group, nccl.NVLS_NETWORK, nccl.PROTOCOLS.index("Simple"))
    latency = nccl.NVLS_INSIDE + 2 * group.levels * hop
    between = group.between * group.links.nvls / _crossed(group)
    there = (group.domains > 1) & (group.inner > 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        seconds = latency + _staged(group, _nvls_bandwidth(group), between)
    return "NVLS tree", "Simple", np.where(there, seconds, np.inf)


def _pat(group: Group) -> Way:
    latency = nccl.PAT_BASE + group.levels * _outer_hop(group, nccl.NETWORK["tree"][2], 2)
    seconds = latency + (group.ranks - 1) / group.ranks * group.size / (group.between * nccl.PAT_SHARE)
    return "PAT", "Simple", np.where((group.inner == 1) & (group.domains > 1), seconds, np.inf)


def dispatched(group: Group) -> Floats:
    """Latency of an exchange in which a rank posts to its neighbours, and to one rank of each other domain."""
    near, far = _inner_hop(group, "ring", 2), _outer_hop(group, nccl.NETWORK["ring"][2], 2)
    others = group.domains - 1
    return nccl.BASE["ring"][2] + near + np.where(others > 0, far + others * nccl.POST[2], 0.0)


def _pairwise(operation: str, group: Group) -> Way:
    """An all-to-all sends 1/n to each; sendrecv everything to the next rank, of which one of a domain is another's."""
    near, far = _inner_hop(group, "ring", 2), _outer_hop(group, nccl.NETWORK["ring"][2], 2)
    crosses = group.domains > 1
    alone = group.between / group.inner
    if operation == "sendrecv":
        latency = nccl.BASE["ring"][2] + np.where(crosses, far, near)
        seconds = group.size / np.where(crosses, alone, group.inside)
        return "pairwise", "Simple", latency + seconds
    others = group.ranks - group.inner
    latency = nccl.BASE["ring"][2] + near + np.where(crosses, far + others * nccl.POST[2], 0.0)
    part = group.size / group.ranks
    return "pairwise", "Simple", latency + np.maximum((group.inner - 1) * part / group.inside, others * part / alone)
