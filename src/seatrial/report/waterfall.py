"""The time of a step as a picture: its components one after the other, and a measured step beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from seatrial.forecast.expectation import Expectation
from seatrial.metrics import PHASES
from seatrial.report.axes import Scale, round_ticks
from seatrial.report.forecast import TIME, between, each, parts_of
from seatrial.report.format import duration, percent
from seatrial.report.standalone import GLYPH, PAD, WIDTH, legend, legend_height, whisker
from seatrial.report.svg import label, line, rectangle, shorten

_ROW, _BAR = 26, 18
_LEFT, _RIGHT = 252, WIDTH - 170
_GROUPS = {
    "computation": ("p1", ("products", "attention", "memory", "optimizer")),
    "communication that nothing hides": ("p3", ("tensor", "context", "expert", "pipeline", "shard", "data")),
    "waiting": ("p6", ("launch", "bubble", "host")),
}
"""What a component is -> its colour, and which are."""
_PHASES = dict(zip(PHASES, ("p6", "p1", "p4", "p5", "p3", "p7"), strict=True))
"""Phase of a measured step -> its colour."""
_STYLES = {name: style for style, names in _GROUPS.values() for name in names}


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """A step that was measured."""

    name: str
    """Of the run, or whose figure it is."""
    seconds: float
    """Mean over the steady steps."""
    phases: Mapping[str, float] = field(default_factory=dict)
    """Phase -> its seconds; empty: not known."""


def height(pace: Expectation, measured: Measured | None = None) -> float:
    """What `draw` takes, px."""
    phases = len(measured.phases) if measured else 0
    return _first(measured) + _ROW * _rows(pace, measured) + 26 + legend_height(phases, 6)


def _first(measured: Measured | None) -> float:
    """Where the bars begin below the top, px."""
    return 46 if measured is None else 64


def _rows(pace: Expectation, measured: Measured | None) -> int:
    return len(parts_of(pace)) + (1 if measured is None else 2)


def draw(pace: Expectation, top: float, measured: Measured | None = None) -> Iterator[str]:
    """Heading, bars and axis."""
    parts, step = parts_of(pace), pace.seconds
    x = Scale(0.0, max(step.high, measured.seconds if measured else 0.0), _LEFT, _RIGHT)
    first = top + _first(measured)
    last = first + _ROW * _rows(pace, measured)
    yield label(PAD, top + 12, _heading(pace), "strong")
    if measured is not None:
        yield label(PAD, top + 30, shorten(_held_against(pace, measured), (WIDTH - 2 * PAD) * 0.9))
    yield from _kinds(first - 24)
    yield rectangle(x(step.low), first - 6, x(step.high) - x(step.low), last - first + 6, "band", "four times in five")
    for tick in round_ticks(0.0, x.high, count=6):
        if tick <= x.high:
            yield line(x(tick), first - 6, x(tick), last, "axis" if tick == 0 else "grid")
            yield label(x(tick), last + 15, duration(tick) if tick else "0", "tick", "middle")
    start, row = 0.0, first
    for name, seconds in parts.items():
        yield from _bar(TIME[name], x, start, seconds, step.expected, row, _STYLES[name])
        start, row = start + seconds, row + _ROW
    yield label(_LEFT - 10, row + 13, "step, expected", "strong", "end")
    yield rectangle(x.start, row, x(step.expected) - x.start, _BAR, "bar", f"step: {duration(step.expected)}")
    yield from whisker(x(step.low), x(step.high), row + _BAR / 2)
    yield label(_RIGHT + 10, row + 13, duration(step.expected), "strong")
    if measured is not None:
        yield from _measured(measured, x, row + _ROW, last + 28)


def describe(pace: Expectation, measured: Measured | None = None) -> str:
    """The same in words."""
    told = [f"{TIME[name]} {duration(seconds)}" for name, seconds in parts_of(pace).items()]
    return "; ".join([_heading(pace), *told, *([_held_against(pace, measured)] if measured else [])])


def _heading(pace: Expectation) -> str:
    step = pace.seconds
    return (
        f"A step takes {duration(step.expected)} ({duration(step.low)} to {duration(step.high)} four times in five): "
        f"{between(pace.tokens_per_second)} tokens/s per {each(pace)}"
    )


def _held_against(pace: Expectation, measured: Measured) -> str:
    step = pace.seconds
    where = "within" if measured.seconds in step else "faster than" if measured.seconds < step.low else "slower than"
    share = percent(step.expected / measured.seconds)
    return (
        f"Measured: {duration(measured.seconds)}, {share} of the expected rate, {where} the interval: {measured.name}"
    )


def _kinds(top: float) -> Iterator[str]:
    x = float(_LEFT)
    for name, (style, _) in _GROUPS.items():
        yield rectangle(x, top, 12, 12, style)
        yield label(x + 18, top + 10, name, "soft")
        x += 18 + len(name) * GLYPH + 20


def _bar(name: str, x: Scale, start: float, seconds: float, whole: float, top: float, style: str) -> Iterator[str]:
    left, right = x(start), x(start + seconds)
    told = f"{duration(seconds)}, {percent(round(seconds / whole, 3))}"
    yield label(_LEFT - 10, top + 13, name, "label", "end")
    yield rectangle(left, top, max(right - left, 1.5), _BAR, style, f"{name}: {told}")
    yield label(right + 7, top + 13, told, "tick")


def _measured(measured: Measured, x: Scale, top: float, legend_top: float) -> Iterator[str]:
    """One bar, by phases where they are known."""
    yield label(_LEFT - 10, top + 13, "step, measured", "strong", "end")
    phases = {name: seconds for name, seconds in measured.phases.items() if seconds > 0}
    left = 0.0
    for name, seconds in (phases or {"step": measured.seconds}).items():
        start, stop = x(left), x(left + seconds)
        style = f"{_style(name)} cut" if phases else "bar"
        yield rectangle(start, top, stop - start, _BAR, style, f"measured, {name}: {duration(seconds)}")
        if phases and len(name) * GLYPH + 12 < stop - start:
            yield label(start + 8, top + 13, name, "on-part")
        left += seconds
    yield label(_RIGHT + 10, top + 13, duration(measured.seconds), "strong")
    told = [
        (_style(name), name, f"{duration(seconds)}, {percent(round(seconds / measured.seconds, 3))}")
        for name, seconds in phases.items()
    ]
    yield from legend(told, legend_top, 6)


def _style(phase: str) -> str:
    return _PHASES.get(phase, "p8")
