"""Ranks whose own work takes longer than the others', step after step.

In a synchronous job all ranks take the same time for a step, so the slow one shows in its own *work* only: its time
less what it waited for others and for data, collected garbage and compiled. Who has more to compute is no slow node.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from statistics import median

from seatrial.attempts import Point
from seatrial.diagnose import slow_rules
from seatrial.diagnose.collectives import ranks_text
from seatrial.diagnose.left import Left
from seatrial.diagnose.signs import Sign
from seatrial.diagnose.steps import MIN_POINTS, Costs, paused, whole
from seatrial.events import RunStart
from seatrial.findings import Rule

ALIKE = 0.75
"""The others' work / this rank's, below which it lags (NVRx 0.7)."""
LOSS = 0.1
"""Of a step that is lost by a rank's lag, at least; a bound of ours: less is found by `seatrial compare`."""
STEADY = 0.6
"""Of the logged steps in which it must lag, at least; a bound of ours. What changes from step to step is no rank's: one
of four is the slowest in so many of 28 steps by chance once in 4,000 runs."""
COMPUTES = 0.25
"""Of a rank's lag that must be time of its CPUs to say that it computes more; a bound of ours. On a busy machine the
time by the clock grows with it."""
MAX_HOSTS = 4
"""Hosts that are named."""

Rows = Sequence[Sequence[float]]
"""Of each logged step: seconds of each rank."""


def signs(left: Left, points: Sequence[Point]) -> Iterator[tuple[Costs, Sign]]:
    """What each step lost, and who made it wait. A run may go on with fewer ranks."""
    points = [p for p in points if p.world_size == points[-1].world_size]
    told = [p for p in points if whole(p, "busy", "wait", "data_wait")]
    by_work = len(told) >= MIN_POINTS
    if not by_work:
        if left.job.device != "cpu":
            return  # on a device a process's CPU time says nothing of its work
        told = [p for p in points if whole(p, "cpu")]
    work = [_work(p) if by_work else _cpu(p) for p in told]
    if len(told) < MIN_POINTS or len(work[0]) < 2:
        return
    found: dict[Rule, list[int]] = {}
    usual = [_without_each(row) for row in work]
    for rank in range(len(work[0])):
        excess, others = _behind(work, usual, rank)
        if _lags(work, rank, others) and excess >= LOSS * median(p.event.seconds for p in told):
            more = not by_work or _computes_more(told, rank, excess)
            found.setdefault(slow_rules.IMBALANCE if more else slow_rules.STRAGGLER, []).append(rank)
    for rule, ranks in found.items():
        costs = {
            p.event.step: max(0.0, *(row[rank] - rest[rank] for rank in ranks))
            for p, row, rest in zip(told, work, usual, strict=True)
        }
        yield costs, _sign(left, rule, ranks, work, usual, by_work)


def _sign(left: Left, rule: Rule, ranks: list[int], work: Rows, usual: Rows, by_work: bool) -> Sign:
    excess, others = max(_behind(work, usual, rank) for rank in ranks)
    what = "work" if by_work else "cpu"
    who = f"{what} of {ranks_text(ranks)}{_stage(left, ranks)}{_hosts(left, ranks)}"
    said = f"{who}: {others + excess:.3g} s a step, of the others {others:.3g} s"
    if by_work and rule is slow_rules.IMBALANCE:
        said += f"; {'it computes' if len(ranks) == 1 else 'they compute'} for longer, which may also be a slower core"
    place = f"events.jsonl, ranks.{'busy, wait, data_wait' if by_work else 'cpu'}"
    return Sign(rule=rule, said=said, ranks=tuple(ranks), evidence=place)


def _stage(left: Left, ranks: Sequence[int]) -> str:
    """That they are one stage of a pipeline, or in one: its layers are too many, or its ranks slow."""
    start = left.log.last(RunStart)
    if start is None or len(start.stages) <= max(ranks):
        return ""
    mine, *others = {start.stages[rank] for rank in ranks}
    if others:
        return ""
    alone = start.stages.count(mine) == len(ranks)
    return f", {'' if alone else 'of '}pipeline stage {mine} of {len(set(start.stages))},"


def _hosts(left: Left, ranks: Sequence[int]) -> str:
    start = left.log.last(RunStart)
    if start is None or len(start.hosts) <= max(ranks):
        return ""
    hosts = list(dict.fromkeys(start.hosts[rank] for rank in ranks))
    return f" on {', '.join(hosts)}" if len(hosts) <= MAX_HOSTS else f" on {len(hosts)} hosts"


def _work(point: Point) -> list[float]:
    ranks = point.event.ranks
    parts = ranks["busy"], ranks["wait"], ranks["data_wait"], paused(point)
    return [busy - wait - data - pause for busy, wait, data, pause in zip(*parts, strict=True)]


def _cpu(point: Point) -> list[float]:
    return [cpu - pause for cpu, pause in zip(point.event.ranks["cpu"], paused(point), strict=True)]


def _without_each(row: Sequence[float]) -> list[float]:
    """For each rank the median of the others."""
    ordered = sorted(row)
    places = [bisect_left(ordered, value) for value in row]

    def others(place: int, index: int) -> float:
        return ordered[index if index < place else index + 1]

    last = len(row) - 1
    return [(others(at, (last - 1) // 2) + others(at, last // 2)) / 2 for at in places]


def _behind(rows: Rows, usual: Rows, rank: int) -> tuple[float, float]:
    """How far a rank is behind the others, and how long these take."""
    others = median(row[rank] for row in usual)
    return median(row[rank] for row in rows) - others, others


def _lags(rows: Rows, rank: int, others: float) -> bool:
    slow = [row[rank] > 0 and others / row[rank] < ALIKE for row in rows]
    return sum(slow) >= STEADY * len(rows)


def _computes_more(points: Sequence[Point], rank: int, excess: float) -> bool:
    """Whether a rank lags by the time of its CPUs as well."""
    rows = [_cpu(p) for p in points if whole(p, "cpu")]
    if not rows:
        return False
    more, others = _behind(rows, [_without_each(row) for row in rows], rank)
    return _lags(rows, rank, others) and more >= COMPUTES * excess
