"""From the flat list of events to attempts and logged steps: who started when, and which steps count as steady."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from seatrial.events import CheckpointSaved, EventLog, Restart, RunEnd, RunStart, Step, Validation
from seatrial.metrics import Work, mfu

WARM_UP = 2
"""Logged steps at the beginning of each attempt that no steady figure includes: they carry compilation, the first
allocation of memory and the connection of the ranks. The first alone is not enough, since with asynchronous input
and checkpoint restore the second still waits for what the first one set going."""


@dataclass(kw_only=True, slots=True)
class Attempt:
    """One start of all ranks. Grows while the log is walked."""

    number: int
    start: float
    """Unix seconds of its run_start, or of its first step if that is missing."""
    end: float
    """Unix seconds of its last sign of progress."""
    info: RunStart | None = None
    last_step: int | None = None
    outcome: str | None = None
    """What its run_end says; None if it never said."""
    reason: str = ""
    points: list[Point] = field(default_factory=list)

    @property
    def world_size(self) -> int | None:
        """Ranks of this attempt."""
        return self.info.world_size if self.info else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One logged step with what follows from it."""

    event: Step
    time: float
    """Unix seconds."""
    attempt: int
    world_size: int | None
    """Ranks of the attempt."""
    warm_up: bool
    throughput: float | None
    """Tokens or samples per second of the whole job, the wait for data included."""
    mfu: dict[str, float] | None
    """MFU by convention; None where the peak is unknown."""


def walk(log: EventLog) -> list[Attempt]:
    """The attempts of a run, oldest first, each with its logged steps."""
    attempts: list[Attempt] = []
    current: Attempt | None = None
    for timed in log.events:
        event = timed.event
        if isinstance(event, RunStart):
            current = Attempt(number=event.attempt, start=timed.time, end=timed.time, info=event)
            attempts.append(current)
        elif isinstance(event, Restart):
            current = None
        elif isinstance(event, Step | Validation | CheckpointSaved | RunEnd):
            if current is None:  # its run_start is unreadable, or never came
                current = Attempt(number=len(attempts), start=timed.time, end=timed.time)
                attempts.append(current)
            current.end = max(current.end, timed.time)
            _take(current, timed.time, event)
    return attempts


def logged(attempts: list[Attempt]) -> list[Point]:
    """One point for each step number, in order: where a restart repeated a step, the repetition counts."""
    return [point for _, point in sorted({p.event.step: p for a in attempts for p in a.points}.items())]


def steady(attempts: list[Attempt], points: list[Point]) -> list[Point]:
    """The points that steady figures are made of: past the warm-up, and at the last attempt's number of ranks."""
    return [p for p in points if not p.warm_up and p.world_size == attempts[-1].world_size]


def _take(attempt: Attempt, time: float, event: Step | Validation | CheckpointSaved | RunEnd) -> None:
    if isinstance(event, RunEnd):
        attempt.outcome, attempt.reason, attempt.last_step = event.outcome, event.reason, event.step
    elif isinstance(event, Step):
        attempt.last_step = event.step
        rate = event.count / event.seconds if math.isfinite(event.seconds) and event.seconds > 0 else None
        attempt.points.append(
            Point(
                event=event,
                time=time,
                attempt=attempt.number,
                world_size=attempt.world_size,
                warm_up=len(attempt.points) < WARM_UP,
                throughput=rate,
                mfu=_mfu(rate, attempt.info),
            )
        )


def _mfu(rate: float | None, info: RunStart | None) -> dict[str, float] | None:
    # The FLOPs are those of one token; a rate of samples says nothing about tokens.
    if rate is None or info is None or info.unit != "tokens":
        return None
    work = Work(flops_per_token=info.flops_per_token, peak_flops=info.peak_flops, peak_source=info.peak_source)
    return mfu(rate, work, info.world_size)
