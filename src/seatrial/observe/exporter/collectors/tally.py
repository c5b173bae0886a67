"""What the events of a run add up to: a fixed number of figures, however many steps there were."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import zip_longest

from seatrial.events import (
    CheckpointLoaded,
    CheckpointSaved,
    EventLog,
    Heartbeat,
    Restart,
    RunEnd,
    RunStart,
    Step,
    Timed,
    Validation,
)
from seatrial.findings import Finding

KEPT = 16
"""Checkpoints whose time is remembered: a run that resumes from an older one counts as having done nothing before."""


@dataclass(slots=True)
class Tally:
    """Takes events as they come."""

    started: float | None = None
    """Unix seconds of the first event, as all times here."""
    ended: float | None = None
    """When the newest attempt ended, while no later one began."""
    info: RunStart | None = None
    attempts: int = 0
    step: Step | None = None
    """The newest that was logged."""
    step_time: float = 0.0
    steps: int = 0
    """Done, those done twice counted twice."""
    seconds: float = 0.0
    count: int = 0
    """Tokens or samples of those steps."""
    nonfinite: int = 0
    phases: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    ranks: dict[str, list[float]] = field(default_factory=dict)
    """Measure -> seconds of all steps, of each rank."""
    validation: Validation | None = None
    saved: Timed | None = None
    """The newest checkpoint."""
    saves: int = 0
    stall: float = 0.0
    loaded: CheckpointLoaded | None = None
    findings: dict[str, Finding] = field(default_factory=dict)
    """The newest of each rule and of what it is about."""
    _before: int = 0
    """Step of the line before, in this attempt."""
    _useful: float = 0.0
    """Seconds of steps that count until now."""
    _useful_at: dict[int, float] = field(default_factory=dict)
    """Step of a checkpoint -> the same until then."""
    _paused: float = 0.0
    """Seconds between being stopped by request and being resumed."""
    _last: dict[type[object], Timed] = field(default_factory=dict)

    def take(self, timed: Timed) -> None:
        """One more event."""
        event = timed.event
        self.started = timed.time if self.started is None else self.started
        if isinstance(event, RunStart | Restart | Heartbeat | RunEnd):
            self._attempt(timed, event)
        elif isinstance(event, Step):
            self._step(timed.time, event)
        elif isinstance(event, Validation):
            self.validation = event
        elif isinstance(event, CheckpointSaved):
            self.saved, self.saves, self.stall = timed, self.saves + 1, self.stall + event.stall_seconds
            self._useful_at.pop(event.step, None)
            self._useful_at[event.step] = self._useful
            while len(self._useful_at) > KEPT:
                del self._useful_at[next(iter(self._useful_at))]
        elif isinstance(event, CheckpointLoaded):
            self.loaded = event
        elif isinstance(event, Finding):
            self.findings[f"{event.check} {event.about()}"] = event

    def _attempt(self, timed: Timed, event: RunStart | Restart | Heartbeat | RunEnd) -> None:
        if isinstance(event, RunEnd):
            self.ended = timed.time
        elif self.ended is not None:
            end = self._last.get(RunEnd)
            if end is not None and end.event.outcome == "stopped":
                self._paused += max(0.0, timed.time - self.ended)
            self.ended = None
        if isinstance(event, RunStart | Restart):
            self.attempts = max(self.attempts, event.attempt + 1)
        if isinstance(event, RunStart):
            self.info = event
            self._before = event.start_step
            self._useful = self._useful_at.get(event.start_step, 0.0)
        self._last.pop(type(event), None)  # so that the order is that in which they came
        self._last[type(event)] = timed

    def _step(self, time: float, event: Step) -> None:
        steps = max(event.step - self._before, 1)
        self._before = event.step
        self.step, self.step_time = event, time
        self.steps += steps
        self.count += steps * event.count
        if not math.isfinite(event.loss) or (event.grad_norm is not None and not math.isfinite(event.grad_norm)):
            self.nonfinite += 1
        for phase, seconds in event.phases.items():
            self.phases[phase] += steps * _finite(seconds)
        for measure, each in event.ranks.items():
            sums = self.ranks.get(measure, [])
            if not math.isfinite(sum(each)):
                each = [_finite(seconds) for seconds in each]
            # A resumed run may have more ranks, or fewer.
            self.ranks[measure] = [a + steps * b for a, b in zip_longest(sums, each, fillvalue=0.0)]
        self.seconds += steps * _finite(event.seconds)
        self._useful += steps * max(0.0, _finite(event.seconds) - _finite(event.phases.get("checkpoint", 0.0)))

    def goodput(self, now: float) -> float | None:
        """Share of the time since the start that went into steps that count; None while there is none to share."""
        if self.started is None:
            return None
        whole = (self.ended if self.ended is not None else now) - self.started - self._paused
        return min(1.0, self._useful / whole) if whole > 0 else None

    def log(self) -> EventLog:
        """As many events as say where the run stands: see `seatrial.runs.Run.state`."""
        steps = [] if self.step is None else [Timed(self.step_time, self.step)]
        return EventLog([*steps, *self._last.values()])


def _finite(value: float) -> float:
    """0 for what a framework does not tell: one that is not a number would make every sum one."""
    return value if math.isfinite(value) else 0.0
