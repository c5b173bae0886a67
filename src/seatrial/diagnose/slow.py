"""Why a run was slow: what stood in the way of its steps, by what it cost.

In a synchronous job all ranks take the same time for a step, so the slow one shows in its own *work* only: its time
less what it waited for others and for data. Who has more to compute is no slow node, so that is looked at first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from statistics import median

from seatrial.attempts import Attempts, Point
from seatrial.diagnose import expected, rules, trend
from seatrial.diagnose.collectives import ranks_text
from seatrial.diagnose.left import Left
from seatrial.diagnose.signs import Sign
from seatrial.events import CheckpointSaved, RunStart

DATA_SHARE = 0.3
"""Of a step, from which on the wait for data is a cause: the bound of the alert DataStarved."""
CHECKPOINT_SHARE, CHECKPOINT_SECONDS = 0.1, 30.0
"""Of the run's time, and seconds in all, from which on checkpoints are a cause; bounds of ours."""
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
MIN_POINTS = 5
"""Logged steps past the warm-up that are needed to say anything."""
_SOCKET = re.compile(r"NCCL INFO .*Using network Socket")
_FABRIC = re.compile(r"NCCL INFO .*Using network (?:AWS )?Libfabric|Selected [Pp]rovider is efa")


def signs(left: Left) -> list[Sign]:
    """What slowed it; what cost the most comes first."""
    points = Attempts(left.log.events).steady_points()
    found = [*_data(points), *_checkpoints(left), *_lag(left, points), *trend.signs(points)] if points else []
    named = [*_fallback(left), *(sign for _, sign in sorted(found, key=lambda one: -one[0]))]
    return named or [sign for _, sign in expected.signs(left)]


def looked_at(left: Left) -> str:
    """What the figures at hand can tell of slow ranks, in words."""
    points = Attempts(left.log.events).steady_points()
    if len(points) < MIN_POINTS:
        return f"{len(points)} steady steps were logged, too few to see whether something slowed it"
    if "wait" in points[-1].event.ranks:
        return "no rank lagged, and data and checkpoints cost little"
    seen = "CPU time" if left.job.device == "cpu" and "cpu" in points[-1].event.ranks else ""
    alike = f"; of slow ranks only {seen} tells" if seen else "; nothing tells whether a rank lagged"
    return f"data and checkpoints cost little{alike}"


def _fallback(left: Left) -> Iterator[Sign]:
    """NCCL took TCP although the job was set up for EFA. A log without either line says nothing."""
    start = left.log.last(RunStart)
    if start is None or start.variables.get("FI_PROVIDER") != "efa" or len(set(start.hosts)) < 2:
        return
    lines = [(name, index, line.text) for name, log in left.logs.items() for index, line in enumerate(log)]
    socket = next((line for line in lines if _SOCKET.search(line[2])), None)
    if socket is not None and not any(_FABRIC.search(text) for _, _, text in lines):
        name, index, text = socket
        yield Sign(rule=rules.FALLBACK, said=text.strip(), evidence=f"{name}:{index + 1}")


def _data(points: Sequence[Point]) -> Iterator[tuple[float, Sign]]:
    """The wait for data: of each rank where it is told, else of rank 0."""
    shares = _shares(points)
    if len(points) < MIN_POINTS or not shares:
        return
    waiting = tuple(rank for rank, share in enumerate(shares) if share > DATA_SHARE)
    if waiting:
        worst = max(waiting, key=lambda rank: shares[rank])
        alone = len(waiting) < len(shares)
        who = f"{ranks_text(waiting)} waited" if alone else "every rank waited"
        said = f"{who} for data in {shares[worst]:.0%} of a step, rank {worst} the longest"
        yield (
            shares[worst],
            Sign(rule=rules.DATA, said=said, ranks=waiting if alone else (), evidence="events.jsonl, ranks.data_wait"),
        )


