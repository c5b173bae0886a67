"""From the flat list of events to attempts and logged steps: who started when, which steps count, and how fast."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from seatrial import steady
from seatrial.events import CheckpointSaved, Restart, RunEnd, RunStart, Step, Timed, Validation
from seatrial.metrics import Work, mfu
from seatrial.steady import Steady


@dataclass(kw_only=True, slots=True)
class Attempt:
    """One start of all ranks. Grows while events are taken."""

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
    steady: Steady
    """What it adds to the steady figures; empty during the warm-up."""
    throughput: float | None
    """Tokens or samples per second of the whole job, the wait for data included."""
    mfu: dict[str, float]
    """MFU by convention; empty where it is unknown."""


class Attempts:
    """The attempts of a run and its logged steps, from its events as they come."""

    def __init__(self, events: Iterable[Timed] = (), flops_per_token: dict[str, float] | None = None) -> None:
        """`flops_per_token` is the job's, for events that tell none."""
        self._flops = flops_per_token or {}
        self.all: list[Attempt] = []
        """Oldest first."""
        self._points: dict[int, Point] = {}
        self._totals: dict[int | None, Steady] = {}
        """Number of ranks -> its steady steps."""
        self._open = False
        """Whether the newest attempt may still log."""
        self._start: int | None = None
        """Steps that were done when the newest attempt began; None until somebody tells."""
        self._before = 0
        """The step of its last line."""
        for timed in events:
            self.take(timed)

    def take(self, timed: Timed) -> None:
        """One more event."""
        event = timed.event
        if isinstance(event, RunStart):
            self._begin(Attempt(number=event.attempt, start=timed.time, end=timed.time, info=event))
        elif isinstance(event, Restart):
            self._open = False
        elif isinstance(event, Step | Validation | CheckpointSaved | RunEnd):
            if not self._open:  # its run_start is unreadable, or never came
                self._begin(Attempt(number=len(self.all), start=timed.time, end=timed.time))
            self._go_on(self.all[-1], timed)

    def points(self) -> list[Point]:
        """One point for each step number, in order: where a restart repeated a step, the repetition counts."""
        return [point for _, point in sorted(self._points.items())]

    def steady_points(self) -> list[Point]:
        """The points that the steady figures are made of: past the warm-up, at the last attempt's number of ranks."""
        return [p for p in self.points() if p.steady.steps and p.world_size == self.all[-1].world_size]

    def steady(self) -> Steady:
        """The steady steps of those points together."""
        return self._totals.get(self.all[-1].world_size, Steady()) if self.all else Steady()

    def mfu(self) -> dict[str, float]:
        """MFU at the steady throughput, by convention; empty where it is unknown."""
        return utilisation(self.steady().throughput, self.all[-1].info, self._flops) if self.all else {}

    def flops_per_token(self) -> dict[str, float]:
        """Convention -> model FLOPs per token: as the newest attempt told, or else the job."""
        info = self.all[-1].info if self.all else None
        return info.flops_per_token if info and info.flops_per_token else self._flops

    def _begin(self, attempt: Attempt) -> None:
        self.all.append(attempt)
        self._open = True
        self._start = attempt.info.start_step if attempt.info else None
        self._before = self._start or 0

    def _go_on(self, attempt: Attempt, timed: Timed) -> None:
        event = timed.event
        attempt.end = max(attempt.end, timed.time)
        if isinstance(event, RunEnd):
            attempt.outcome, attempt.reason, attempt.last_step = event.outcome, event.reason, event.step
        elif isinstance(event, Step):
            attempt.last_step = event.step
            self._log(attempt, timed.time, event)

    def _log(self, attempt: Attempt, time: float, event: Step) -> None:
        if self._start is None:
            self._start = self._before = event.step - 1
        rate = event.count / event.seconds if math.isfinite(event.seconds) and event.seconds > 0 else None
        point = Point(
            event=event,
            time=time,
            attempt=attempt.number,
            world_size=attempt.world_size,
            steady=steady.of_line(
                event.step, before=self._before, start=self._start, count=event.count, seconds=event.seconds
            ),
            throughput=rate,
            mfu=utilisation(rate, attempt.info, self._flops),
        )
        self._before = event.step
        self._count(point)

    def _count(self, point: Point) -> None:
        old = self._points.get(point.event.step)
        if old is not None:
            self._totals[old.world_size] -= old.steady
        self._totals[point.world_size] = self._totals.get(point.world_size, Steady()) + point.steady
        self._points[point.event.step] = point


def utilisation(rate: float | None, info: RunStart | None, flops_per_token: dict[str, float]) -> dict[str, float]:
    """MFU by convention at a rate of the whole job, per second; empty where it is unknown.

    `flops_per_token` is the job's, for an attempt that tells none.
    """
    # The FLOPs are those of one token; a rate of samples says nothing about tokens.
    if rate is None or info is None or info.unit != "tokens":
        return {}
    flops = info.flops_per_token or flops_per_token
    work = Work(flops_per_token=flops, peak_flops=info.peak_flops, peak_source=info.peak_source)
    return mfu(rate, work, info.world_size) or {}
