"""A run's throughput against what was forecast of its job when it started: as a line of text, and as a bar."""

from __future__ import annotations

from seatrial.report.axes import Scale, drawable, round_ticks
from seatrial.report.charts import HALF
from seatrial.report.format import UNKNOWN, percent, quantity
from seatrial.report.summary import Summary
from seatrial.report.svg import drawing, label, line, rectangle
from seatrial.spec import Expected

_HEIGHT, _LEFT, _RIGHT = 116, 74, HALF - 22
_TOP, _ROW, _BAR, _AXIS = 8, 34, 22, 80


def told(summary: Summary) -> tuple[str, ...]:
    """Paragraphs; none where nothing was forecast."""
    found = summary.expected
    if found is None:
        return ()
    forecast = (
        f"{_rate(found.expected)} were forecast ({quantity(found.low)} to {quantity(found.high)} four times in five)."
    )
    rests = f"It rests on: {'; '.join(found.evidence)}." if found.evidence else (
        "It rests on a model alone: nothing like it was measured."
    )  # fmt: skip
    return (f"{forecast} {_against(found, measured(summary))}", rests)


def measured(summary: Summary) -> float | None:
    """Tokens a second over the steady steps; None where there are none, or something else is counted."""
    return summary.throughput if summary.unit == "tokens" and drawable(summary.throughput) else None


def bar(summary: Summary) -> str:
    """What was measured above the interval; empty where nothing was forecast that has a place on an axis."""
    found, rate = summary.expected, measured(summary)
    if found is None or not all(map(drawable, (found.low, found.expected, found.high))):
        return ""
    x = Scale(0.0, max(found.high, rate or 0.0), _LEFT, _RIGHT)
    below = _TOP + _ROW
    parts = []
    for tick in round_ticks(0.0, x.high, count=5):
        if tick <= x.high:
            parts.append(line(x(tick), _TOP - 4, x(tick), _AXIS, "axis" if tick == 0 else "grid"))
            parts.append(label(x(tick), _AXIS + 14, quantity(tick), "tick", "middle"))
    parts.append(label(_LEFT - 8, _TOP + 15, "measured", "label", "end"))
    if rate is None:
        parts.append(label(_LEFT + 8, _TOP + 15, UNKNOWN, "label"))
    else:
        parts.append(rectangle(x.start, _TOP, x(rate) - x.start, _BAR, "bar", f"measured: {_rate(rate)}"))
    tip = f"expected: {_rate(found.expected)}, {quantity(found.low)} to {quantity(found.high)}"
    parts.append(label(_LEFT - 8, below + 15, "expected", "label", "end"))
    parts.append(rectangle(x(found.low), below + 4, x(found.high) - x(found.low), _BAR - 8, "bar middle", tip))
    parts.append(line(x(found.expected), below, x(found.expected), below + _BAR, "mark validation"))
    parts.append(label(_RIGHT, _HEIGHT - 4, "tokens/s", "label", "end"))
    return drawing(HALF, _HEIGHT, "Throughput against the forecast", f"{_against(found, rate)} {tip}", parts)


def _against(found: Expected, rate: float | None) -> str:
    if rate is None:
        return "What the run gives was not measured."
    side = "below" if rate < found.low else "above" if rate > found.high else "inside"
    return f"{_rate(rate)} were measured, {percent(rate / found.expected)} of what was expected: {side} the interval."


def _rate(value: float) -> str:
    return quantity(value, "tokens/s")
