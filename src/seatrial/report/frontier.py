"""What a search of layouts found as a picture: time of a step against cost, for all that can be."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from seatrial.forecast.search import Answer, Found
from seatrial.report.axes import Scale, round_ticks
from seatrial.report.format import duration
from seatrial.report.search import COLUMNS, Row
from seatrial.report.standalone import PAD, TOP, WIDTH, standalone
from seatrial.report.svg import coordinate, element, label, line, shorten

HEIGHT = 560
_LEFT, _RIGHT, _FIRST, _LAST = 92, WIDTH - 96, TOP + 50, HEIGHT - 84
_GRID = 3
"""Layouts of the cloud that are closer than this, in px, are one dot."""


@dataclass(frozen=True, slots=True)
class _Axes:
    """Logarithmic: so layouts of as many nodes lie on one line, and twice the nodes on one beside it."""

    x: Scale
    y: Scale

    def __call__(self, seconds: float, cost: float) -> tuple[float, float]:
        return self.x(math.log10(seconds)), self.y(math.log10(cost))


def picture(title: str, answer: Answer, rows: Sequence[Row], price: float | None) -> str:
    """The answer as an SVG that needs no page around it. `rows` are the best of the table; `price` is USD for a node
    and hour, None: cost is told in node-hours."""
    if not rows:
        none = "No layout can be."
        return standalone(TOP + 30, title, none, [label(PAD, TOP + 12, none, "strong")])
    pace = rows[0].forecast.pace
    assert pace is not None  # a search has one
    each = 1e9 / float(pace.step.tokens) / 3600 * (price or 1.0)
    unit = "node-hours" if price is None else "USD"
    seconds, cost = answer.seconds, answer.nodes * answer.seconds * each
    axes = _Axes(_scale(seconds, _LEFT, _RIGHT), _scale(cost, _LAST, _FIRST))
    ends = _ends(answer, lambda one: one.node_seconds * each, unit)
    counted = (
        f"{len(seconds):,} layouts that can be, of {answer.layouts:,}; the line joins those that none beats, "
        "rings are the table's"
    )
    note = "Whether the case takes a layout was asked of the table's alone."
    parts = [
        label(PAD, TOP + 8, counted, "strong"),
        label(PAD, TOP + 26, note, "soft"),
        *_grid(axes, seconds, cost, unit),
        _cloud(axes, seconds, cost),
        *_nodes(axes, answer, each),
        *_best(axes, rows, each),
        *_frontier(axes, answer, each, [letter for letter, _ in ends]),
    ]
    for index, (letter, text) in enumerate(ends):
        y = HEIGHT - 34 + index * 20
        parts.append(label(PAD, y, letter, "strong"))
        parts.append(label(PAD + 18, y, shorten(text, (WIDTH - 2 * PAD) * 0.86)))
    told = "; ".join([counted, *(f"{letter}: {text}" for letter, text in ends)])
    return standalone(HEIGHT, title, told, parts)


def _scale(values: np.ndarray, start: float, stop: float) -> Scale:
    low, high = math.log10(values.min()), math.log10(values.max())
    margin = max(0.05 * (high - low), 0.02)
    return Scale(low - margin, high + margin, start, stop)


def _ticks(scale: Scale) -> list[float]:
    """Round values within: 1, 2 and 5 of each power of ten, or evenly spaced ones where that would be few."""
    low, high = 10**scale.low, 10**scale.high
    powers = range(math.floor(scale.low), math.ceil(scale.high) + 1)
    found = [factor * 10.0**power for power in powers for factor in (1, 2, 5)]
    found = [value for value in found if low <= value <= high]
    return found if len(found) > 3 else [value for value in round_ticks(low, high, count=8) if low <= value <= high]


def _grid(axes: _Axes, seconds: np.ndarray, cost: np.ndarray, unit: str) -> Iterator[str]:
    for tick in _ticks(axes.x):
        x = axes.x(math.log10(tick))
        yield line(x, _FIRST, x, _LAST, "grid")
        yield label(x, _LAST + 15, duration(tick), "tick", "middle")
    for tick in _ticks(axes.y):
        y = axes.y(math.log10(tick))
        yield line(_LEFT, y, _RIGHT, y, "grid")
        yield label(_LEFT - 8, y + 4, f"{tick:,.4g}", "tick", "end")
    yield line(_LEFT, _LAST, _RIGHT, _LAST, "axis")
    yield line(_LEFT, _FIRST, _LEFT, _LAST, "axis")
    yield label(_RIGHT, _LAST + 30, "time of a step", "soft", "end")
    yield label(_LEFT + 8, _FIRST + 4, f"{unit} for 10^9 tokens", "soft")


def _cloud(axes: _Axes, seconds: np.ndarray, cost: np.ndarray) -> str:
    """All of them as one path: a line of no length with round ends is a dot."""
    places = {
        (round(x / _GRID) * _GRID, round(y / _GRID) * _GRID)
        for x, y in (axes(*pair) for pair in zip(seconds.tolist(), cost.tolist(), strict=True))
    }
    path = "".join(f"M{coordinate(x)} {coordinate(y)}h0" for x, y in sorted(places))
    return element("path", d=path, class_="cloud")


def _nodes(axes: _Axes, answer: Answer, each: float) -> Iterator[str]:
    """How many nodes a line of the cloud has, at its slow end."""
    for nodes in sorted(set(answer.nodes.tolist())):
        slowest = float(answer.seconds[answer.nodes == nodes].max())
        x, y = axes(slowest, nodes * slowest * each)
        yield label(x + 8, y + 4, f"{nodes} node{'' if nodes == 1 else 's'}", "soft")


def _best(axes: _Axes, rows: Sequence[Row], each: float) -> Iterator[str]:
    """Those of the table, as rings."""
    for place, row in enumerate(rows, 1):
        x, y = axes(row.seconds, row.nodes * row.seconds * each)
        tip = f"{place}: {row.nodes} nodes, {_words(row.forecast.workload)}"
        yield element("circle", element("title", tip), cx=x, cy=y, r=4, class_="best")


def _frontier(axes: _Axes, answer: Answer, each: float, letters: Sequence[str]) -> Iterator[str]:
    places = [axes(one.seconds, one.node_seconds * each) for one in answer.frontier]
    path = "M" + "L".join(f"{coordinate(x)} {coordinate(y)}" for x, y in places)
    yield element("path", d=path, class_="frontier")
    for x, y in places:
        yield element("circle", cx=x, cy=y, r=3, class_="end")
    for letter, (x, y) in zip(letters, (places[0], places[-1]), strict=False):
        yield label(x - 8, y + 14, letter, "strong", "end")


def _ends(answer: Answer, cost: Callable[[Found], float], unit: str) -> list[tuple[str, str]]:
    """The fastest and the cheapest: letter and what it is."""

    def told(what: str, one: Found) -> str:
        nodes = f"{one.nodes} node{'' if one.nodes == 1 else 's'}"
        price = f"{cost(one):,.4g} {unit}"
        return f"{what}: {duration(one.seconds)}, {price}: {nodes}, {_words(one.workload)}"

    first, last = answer.frontier[0], answer.frontier[-1]
    if first is last:
        return [("A", told("fastest and cheapest", first))]
    return [("A", told("fastest", first)), ("B", told("cheapest", last))]


def _words(workload: object) -> str:
    """``tensor 4, pipeline 8, data 2``: what is not 1."""
    values = {name: str(value(workload)) for name, value in COLUMNS.items()}  # type: ignore[arg-type]
    return ", ".join(f"{name} {value}" for name, value in values.items() if value not in ("1", "none"))
