"""What all ranks wait for that is no other rank: data, checkpoints, Python's collector of garbage, a CPU quota."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from seatrial.attempts import Attempts, Point
from seatrial.diagnose import slow_rules
from seatrial.diagnose.collectives import ranks_text
from seatrial.diagnose.left import Left
from seatrial.diagnose.signs import Sign
from seatrial.diagnose.steps import MIN_POINTS, Costs, garbage, share, whole
from seatrial.events import CheckpointSaved

DATA_SHARE = 0.3
"""Of a step, from which on the wait for data is a cause: the bound of the alert DataStarved."""
GARBAGE_SHARE = 0.1
"""Of the time, from which on collecting garbage is a cause; a bound of ours."""
CHECKPOINT_SHARE, CHECKPOINT_SECONDS = 0.1, 30.0
"""Of the run's time, and seconds in all, from which on checkpoints are a cause; bounds of ours."""
FOLDER_RATE, FOLDER_BYTES, FOLDER_SECONDS = 10e6, 4 * 2**20, 1.0
"""Bytes a second below which a folder is slow; bytes of a checkpoint, since small ones cost but latency; seconds in
all. Bounds of ours."""


def data(points: Sequence[Point]) -> Iterator[tuple[Costs, Sign]]:
    """The wait for data: of each rank where it is told, else of rank 0."""
    rows = {p.event.step: p.event.ranks["data_wait"] for p in points if whole(p, "data_wait")}
    if not rows:
        rows = {p.event.step: [p.event.phases["data_wait"]] for p in points if "data_wait" in p.event.phases}
    if len(points) < MIN_POINTS or not rows:
        return
    seconds = {p.event.step: p.event.seconds for p in points}
    told = [[wait / seconds[step] for wait in row] for step, row in rows.items()]
    shares = [median(column) for column in zip(*told, strict=True)]
    waiting = tuple(rank for rank, value in enumerate(shares) if value > DATA_SHARE)
    if waiting:
        worst = max(waiting, key=lambda rank: shares[rank])
        alone = len(waiting) < len(shares)
        who = f"{ranks_text(waiting)} waited" if alone else "every rank waited"
        said = f"{who} for data in {shares[worst]:.0%} of a step, rank {worst} the longest"
        ranks = waiting if alone else ()
        costs = {step: max(row[rank] for rank in waiting) for step, row in rows.items()}
        yield costs, Sign(rule=slow_rules.DATA, said=said, ranks=ranks, evidence="events.jsonl, ranks.data_wait")


def collecting(points: Sequence[Point]) -> Iterator[tuple[Costs, Sign]]:
    """In a synchronous job all wait for whoever collects: what the busiest collector of each step took, at least."""
    if len(points) < MIN_POINTS:
        return
    costs = {p.event.step: max(garbage(p), default=0.0) for p in points}
    lost = share(points, costs)
    if lost < GARBAGE_SHARE:
        return
    columns = [*zip(*(garbage(p) for p in points), strict=True)]
    totals = [sum(column) for column in columns]
    worst = max(range(len(totals)), key=totals.__getitem__)
    most = tuple(rank for rank, total in enumerate(totals) if total > totals[worst] / 2)
    alone = len(most) < len(totals)
    who = f"{ranks_text(most)} collected garbage" if alone else "every rank collected garbage"
    said = f"{who}{', the busiest' if len(most) > 1 else ''} for {lost:.0%} of the time"
    ranks = most if alone else ()
    yield costs, Sign(rule=slow_rules.GARBAGE, said=said, ranks=ranks, evidence="events.jsonl, ranks.gc")


def checkpoints(left: Left) -> Iterator[tuple[float, Sign]]:
    """Too much time for checkpoints: too many, or a folder that takes them too slowly."""
    saved: list[CheckpointSaved] = left.log.of(CheckpointSaved)
    stalled = sum(one.stall_seconds for one in saved)
    lasted = sum(attempt.end - attempt.start for attempt in Attempts(left.log.events).all)
    if not saved or stalled <= CHECKPOINT_SHARE * lasted:
        return
    of_time = f"{stalled / lasted:.0%} of the time"
    written = [one.bytes for one in saved if not one.asynchronous]
    rate = sum(written) / max(stalled, 1e-9)
    if stalled > FOLDER_SECONDS and written and median(written) >= FOLDER_BYTES and rate < FOLDER_RATE:
        said = (
            f"{len(saved)} checkpoints of {median(written) / 1e6:.3g} MB each stood still for {stalled:.3g} s, "
            f"{rate / 1e6:.2g} MB/s, {of_time}"
        )
        rule = slow_rules.CHECKPOINT_FOLDER
    elif stalled > CHECKPOINT_SECONDS:
        said, rule = f"{len(saved)} checkpoints stood still for {stalled:.0f} s, {of_time}", slow_rules.CHECKPOINT
    else:
        return
    yield stalled / lasted, Sign(rule=rule, said=said, evidence="events.jsonl, checkpoint_saved")
