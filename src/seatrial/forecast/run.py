"""A whole run: how long it takes with all that interrupts it, where the time goes, what it draws and what it costs.

What is not known is left out and named; then times and costs are bounds from below.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from seatrial.forecast.checkpoints import daly, shares
from seatrial.forecast.failures import Belief, mean_time_to_failure
from seatrial.forecast.interval import Interval

OLD = datetime.timedelta(days=180)
"""Age from which on a price is to be looked up again: between January and September 2026 that of a Capacity Block of
p6-b300 rose by a fifth."""

Kind = Literal["on demand", "capacity block", "spot"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """What an instance costs."""

    kind: Kind
    usd: float
    """An hour, of one instance."""
    source: str
    date: datetime.date
    """At which it was this."""

    def is_old(self, today: datetime.date) -> bool:
        """Whether it should be looked up again."""
        return today - self.date > OLD


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """A run at one rate, without storage, traffic and taxes."""

    rate: Rate
    usd: Interval
    is_old: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A run, in seconds where nothing else is said. None: not known."""

    step: Interval
    steps: int
    nodes: int
    accelerators: int
    rate: Belief
    """Interruptions per accelerator-hour."""
    start: float | None
    """From the launch to the first step: processes, communicators, data, compilation."""
    stall: float | None
    """That training stops for a checkpoint."""
    restart: float | None
    """From an interruption that is noticed to the step that follows: another node, start, read of the checkpoint."""
    detection: float | None
    """Until an interruption is noticed: torch waits 10 minutes for a rank that hangs."""
    watts: float | None = None
    """Power that one accelerator may take."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """The forecast of a plan."""

    wall: Interval
    """Seconds from launch to end."""
    parts: Mapping[str, float]
    """Where the expected time goes, in seconds; together they are `wall.expected`."""
    interval: float | None
    """Seconds of training between two checkpoints that lose least; None: not known."""
    interruptions: Interval
    """In the whole run."""
    goodput: Interval
    """Share of the time that is training which counts."""
    energy: float | None
    """Joules that the accelerators take at most, by their rated power."""
    costs: tuple[Cost, ...]
    unknown: Mapping[str, str] = field(default_factory=dict)
    """Part that is left out -> why."""

    @property
    def complete(self) -> bool:
        """Whether nothing is left out of the time, and so of energy and costs."""
        return not self.unknown.keys() - {"energy", "costs"}


_WHY = {
    "start-up": "how long the job takes to start is not known",
    "checkpoints": "how fast the file system is, or the way to the host's memory, is not known",
    "restart": "how long the job takes to start again is not known",
    "detection": "how long an interruption goes unnoticed is not known",
}


def forecast(plan: Plan, rates: Sequence[Rate] = (), *, today: datetime.date) -> Run:
    """A run by plan. Its uncertainty is that of a step and of the rate of interruptions.

    The best interval is Daly's, and the share of time that counts exact for interruptions at random
    (`forecast.checkpoints`). Start-up comes once, on top. ValueError: it never ends.
    """
    known = {"start-up": plan.start, "checkpoints": plan.stall, "restart": plan.restart, "detection": plan.detection}
    unknown = {part: _WHY[part] for part, value in known.items() if value is None}
    if plan.watts is None:
        unknown["energy"] = "the power of the accelerator is not known"
    if not rates:
        unknown["costs"] = "no price is known"
    belief = plan.rate.interval()
    played = [_played(plan, step, rate) for step, rate in zip(_ends(plan.step), _ends(belief), strict=True)]
    wall, goodputs = Interval(*(time.wall for time in played)), [time.goodput for time in played]
    return Run(
        wall=wall,
        parts=played[1].parts,
        interval=played[1].interval,
        interruptions=Interval(*(time.interruptions for time in played)),
        # Longer steps raise it where start-up outweighs the rest.
        goodput=Interval(min(goodputs), goodputs[1], max(goodputs)),
        energy=None if plan.watts is None else plan.watts * plan.accelerators * wall.expected,
        costs=tuple(Cost(rate=rate, usd=_usd(rate, plan.nodes, wall), is_old=rate.is_old(today)) for rate in rates),
        unknown=unknown,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Time:
    """A run with one length of a step and one rate of interruptions."""

    wall: float
    parts: dict[str, float]
    interval: float | None
    interruptions: float

    @property
    def goodput(self) -> float:
        return self.parts["training"] / self.wall


def _played(plan: Plan, step: float, rate: float) -> _Time:
    training = step * plan.steps
    start, detection, restart = plan.start or 0.0, plan.detection or 0.0, plan.restart or 0.0
    between = 3600 * mean_time_to_failure(rate, plan.accelerators)
    if plan.stall is None:
        # Nothing can be said of what is lost by an interruption, only that it has to be noticed and mended.
        interval, interruptions = None, training / between
        lost = {"checkpoints": 0.0, "lost work": 0.0, "detection": interruptions * detection,
                "restart": interruptions * restart}  # fmt: skip
    else:
        interval = min(max(float(daly(plan.stall, between)), step), training)
        found = shares(between, interval=interval, stall=plan.stall, detection=detection, restart=restart)
        useful = float(found.pop("useful"))
        if not useful:
            raise ValueError(f"no checkpoint is reached, since every {between:,.0f} s an interruption comes")
        running = training / useful
        interruptions = running / (between + detection)
        lost = {part: float(share) * running for part, share in found.items()}
    parts = {"start-up": start, "training": training, **lost}
    return _Time(wall=sum(parts.values()), parts=parts, interval=interval, interruptions=interruptions)


def _usd(rate: Rate, nodes: int, wall: Interval) -> Interval:
    hours = wall * (1 / 3600)
    if rate.kind == "capacity block":
        hours = Interval(*map(_block, _ends(hours)))
    return hours * (nodes * rate.usd)


def _block(hours: float) -> float:
    """Hours of the shortest Capacity Block that is long enough: of days up to 14, then of weeks.

    Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/capacity-blocks-purchase.html, 2026-11
    """
    days = math.ceil(hours / 24)
    return 24.0 * (days if days <= 14 else 7 * math.ceil(days / 7))


def _ends(interval: Interval) -> tuple[float, float, float]:
    return interval.low, interval.expected, interval.high
