"""What became of the same job on the same cluster over time: levels of its figures, and what changed where they did.

Pure: from entries to histories.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from seatrial.report.between import LEAST, Between, between, stretches
from seatrial.report.compare import Difference
from seatrial.report.entries import Entry
from seatrial.samples import sigmas

FLOOR = 1e-3
"""Less than this, in seconds, nats, bytes or tokens a second, is as little as nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """What is followed over the runs."""

    name: str
    unit: str
    """Empty: what the case counts, a second."""
    smallest: float
    """By which it changes at least, relative, to be called a change; a bound of ours."""
    worse_if_larger: bool


FIGURES = (
    Figure(name="throughput", unit="", smallest=0.03, worse_if_larger=False),
    Figure(name="peak memory, rank 0", unit="B", smallest=0.05, worse_if_larger=True),
    Figure(name="stall per checkpoint", unit="s", smallest=0.5, worse_if_larger=True),
    Figure(name="last loss", unit="nats", smallest=0.02, worse_if_larger=True),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """A figure that is on another level from a run on."""

    since: str
    """The first run of the new level."""
    time: float
    """When that began, Unix seconds."""
    before: float
    """Median of the level before."""
    after: float
    worse: bool
    what: tuple[Difference, ...]
    """What is the same in the runs before, the same in those after, and another there; empty: nothing on record."""

    @property
    def ratio(self) -> float:
        """after / before"""
        return self.after / self.before


@dataclass(frozen=True, kw_only=True, slots=True)
class Newest:
    """The newest run against the others of its level."""

    run: str
    ratio: float
    """Its value / the mean of the others."""
    noise: float
    """Relative difference that chance explains."""
    apart: bool
    """Whether it is more than that, and more than what counts."""
    worse: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Trend:
    """A figure over the runs."""

    figure: str
    unit: str
    values: tuple[float | None, ...]
    """One for each run."""
    level: float | None
    """Median of the newest level."""
    between: Between | None
    """Noise between runs; None: unknown."""
    changes: tuple[Change, ...] | None
    """Oldest first; None: unknown, for two levels take more runs."""
    newest: Newest | None
    """None: unknown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SlowHosts:
    """Hosts that come and go, and are slow whenever they take part."""

    hosts: tuple[str, ...]
    """More than one: they always were together."""
    runs: tuple[str, ...]
    """With them."""
    others: int
    """Runs without them."""
    ratio: float
    """Median throughput with them / without."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Past:
    """All runs of one configuration."""

    entries: tuple[Entry, ...]
    """Oldest first."""
    trends: tuple[Trend, ...]
    slow: SlowHosts | None
    """The slowest; None: none is by more than chance, or nobody can tell."""


def history(entries: Iterable[Entry]) -> tuple[Past, ...]:
    """The past of each configuration, the one with the newest run last."""
    groups: dict[tuple[str, ...], list[Entry]] = {}
    for entry in sorted(entries, key=lambda entry: (entry.time, entry.run)):
        groups.setdefault(entry.configuration, []).append(entry)
    found = sorted(groups.values(), key=lambda group: group[-1].time)
    return tuple(map(_past, found))


def _past(entries: Sequence[Entry]) -> Past:
    trends = tuple(_trend(entries, figure) for figure in FIGURES)
    return Past(entries=tuple(entries), trends=trends, slow=_slow_hosts(entries, FIGURES[0]))


def _trend(entries: Sequence[Entry], figure: Figure) -> Trend:
    runs, series = _known(entries, figure)
    parts = stretches(series, figure.smallest)
    changes = tuple(_change(runs, series, before, after, figure) for before, after in pairwise(parts))
    return Trend(
        figure=figure.name,
        unit=figure.unit or f"{entries[-1].unit}/s",
        values=tuple(entry.figures[figure.name] for entry in entries),
        level=median(series[index] for index in parts[-1]) if parts else None,
        between=between(series, figure.smallest),
        changes=changes if len(series) >= 2 * LEAST else None,
        newest=_newest(runs[-1].run, [series[index] for index in parts[-1]], figure) if parts else None,
    )


def _known(entries: Sequence[Entry], figure: Figure) -> tuple[list[Entry], list[float]]:
    """The runs that tell the figure, and what they tell."""
    told = [(entry, entry.figures[figure.name]) for entry in entries]
    known = [(entry, max(value, FLOOR)) for entry, value in told if value is not None and math.isfinite(value)]
    return [entry for entry, _ in known], [value for _, value in known]


def _change(runs: Sequence[Entry], series: Sequence[float], before: range, after: range, figure: Figure) -> Change:
    low, high = (median(series[index] for index in level) for level in (before, after))
    first = runs[after.start]
    places = _places(series, before, after, low, high)
    what = dict.fromkeys(
        difference
        for place in places
        for difference in _differences(runs[before.start : place], runs[place : after.stop])
    )
    return Change(
        since=first.run,
        time=first.time,
        before=low,
        after=high,
        worse=(high > low) == figure.worse_if_larger,
        what=tuple(what),
    )


def _places(series: Sequence[float], before: range, after: range, low: float, high: float) -> range:
    """Where the level may have changed: a run that lies in the middle between both may belong to either."""

    def undecided(index: int) -> bool:
        return abs(series[index] - (low + high) / 2) < abs(high - low) / 4

    start = stop = after.start
    while start - LEAST >= before.start and undecided(start - 1):
        start -= 1
    while stop + LEAST < after.stop and undecided(stop):
        stop += 1
    return range(start, stop + 1)


def _differences(before: Sequence[Entry], after: Sequence[Entry]) -> Iterator[Difference]:
    """What is another in all runs of a level than in any of that before; and did not just then change on and on."""
    for kind, name in dict.fromkeys([*before[-1].facts, *after[0].facts]):
        old, new = ([entry.facts.get((kind, name)) for entry in side] for side in (before, after))
        steady = len({*old[-LEAST:]}) == len({*new[:LEAST]}) == 1
        if steady and old[-1] not in new and new[0] not in old:
            yield Difference(kind=kind, name=name, a=old[-1], b=new[0])


def _newest(run: str, level: Sequence[float], figure: Figure) -> Newest | None:
    *others, last = level
    told = between(others, math.inf)
    if told is None:
        return None
    mean = math.fsum(others) / len(others)
    noise = sigmas(told.freedom) * told.deviation * math.sqrt(1 + 1 / len(others)) / mean
    ratio = last / mean
    apart = abs(ratio - 1) > max(noise, figure.smallest)
    return Newest(run=run, ratio=ratio, noise=noise, apart=apart, worse=apart and (ratio > 1) == figure.worse_if_larger)


def _slow_hosts(entries: Sequence[Entry], figure: Figure) -> SlowHosts | None:
    """Of all runs, or else of those of the newest level, since what else changed may hide it."""
    runs, series = _known(entries, figure)
    parts = stretches(series, figure.smallest)
    for window in dict.fromkeys([range(len(series)), *parts[-1:]]):
        found = [*_slower(runs[window.start : window.stop], series[window.start : window.stop], figure)]
        if found:
            return min(found, key=lambda one: one.ratio)
    return None


def _slower(runs: Sequence[Entry], series: Sequence[float], figure: Figure) -> Iterator[SlowHosts]:
    """Hosts come and go from run to run, so that a slow one makes no level over time: the runs are put in the order
    without and with it, and the level has to change just there. What came once and stayed is told by the change."""
    together: dict[tuple[int, ...], list[str]] = {}
    for host in sorted({name for run in runs for kind, name in run.facts if kind == "host"}):
        on_it = tuple(index for index, run in enumerate(runs) if ("host", host) in run.facts)
        together.setdefault(on_it, []).append(host)
    for on_it, hosts in together.items():
        off_it = [index for index in range(len(runs)) if index not in on_it]
        slow, fast = ([series[index] for index in side] for side in (on_it, off_it))
        comes_and_goes = off_it and off_it[0] < on_it[-1] and on_it[0] < off_it[-1]
        ratio = median(slow) / median(fast) if comes_and_goes else 1.0
        if ratio < 1 and [part.start for part in stretches([*fast, *slow], figure.smallest)] == [0, len(fast)]:
            names = tuple(runs[index].run for index in on_it)
            yield SlowHosts(hosts=tuple(hosts), runs=names, others=len(fast), ratio=ratio)
