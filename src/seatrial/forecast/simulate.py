"""A long run of many accelerators, played through many times: what is left of the time, and where the rest went.

Between two interruptions a run starts again (`restart`), trains for `interval` seconds, writes a checkpoint (`stall`),
and so on. Interruptions come at random, at a constant rate per accelerator, also during a restart. One costs the time
until it is noticed (`detection`), what was trained since the last checkpoint, and where a node is broken the wait for
another one: for a spare, or until one is repaired. All draws go from interruption to interruption at the same time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seatrial.errors import Problem, UserError
from seatrial.forecast.checkpoints import daly
from seatrial.forecast.failures import Fleet
from seatrial.forecast.interval import SHARE, Interval

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

PARTS = ("useful", "checkpoints", "lost work", "detection", "waiting", "restart", "stragglers")
"""Where the time goes; together they are all of it. `waiting` is that for a node."""
MOST = 100_000
"""Interruptions of a run that can be simulated: beyond them it makes no progress."""
STATES = 10**7
"""Draws, and their spare nodes, that are kept at once: some hundred bytes of memory each."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """A run, and what befalls it. Seconds where nothing else is said."""

    accelerators: int
    days: float
    fleet: Fleet
    """Whose interruptions it has."""
    detection: float = 120.0
    """Until an interruption is noticed, in the mean. Assumed: a process that dies is noticed within seconds, and one in
    five interruptions hangs until torch's default time-out of an NCCL operation, which is 10 minutes."""
    restart: float = 300.0
    """From there to the first step: processes, communicators, checkpoint, compilation. Assumed."""
    stall: float = 10.0
    """That training stops for a checkpoint. Assumed: one that is written in the background."""
    interval: float | None = None
    """Of training between checkpoints; None: Daly's best."""
    spares: int | None = None
    """Nodes that stand by; None: there is always one."""
    repair: float = 86_400.0
    """Until a node that broke is back."""
    slow: float = 0.0
    """Stragglers per accelerator-hour."""
    slowdown: float = 0.1
    """Share of its speed that a job loses to a straggler."""
    noticed: float = 3600.0
    """Until a straggler is out of the job."""

    @property
    def rate(self) -> float:
        """Interruptions of the job per second."""
        return sum(self.fleet.rates().values()) * self.accelerators / 3600

    @property
    def every(self) -> float:
        """Seconds of training between checkpoints."""
        return float(daly(self.stall, 1 / self.rate)) if self.interval is None else self.interval

    def problems(self) -> list[Problem]:
        """All that cannot be."""
        found = [
            Problem(f"{getattr(self, name):g} is not above 0", name)
            for name in ("accelerators", "days", "interval")
            if getattr(self, name) is not None and not 0 < getattr(self, name) < math.inf
        ]
        found += [
            Problem(f"{getattr(self, name):g} is not 0 or more", name)
            for name in ("detection", "restart", "stall", "repair", "slow", "noticed", "spares")
            if getattr(self, name) is not None and not 0 <= getattr(self, name) < math.inf
        ]
        if not 0 <= self.slowdown < 1:
            found.append(Problem(f"{self.slowdown:g} is not in [0, 1)", "slowdown"))
        expected = self.rate * self.days * 86_400
        if not found and expected > MOST:
            what = f"{expected:.3g} interruptions, one in {1 / self.rate:.3g} s"
            found.append(Problem(what, "days", f"{MOST:,} can be simulated: fewer accelerators, or fewer days"))
        if not found and self.interval is None and not self.stall:
            what = "no best one, since a checkpoint that costs nothing is written all the time"
            found.append(Problem(what, "interval", "name an interval"))
        return found


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a scenario; an entry of each array is one draw."""

    scenario: Scenario
    seconds: Mapping[str, Floats]
    """Part of PARTS -> seconds."""
    interruptions: Mapping[str, npt.NDArray[np.int64]]
    """Component -> how often."""

    @property
    def goodput(self) -> Floats:
        """Share of the time that is training which counts (ETTR)."""
        return self.seconds["useful"] / (self.scenario.days * 86_400)

    @property
    def total(self) -> npt.NDArray[np.int64]:
        """Interruptions."""
        counts: npt.NDArray[np.int64] = np.sum(list(self.interruptions.values()), axis=0)
        return counts


def spread(values: npt.NDArray[Any]) -> Interval:
    """Mean, and between what the middle four of five draws lie."""
    low, high = np.quantile(values, [(1 - SHARE) / 2, (1 + SHARE) / 2])
    return Interval(float(low), float(np.mean(values)), float(high))


def simulate(scenario: Scenario, *, draws: int = 1000, seed: int = 0) -> Outcome:
    """The same for the same seed. Raises UserError with all that cannot be."""
    problems = scenario.problems()
    if draws < 1:
        problems.append(Problem(f"{draws} is below 1", "draws"))
    if draws * (1 + (scenario.spares or 0)) > STATES:
        what = f"{draws:,} draws with {scenario.spares or 0:,} spares each"
        problems.append(Problem(what, "draws, spares", f"{STATES:,} in all can be kept: fewer of either"))
    if problems:
        raise UserError(problems)
    play = _Play(scenario, draws, np.random.default_rng(seed))
    while play.going.any():
        play.period()
    names = scenario.fleet.rates()
    return Outcome(scenario, play.spent, {name: play.counts[:, at] for at, name in enumerate(names)})


class _Play:
    """All draws, at the same interruption of each."""

    def __init__(self, scenario: Scenario, draws: int, chance: np.random.Generator) -> None:
        self._scenario, self._chance, self._draws = scenario, chance, draws
        self._end = scenario.days * 86_400
        self._now = np.zeros(draws)
        self.spent = {part: np.zeros(draws) for part in PARTS}
        components = scenario.fleet.components
        self.counts = np.zeros((draws, len(components)), dtype=np.int64)
        self._kinds = np.array([component.kind for component in components])
        self._until = np.cumsum([c.events for c in components]) / sum(c.events for c in components)
        self._free = np.zeros((draws, scenario.spares or 0))
        """When each spare is to be had."""

    @property
    def going(self) -> Flags:
        return self._now < self._end

    def period(self) -> None:
        """Up to the next interruption, and until it is noticed and a node is there."""
        going = self.going
        lasting = self._chance.exponential(1 / self._scenario.rate, self._draws)
        up = np.where(going, np.minimum(lasting, self._end - self._now), 0.0)
        hit = going & (self._now + lasting < self._end)
        which = np.minimum(np.searchsorted(self._until, self._chance.random(self._draws)), len(self._until) - 1)
        kind = self._kinds[which]
        self._train(up, saved=~hit | (kind == "planned"))
        self._now += up
        self.counts[hit, which[hit]] += 1
        self._spend("detection", np.where(hit & (kind != "planned"), self._scenario.detection, 0.0))
        self._spend("waiting", self._wait(hit & (kind == "node")))

    def _train(self, up: Floats, saved: Flags) -> None:
        """Start, and train in intervals; what is since the last checkpoint counts only where it is `saved`."""
        scenario, every = self._scenario, self._scenario.every
        starting = np.minimum(up, scenario.restart)
        training = up - starting
        whole = np.floor(training / (every + scenario.stall))
        rest = training - whole * (every + scenario.stall)
        begun = np.minimum(rest, every)
        counts = whole * every + np.where(saved, begun, 0.0)
        slow = counts * self._slowed(training)
        self.spent["restart"] += starting
        self.spent["checkpoints"] += whole * scenario.stall + rest - begun
        self.spent["lost work"] += np.where(saved, 0.0, begun)
        self.spent["stragglers"] += slow
        self.spent["useful"] += counts - slow

    def _slowed(self, training: Floats) -> Floats:
        """Share of the training that is lost to stragglers. Several at a time slow a job no more than one."""
        scenario = self._scenario
        if not scenario.slow:
            return np.zeros(self._draws)
        often = self._chance.poisson(scenario.slow * scenario.accelerators / 3600 * training)
        apart = np.maximum(training, 1e-9)
        clear: Floats = np.power(1 - np.minimum(scenario.noticed / apart, 1.0), often)
        lost: Floats = (1 - clear) * scenario.slowdown
        return lost

    def _wait(self, broken: Flags) -> Floats:
        """Seconds until a node is there for the one that broke, which comes back as a spare."""
        scenario = self._scenario
        if scenario.spares is None:
            return np.zeros(self._draws)
        if scenario.spares == 0:
            return np.where(broken, scenario.repair, 0.0)
        draws, first = np.arange(self._draws), np.argmin(self._free, axis=1)
        ready = self._free[draws, first]
        self._free[draws, first] = np.where(broken, self._now + scenario.repair, ready)
        return np.where(broken, np.maximum(ready - self._now, 0.0), 0.0)

    def _spend(self, part: str, seconds: Floats) -> None:
        """Time that passes without training, at most until the end."""
        taken = np.minimum(seconds, self._end - self._now)
        self.spent[part] += taken
        self._now += taken
