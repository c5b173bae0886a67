"""The table of what happened to a run, in the order of time."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.report.document import Table
from seatrial.report.format import bytes_, duration, number
from seatrial.report.summary import Summary

MAX_EVENTS = 40
"""Rows of the table of events; the JSON has them all."""


def events_table(summary: Summary) -> Table:
    """Attempts, checkpoints, restarts and validations in the order of time."""
    happened = sorted(_happened(summary), key=lambda row: row[0])
    caption = ""
    if len(happened) > MAX_EVENTS:
        caption = f"The first and last {MAX_EVENTS // 2} of {len(happened)} events."
        happened = happened[: MAX_EVENTS // 2] + happened[-MAX_EVENTS // 2 :]
    start = summary.start or 0.0
    rows = tuple((f"+{duration(time - start)}", what, told) for time, what, told in happened)
    return Table(headers=("time", "event", "detail"), rows=rows, numeric=frozenset((0,)), caption=caption)


def _happened(summary: Summary) -> Iterator[tuple[float, str, str]]:
    for attempt in summary.attempts:
        count = attempt.world_size
        ranks = f"{count} rank{'' if count == 1 else 's'}" if count else "number of ranks unknown"
        done = f", from step {attempt.info.start_step}" if attempt.info else ""
        yield attempt.start, f"attempt {attempt.number} starts", f"{ranks}{done}"
        outcome = attempt.outcome or "no end was recorded"
        step = f", last step {attempt.last_step}" if attempt.last_step is not None else ""
        yield (
            attempt.end,
            f"attempt {attempt.number} ends",
            f"{outcome}{step}" + (f": {attempt.reason}" if attempt.reason else ""),
        )
    for timed in summary.saved:
        e = timed.event
        kind = "asynchronous, " if e.asynchronous else ""
        size = f"step {e.step}, {bytes_(e.bytes)}, {kind}visible after {duration(e.seconds)}"
        told = f"{size}, training stood still for {duration(e.stall_seconds)}"
        yield timed.time, "checkpoint saved", told
    for timed in summary.loaded:
        e = timed.event
        yield timed.time, "checkpoint loaded", f"step {e.step}, written by {e.world_size} ranks, {duration(e.seconds)}"
    for timed in summary.restarts:
        e = timed.event
        rank = f" (rank {e.rank})" if e.rank is not None else ""
        yield timed.time, "restart", f"to attempt {e.attempt}: {e.reason}{rank}"
    for timed in summary.validations:
        e = timed.event
        told = ", ".join(f"{name} {number(value)}" for name, value in e.metrics.items())
        yield timed.time, "validation", f"step {e.step}: {told}, {duration(e.seconds)}"
