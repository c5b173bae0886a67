"""Lines over steps, and what all pictures of a report have in common: inline SVG that is whole without any script.

Every chart is drawn for a third, a half or the whole of the page's width, so that its letters stay readable when a
narrow screen stacks the charts. Nothing is told by colour alone: lines differ in their dashes, bars and lanes carry
their names.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from seatrial.report.axes import Scale, bounds, drawable, every, round_ticks, thin, tick_texts
from seatrial.report.format import percent, quantity
from seatrial.report.svg import GLYPH_WIDTH, coordinate, drawing, element, label, line, shorten

THIRD, HALF, FULL = 340, 420, 1040
"""Widths of a chart, px."""
MAX_MARKS = 60
"""Marks of one kind that are drawn; more would only blacken the axis."""
_STYLES = 4
"""Line styles that the page's CSS knows."""


class Series(NamedTuple):
    """A named line."""

    name: str
    points: Sequence[tuple[float, float]]
    """(x, y) in the order of x; a y that is not a finite number breaks the line."""
    dots: bool = False
    """Whether to show where the values are, for a line of few."""
    column: str = ""
    """Where the page's data hold its values, for the page's script; see report.js."""
    run: int | None = None
    """Which of several runs it is of."""


class Mark(NamedTuple):
    """Something that happened at an x."""

    x: float
    kind: str
    """``restart``: a line over the whole height; ``checkpoint``: a short tick on the axis."""


class Reference(NamedTuple):
    """A horizontal line to compare with."""

    y: float
    name: str


@dataclass(frozen=True, slots=True)
class Frame:
    """The plotting area, px."""

    width: float = HALF
    height: float = 220
    left: float = 54
    right: float = 12
    top: float = 32
    bottom: float = 34

    @property
    def x2(self) -> float:
        return self.width - self.right

    @property
    def y2(self) -> float:
        return self.height - self.bottom


def line_chart(
    series: Sequence[Series],
    *,
    title: str,
    x_name: str = "step",
    x_tick: Callable[[float], str] = quantity,
    tick: Callable[[float], str] = quantity,
    from_zero: bool = False,
    marks: Sequence[Mark] = (),
    reference: Reference | None = None,
) -> str:
    """One or more lines over steps, or other whole numbers. `x_tick` and `tick` write a value; units of y belong into
    the names of the series."""
    frame = Frame()
    drawn = [s._replace(points=thin([p for p in s.points if drawable(p[0])])) for s in series]
    heights = [y for s in drawn for _, y in s.points if drawable(y)]
    if reference and drawable(reference.y):
        heights.append(reference.y)
    marks = [mark for mark in marks if drawable(mark.x)]
    places = [x for s in drawn for x, _ in s.points] + [mark.x for mark in marks]
    y_ticks = round_ticks(*bounds(heights, from_zero=from_zero), count=6)
    y = Scale(y_ticks[0], y_ticks[-1], frame.y2, frame.top)
    x = Scale(*bounds(places), frame.left, frame.x2)
    parts = [
        *grid(frame, y, y_ticks, tick),
        *_step_axis(frame, x, places, x_name, x_tick),
        *_marks(frame, x, marks),
        *reference_line(frame, y, reference),
        *(part for index, s in enumerate(drawn) for part in _curve(x, y, s, index, frame)),
        element("g", *_legend(frame, [s.name for s in drawn], {m.kind for m in marks}, reference), class_="legend"),
    ]
    told = {
        "frame": [frame.left, frame.x2, frame.top, frame.y2],
        "x": [x.low, x.high],
        "y": [y.low, y.high],
        "unit": "percent" if tick is percent else "quantity",
        "zero": from_zero,
        "marks": [[place, kind] for kind in ("checkpoint", "restart") for place in _places(marks, kind)],
        "reference": reference.y if reference and drawable(reference.y) else None,
        "series": [{"name": s.name, "column": s.column, "run": s.run} for s in drawn if s.column],
    }
    live = {"data_chart": json.dumps(told)} if told["series"] else {}
    return drawing(frame.width, frame.height, title, _describe(drawn, tick), parts, **live)


