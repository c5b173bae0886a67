"""The pairwise search on real ranks: groups of nodes, or of one node's ranks, each with an all-reduce of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

import torch
import torch.distributed as dist

from seatrial.cases.collectives import Args
from seatrial.cases.collectives.measure import timed
from seatrial.cases.collectives.operations import Operation, Ranks
from seatrial.checks import pairwise
from seatrial.checks.collectives import rules
from seatrial.checks.pairwise import Found, Group
from seatrial.findings import Finding, Severity, Verdict
from seatrial.forecast import bus
from seatrial.train.worker import Worker

ACROSS = 2.0
"""By how much groups of one size may well be faster than those of another: p4d reaches 57.2 GB/s on two nodes and 29.6
on four (github.com/NVIDIA/nccl/issues/527)."""


def search(worker: Worker, args: Args) -> Finding:
    """Find the node or link that makes an all-reduce slow or wrong. A collective: every rank gets the same answer."""
    hosts = worker.hosts()
    names = [*dict.fromkeys(hosts)]
    by_rank = len(names) == 1  # on one node its ranks are told apart
    members = [[rank] for rank in range(len(hosts))] if by_rank else [_on(hosts, name) for name in names]
    labels = [f"rank {rank} on {host}" for rank, host in enumerate(hosts)] if by_rank else names
    oracle = Oracle(worker, args, members)
    return _finding(pairwise.search(range(len(members)), oracle), oracle, labels)


def _on(hosts: Sequence[str], name: str) -> list[int]:
    return [rank for rank, host in enumerate(hosts) if host == name]


class Oracle:
    """Measures groups at the same time, and says which of them are good: right data, and no slower than others."""

    def __init__(self, worker: Worker, args: Args, members: list[list[int]]) -> None:
        self._worker, self._members = worker, members
        self._size, self._slow_factor = args.search_bytes, args.slow_factor
        self._dtype, self._repeats = getattr(torch, args.dtype), (args.warmup, args.iterations)
        self.best: dict[int, float] = {}
        """Number of ranks -> the best bus bandwidth of a group of so many in this search, GB/s."""
        self.worst = math.inf
        """The lowest, GB/s."""
        self.wrong = 0
        """Wrong elements in all groups together."""

    def __call__(self, groups: Sequence[Group]) -> list[bool]:
        """Whether each is good. A collective."""
        ranks = [[rank for node in group for rank in self._members[node]] for group in groups]
        mine = next((at for at, one in enumerate(ranks) if self._worker.rank in one), -1)
        # Who is asked nothing is a group of its own: torch names such groups by how many a rank has made so far.
        told = self._measured(sorted(ranks[mine]) if mine >= 0 else [self._worker.rank])
        everyone = self._worker.gather([float(mine), *told])
        self._worker.alive()
        return self._judged(ranks, everyone)

    def _measured(self, ranks: list[int]) -> tuple[float, float]:
        """Seconds and wrong elements of this rank, in a group that only its members know of."""
        group = dist.new_group(ranks, use_local_synchronization=True)
        place = Ranks(ranks.index(self._worker.rank), len(ranks), group)
        device = self._worker.device
        operation = Operation.of("all_reduce", self._size, self._dtype, device, place)
        seconds, wrong = median(timed(operation, *self._repeats, device)), operation.wrong()
        if device.type == "cuda":  # gloo's keeps nothing worth the risk: see seatrial.rank.start
            dist.destroy_process_group(group)
        return seconds, float(wrong)

    def _judged(self, ranks: list[list[int]], everyone: list[list[float]]) -> list[bool]:
        reached, right = [], []
        for at, one in enumerate(ranks):
            of_group = [told for told in everyone if told[0] == at]
            seconds = max(told[1] for told in of_group)
            reached.append(bus.bandwidth("all_reduce", len(one), self._size, seconds))
            right.append(not any(told[2] for told in of_group))
            self.wrong += int(sum(told[2] for told in of_group))
        for one, busbw in zip(ranks, reached, strict=True):
            self.best[len(one)] = max(self.best.get(len(one), 0.0), busbw)
        self.worst = min(self.worst, *reached)
        return [
            fine and busbw * self._slow_factor >= self._reference(len(one))
            for one, busbw, fine in zip(ranks, reached, right, strict=True)
        ]

    def _reference(self, size: int) -> float:
        """What a group of so many ranks is compared with, GB/s."""
        others = max((busbw for of, busbw in self.best.items() if of != size), default=0.0)
        return max(self.best[size], others / ACROSS)


def _finding(found: Found, oracle: Oracle, labels: Sequence[str]) -> Finding:
    """One for the whole search: who is bad, in which place."""
    cost = f"{found.rounds} rounds, {found.tests} groups"
    rule = rules.SEARCHED
    speeds = f"{oracle.worst:.3g} to {max(oracle.best.values()):.3g} GB/s on the bus"
    wrong = f"{oracle.wrong} wrong elements" if oracle.wrong else ""
    seen = ", ".join(filter(None, (speeds, wrong, cost)))
    if found.clean:
        return rule.finding(Verdict.PASS, f"nothing stands out: {seen}")
    nodes = [labels[node] for node in found.nodes]
    links = [f"the link between {labels[a]} and {labels[b]}" for a, b in found.links]
    if nodes or links:
        named = rule if nodes else replace(rule, severity=Severity.MONITOR)  # of a link, which end is not known
        scope = {"nodes": nodes, "links": [[labels[a], labels[b]] for a, b in found.links]}
        return named.finding(Verdict.FAIL, f"{', '.join(nodes + links)}: {seen}", scope=scope)
    groups = "; ".join(" and ".join(labels[node] for node in group) for group in found.unresolved)
    remedy = "add known-good nodes to the allocation, so that there is something to compare with"
    return rule.finding(Verdict.UNKNOWN, f"one of these, it cannot be told which: {groups}: {seen}", remedy=remedy)
