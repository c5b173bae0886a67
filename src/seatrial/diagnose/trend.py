"""What became slow while a run went on: since a step, step by step, since a resume, or for moments again and again.

The slow rank, data, garbage and checkpoints are found by their own signs; this is for what all ranks have in common.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import median

from seatrial.attempts import Point
from seatrial.changes import LEAST, SIGMAS, levels
from seatrial.diagnose import slow_rules
from seatrial.diagnose.signs import Sign
from seatrial.diagnose.steps import Costs
from seatrial.diagnose.steps import seconds as time_of

SLOWER = 0.2
"""Of a step, by which it became slower at least: the bound of the alert TrainingSlower."""
LASTING = 0.2
"""Of an attempt's steps that have to be slow at its end; a bound of ours: what is younger may pass."""
LONG = 2.0
"""Times the median, from which on a step is a stall; a bound of ours."""
STALLED = 0.1
"""Of the time that stalls take beyond other steps, at least; a bound of ours."""
MIN_STALLS = 4
"""Fewer are an accident; a bound of ours: three long steps were seen in a clean run on a busy machine."""
GRADUAL = 0.8
"""What a line leaves over of the step times / what one change leaves over, below which they grow; a bound of ours."""
BLOCKS = 48
"""Medians that a line is fitted to."""


def signs(points: Sequence[Point], explained: Costs) -> Iterator[tuple[float, Sign]]:
    """The share of the time that each cost, and what it is. `points` are steady and in order.

    `explained`: what other signs say of a step's time; it is left out.
    """
    points = [p for p in points if p.event.seconds > 0]
    whole = time_of(points)
    points = [_less(p, explained.get(p.event.step, 0.0)) for p in points]
    attempts = [[p for p in points if p.attempt == number] for number in sorted({p.attempt for p in points})]
    for attempt in attempts:
        yield from _since(attempt, whole)
    for before, after in pairwise(attempts):
        yield from _resumed(before, after, whole)
    yield from _stalls(points, whole)


def _less(point: Point, cost: float) -> Point:
    """The same step without what is explained; something is left, since times are compared by their ratio."""
    left = max(point.event.seconds - cost, 0.01 * point.event.seconds)
    return replace(point, event=replace(point.event, seconds=left)) if cost else point


def _since(points: Sequence[Point], whole: float) -> Iterator[tuple[float, Sign]]:
    """The last level is slower than the fastest before it: what was slow for a while and is fast again has passed."""
    found = levels([p.event.seconds for p in points], SLOWER)
    if len(found) < 2:
        return
    parts = [[points[index] for index in level] for level in found]
    *others, last = parts
    best = min(others, key=_typical)
    if _typical(last) < (1 + SLOWER) * _typical(best):
        return
    if (line := _line(points)) is not None:  # whose levels follow each other: the last is as short as any
        yield _grown(points, *line, whole)
        return
    if len(last) < LASTING * len(points):
        return
    lost = sum((p.event.seconds - _typical(best)) * p.steady.steps for p in last)
    since = last[0].event.step - last[0].steady.steps + 1
    said = (
        f"from step {since} on a step takes {_typical(last):.3g} s, before {_typical(best):.3g} s{_phases(best, last)}"
    )
    yield lost / whole, Sign(rule=slow_rules.SLOWED, said=said, evidence="events.jsonl, seconds")


