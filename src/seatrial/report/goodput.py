"""A simulated run as a picture: where its time goes, how much the draws differ, and what interrupts it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from seatrial.forecast.interval import Interval
from seatrial.forecast.simulate import PARTS, Outcome, spread
from seatrial.report.axes import Scale, bounds, round_ticks
from seatrial.report.format import duration, percent, quantity
from seatrial.report.standalone import GLYPH, PAD, WIDTH, standalone
from seatrial.report.svg import label, line, rectangle, shorten

HEIGHT = 428
BAR_TOP, BAR_HEIGHT, LEGEND_TOP = 44, 48, 114
LOW_TOP, LOW_BOTTOM = 196, 412
"""Of the two pictures below the bar, px."""
MIDDLE = 560
BINS = 24
MOST = 9
"""Components that are named; the others are one bar."""


def picture(outcome: Outcome) -> str:
    """The outcome as an SVG that needs no page around it."""
    scenario, shown = outcome.scenario, spread(outcome.goodput)
    means = {part: float(seconds.mean()) for part, seconds in outcome.seconds.items()}
    counts = {name: float(count.mean()) for name, count in outcome.interruptions.items()}
    title = f"{scenario.accelerators:,} accelerators for {scenario.days:g} days: {percent(shown.expected)} goodput"
    told = "; ".join(f"{part} {percent(seconds / sum(means.values()))}" for part, seconds in means.items())
    parts = [*_bar(means), *_histogram(outcome, shown), *_components(counts)]
    return standalone(HEIGHT, title, told, parts)


def _bar(means: Mapping[str, float]) -> Iterator[str]:
    """Where the time goes, on average; what each part comes to stands below it."""
    total, left = sum(means.values()), float(PAD)
    column = (WIDTH - 2 * PAD) / len(PARTS)
    for index, part in enumerate(PARTS):
        share = means[part] / total
        width = share * (WIDTH - 2 * PAD)
        text = f"{part} {percent(share)}"
        yield rectangle(left, BAR_TOP, width, BAR_HEIGHT, f"p{index}", f"{text}, {duration(means[part])}")
        if len(text) * GLYPH + 16 < width:
            yield label(left + 10, BAR_TOP + 29, text, "on-part")
        left += width
        x = PAD + index * column
        yield rectangle(x, LEGEND_TOP, 12, 12, f"p{index}")
        yield label(x + 18, LEGEND_TOP + 11, part, "strong")
        yield label(x + 18, LEGEND_TOP + 28, percent(share))
        yield label(x + 18, LEGEND_TOP + 44, duration(means[part]), "soft")


def _histogram(outcome: Outcome, shown: Interval) -> Iterator[str]:
    """How many draws came to which goodput."""
    counts, edges = np.histogram(outcome.goodput, bins=BINS, range=bounds(outcome.goodput.tolist()))
    x = Scale(float(edges[0]), float(edges[-1]), PAD + 40, MIDDLE - 56)
    y = Scale(0.0, float(counts.max()), LOW_BOTTOM - 24, LOW_TOP + 26)
    told = f"{percent(shown.low)} and {percent(shown.high)}"
    yield label(PAD, LOW_TOP, f"Goodput of {len(outcome.goodput):,} draws: four of five between {told}", "strong")
    yield rectangle(x(shown.low), LOW_TOP + 18, x(shown.high) - x(shown.low), LOW_BOTTOM - 42 - LOW_TOP, "band")
    for count, start, stop in zip(counts, edges, edges[1:], strict=False):
        tip = f"{count} draws from {percent(float(start))} to {percent(float(stop))}"
        top = y(float(count))
        yield rectangle(x(float(start)) + 0.5, top, x(float(stop)) - x(float(start)) - 1, y(0) - top, "bar", tip)
    yield line(x(shown.expected), LOW_TOP + 18, x(shown.expected), y(0), "mean")
    yield line(x.start, y(0), x.stop, y(0), "axis")
    for tick in round_ticks(float(edges[0]), float(edges[-1]), count=6):
        if edges[0] <= tick <= edges[-1]:
            yield line(x(tick), y(0), x(tick), y(0) + 4, "axis")
            yield label(x(tick), y(0) + 17, percent(tick), "tick", "middle")


def _components(counts: Mapping[str, float]) -> Iterator[str]:
    """What interrupts it, the most frequent first."""
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    others = ordered[MOST:]
    rows = [*ordered[:MOST], *([(f"{len(others)} others", sum(n for _, n in others))] if others else [])]
    total = sum(counts.values())
    yield label(MIDDLE, LOW_TOP, f"{quantity(total)} interruptions on average", "strong")
    step = (LOW_BOTTOM - LOW_TOP - 24) / (MOST + 1)
    x = Scale(0.0, max((n for _, n in rows), default=0.0) or 1.0, MIDDLE + 168, WIDTH - PAD - 56)
    for index, (name, often) in enumerate(rows):
        top = LOW_TOP + 18 + index * step
        yield label(x.start - 10, top + step * 0.62, shorten(name, x.start - 10 - MIDDLE), "label", "end")
        yield rectangle(x.start, top + 2, x(often) - x.start, step - 5, "bar", f"{name}: {quantity(often)}")
        yield label(x(often) + 6, top + step * 0.62, quantity(often), "tick")