def _shares(points: Sequence[Point]) -> list[float]:
    rows = [[wait / p.event.seconds for wait in p.event.ranks["data_wait"]] for p in points if _whole(p, "data_wait")]
    if not rows:
        rows = [[p.event.phases["data_wait"] / p.event.seconds] for p in points if "data_wait" in p.event.phases]
    return [median(column) for column in zip(*rows, strict=True)]


def _whole(point: Point, *names: str) -> bool:
    """Whether a point has these measures of all ranks."""
    ranks = point.event.ranks
    return point.event.seconds > 0 and all(len(ranks.get(name, ())) == point.world_size for name in names)


def _checkpoints(left: Left) -> Iterator[tuple[float, Sign]]:
    saved: list[CheckpointSaved] = left.log.of(CheckpointSaved)
    stalled = sum(one.stall_seconds for one in saved)
    whole = sum(attempt.end - attempt.start for attempt in Attempts(left.log.events).all)
    if stalled > CHECKPOINT_SECONDS and stalled > CHECKPOINT_SHARE * whole:
        said = f"{len(saved)} checkpoints stood still for {stalled:.0f} s, {stalled / whole:.0%} of the time"
        yield stalled / whole, Sign(rule=rules.CHECKPOINT, said=said, evidence="events.jsonl, checkpoint_saved")


def _lag(left: Left, points: Sequence[Point]) -> Iterator[tuple[float, Sign]]:
    """A rank whose own work takes longer than the others', step after step. A run may go on with fewer ranks."""
    points = [p for p in points if p.world_size == points[-1].world_size]
    told = [p for p in points if _whole(p, "busy", "wait", "data_wait")]
    if len(told) >= MIN_POINTS:
        work = [[b - w - d for b, w, d in zip(*(p.event.ranks[n] for n in ("busy", "wait", "data_wait")), strict=True)]
                for p in told]  # fmt: skip
        what = "work"
    elif left.job.device == "cpu":
        told = [p for p in points if _whole(p, "cpu")]
        work, what = [p.event.ranks["cpu"] for p in told], "cpu"
    else:
        return  # on a device a process's CPU time says nothing of its work
    if len(told) < MIN_POINTS or len(work[0]) < 2:
        return
    seconds = median(p.event.seconds for p in told)
    for rank in range(len(work[0])):
        excess, others = _behind(work, rank)
        if not _lags(work, rank, others) or excess < LOSS * seconds:
            continue
        more = what == "cpu" or _computes_more(told, rank, excess)
        rule = rules.IMBALANCE if more else rules.STRAGGLER
        start = left.log.last(RunStart)
        host = f" on {start.hosts[rank]}" if start and len(start.hosts) > rank else ""
        said = f"{what} of rank {rank}{host}: {others + excess:.3g} s a step, of the others {others:.3g} s"
        if more and what == "work":
            said += "; it computes for longer, which may also be a slower core"
        place = f"events.jsonl, ranks.{'cpu' if what == 'cpu' else 'busy, wait, data_wait'}"
        yield excess / seconds, Sign(rule=rule, said=said, ranks=(rank,), evidence=place)


def _behind(rows: Sequence[Sequence[float]], rank: int) -> tuple[float, float]:
    """How far a rank is behind the others, and how long these take."""
    mine = median(row[rank] for row in rows)
    others = median(median(value for other, value in enumerate(row) if other != rank) for row in rows)
    return mine - others, others


def _lags(rows: Sequence[Sequence[float]], rank: int, others: float) -> bool:
    slow = [row[rank] > 0 and others / row[rank] < ALIKE for row in rows]
    return sum(slow) >= STEADY * len(rows)


def _computes_more(points: Sequence[Point], rank: int, excess: float) -> bool:
    """Whether a rank lags by the time of its CPUs as well."""
    rows = [p.event.ranks["cpu"] for p in points if _whole(p, "cpu")]
    if not rows:
        return False
    more, others = _behind(rows, rank)
    return _lags(rows, rank, others) and more >= COMPUTES * excess