def _line(points: Sequence[Point]) -> tuple[float, float] | None:
    """Seconds at the first and the last point, if the times rise along a line rather than by one change.

    The line is Theil's and Sen's, the median of the slopes of all pairs: single steps may take however long.
    """
    size = -(-len(points) // BLOCKS)
    values = [median(p.event.seconds for p in points[at : at + size]) for at in range(0, len(points), size)]
    slope = median((values[j] - values[i]) / (j - i) for j in range(len(values)) for i in range(j))
    begin = median(value - slope * index for index, value in enumerate(values))
    over = sum(abs(value - begin - slope * index) for index, value in enumerate(values))
    halves = ((values[:place], values[place:]) for place in range(2, len(values) - 1))
    change = min(sum(sum(abs(value - median(half)) for value in half) for half in pair) for pair in halves)
    if slope <= 0 or begin <= 0 or over >= GRADUAL * change:
        return None
    return begin, begin + slope * (len(values) - 1)


def _grown(points: Sequence[Point], begin: float, end: float, whole: float) -> tuple[float, Sign]:
    first, last = points[0], points[-1]
    lost = sum(max(0.0, p.event.seconds - begin) * p.steady.steps for p in points)
    third = len(points) // 3
    said = (
        f"a step takes longer and longer: {begin:.3g} s at step {first.event.step}, {end:.3g} s at step "
        f"{last.event.step}{_phases(points[:third], points[-third:])}{_memory(points[:third], points[-third:])}"
    )
    return lost / whole, Sign(rule=slow_rules.GROWING, said=said, evidence="events.jsonl, seconds")


def _memory(before: Sequence[Point], after: Sequence[Point]) -> str:
    """Whether memory grew as well."""
    old, new = ([p.event.memory_bytes for p in part if p.event.memory_bytes] for part in (before, after))
    if not old or not new or median(new) < (1 + SLOWER) * median(old):
        return ""
    return f"; memory of rank 0 grew from {median(old) / 2**30:.3g} to {median(new) / 2**30:.3g} GiB"


def _typical(points: Sequence[Point]) -> float:
    return median(p.event.seconds for p in points)


def _phases(before: Sequence[Point], after: Sequence[Point]) -> str:
    """Where rank 0 spends the difference, if that is one place: ``, most of it in backward``."""
    names = dict.fromkeys(name for p in (*before, *after) for name in p.event.phases)
    more = {name: _phase(after, name) - _phase(before, name) for name in names}
    longer = _typical(after) - _typical(before)
    most = max(more, key=lambda name: more[name], default=None)
    return f", most of it in {most}" if most is not None and more[most] > longer / 2 else ""


def _phase(points: Sequence[Point], name: str) -> float:
    return median(p.event.phases.get(name, 0.0) for p in points)


def _resumed(before: Sequence[Point], after: Sequence[Point], whole: float) -> Iterator[tuple[float, Sign]]:
    """The beginning of an attempt against the end of the one before: neither's own changes count."""
    if min(len(before), len(after)) < LEAST:
        return
    old = [before[index] for index in levels([p.event.seconds for p in before], SLOWER)[-1]]
    new = [after[index] for index in levels([p.event.seconds for p in after], SLOWER)[0]]
    if len(levels([p.event.seconds for p in (*old, *new)], SLOWER)) < 2:
        return
    longer = _typical(new) - _typical(old)
    if longer < SLOWER * _typical(old):
        return
    lost = sum(longer * p.steady.steps for p in new)
    said = f"a step takes {_typical(new):.3g} s, before the resume {_typical(old):.3g} s{_phases(old, new)}"
    yield lost / whole, Sign(rule=slow_rules.RESUMED, said=said, evidence=f"events.jsonl, attempt {new[0].attempt}")


def _stalls(points: Sequence[Point], whole: float) -> Iterator[tuple[float, Sign]]:
    """Single steps that take far longer. What checkpoints cost is told by their own sign."""
    times = {p.event.step: p.event.seconds - p.event.phases.get("checkpoint", 0.0) for p in points}
    if len(times) < 2 * LEAST:
        return
    usual = median(times.values())
    noise = SIGMAS * median(abs(value - usual) for value in times.values())
    long = [p for p in points if times[p.event.step] > max(LONG * usual, usual + noise)]
    lost = sum((times[p.event.step] - usual) * p.steady.steps for p in long)
    if len(long) < MIN_STALLS or 2 * len(long) > len(points) or lost < STALLED * whole:
        return
    gaps = [b.event.step - a.event.step for a, b in pairwise(long)]
    every = f", every {gaps[0]} steps" if len(set(gaps)) == 1 else ""
    rest = [p for p in points if p not in long]
    said = (
        f"{len(long)} of {len(points)} logged steps took more than {LONG:g} times as long as the others{every}: "
        f"{lost / whole:.0%} of the time{_phases(rest, long)}"
    )
    yield lost / whole, Sign(rule=slow_rules.STALLS, said=said, evidence="events.jsonl, seconds")