def grid(frame: Frame, y: Scale, ticks: Sequence[float], tick: Callable[[float], str]) -> Iterator[str]:
    """A horizontal line at each tick, with its value."""
    for value, text in zip(ticks, tick_texts(ticks, tick), strict=True):
        yield line(frame.left, y(value), frame.x2, y(value), "axis" if value == ticks[0] else "grid")
        yield label(frame.left - 7, y(value) + 4, text, "tick", "end")


def _step_axis(
    frame: Frame, x: Scale, places: Sequence[float], name: str, tick: Callable[[float], str]
) -> Iterator[str]:
    first, last = (min(places), max(places)) if places else (0.0, 1.0)
    for value in round_ticks(*bounds([first, last]), count=6, smallest=1.0):
        if first <= value <= last:
            yield line(x(value), frame.y2, x(value), frame.y2 + 4, "axis")
            text = tick(value)
            cut = x(value) + len(text) * GLYPH_WIDTH / 2 > frame.width
            yield label(frame.width if cut else x(value), frame.y2 + 16, text, "tick", "end" if cut else "middle")
    yield label(frame.x2, frame.height - 4, name, "label", "end")


def _marks(frame: Frame, x: Scale, marks: Sequence[Mark]) -> Iterator[str]:
    for kind, top in (("checkpoint", frame.y2 - 8), ("restart", frame.top)):
        for place in _places(marks, kind):
            yield line(x(place), top, x(place), frame.y2, f"mark {kind}")


def _places(marks: Sequence[Mark], kind: str) -> list[float]:
    return every([mark.x for mark in marks if mark.kind == kind], MAX_MARKS)


def reference_line(frame: Frame, y: Scale, reference: Reference | None) -> Iterator[str]:
    """It, over the whole width."""
    if reference and drawable(reference.y):
        yield line(frame.left, y(reference.y), frame.x2, y(reference.y), "reference")


def _curve(x: Scale, y: Scale, series: Series, index: int, frame: Frame) -> Iterator[str]:
    style = f"s{index % _STYLES}"
    run: list[tuple[float, float]] = []
    gaps: list[float] = []
    for place, value in [*series.points, (0.0, float("nan"))]:
        if drawable(value):
            run.append((x(place), y(value)))
            continue
        gaps.append(x(place))
        if len(run) > 1:
            path = "M" + "L".join(f"{coordinate(a)} {coordinate(b)}" for a, b in run)
            yield element("path", d=path, class_=f"line {style}")
        if series.dots or len(run) == 1:  # a single point is no line
            yield from (element("circle", cx=a, cy=b, r=3, class_=f"dot {style}") for a, b in run)
        run = []
    for place in every(gaps[:-1], MAX_MARKS):
        yield label(place, frame.top + 10, "\u00d7", "bad", "middle")


def _legend(frame: Frame, names: Sequence[str], kinds: set[str], reference: Reference | None) -> Iterator[str]:
    entries = [(name, f"line s{index % _STYLES}") for index, name in enumerate(names)]
    if reference and drawable(reference.y):
        entries.append((reference.name, "reference"))
    entries += [(kind, f"mark {kind}") for kind in ("checkpoint", "restart") if kind in kinds]
    left = 6.0
    for name, style in entries:
        room = frame.x2 - left - 28
        if room < 4 * GLYPH_WIDTH:
            return
        text = shorten(name, room)
        if style.startswith("mark"):
            yield line(left + 9, 6, left + 9, 18, style)
        else:
            yield line(left, 12, left + 18, 12, style)
        yield label(left + 24, 16, text, "label")
        left += 24 + len(text) * GLYPH_WIDTH + 16


def _describe(drawn: Sequence[Series], tick: Callable[[float], str]) -> str:
    said = []
    for name, points, *_ in drawn:
        values = [value for _, value in points if drawable(value)]
        missing = len(points) - len(values)
        text = f"{name}: no values"
        if values:
            first, last, low, high = map(tick, (values[0], values[-1], min(values), max(values)))
            text = f"{name}: from {first} to {last}, lowest {low}, highest {high}"
        said.append(text + (f", {missing} points are not numbers" if missing else ""))
    return "; ".join(said) or "no values"
