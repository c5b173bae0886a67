"""What a run gives and needs, against what was forecast of its job when it started: as text, and as bars."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.expected import Range
from seatrial.hardware import GIB
from seatrial.report.axes import Scale, drawable, round_ticks
from seatrial.report.charts import HALF
from seatrial.report.format import UNKNOWN, percent, quantity
from seatrial.report.summary import Summary
from seatrial.report.svg import drawing, label, line, rectangle

_HEIGHT, _LEFT, _RIGHT = 116, 74, HALF - 22
_TOP, _ROW, _BAR, _AXIS = 8, 34, 22, 80


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """One figure against its forecast, both in one unit."""

    title: str
    unit: str
    found: Range
    measured: float | None
    """None: it was not measured, or something else was."""
    unmeasured: str
    """That, in a sentence."""

    def text(self, value: float) -> str:
        """With its unit."""
        return quantity(value, self.unit)

    @property
    def against(self) -> str:
        """Where the measured figure is, in a sentence."""
        if self.measured is None:
            return self.unmeasured
        side = "below" if self.measured < self.found.low else "above" if self.measured > self.found.high else "inside"
        share = percent(self.measured / self.found.expected)
        return f"{self.text(self.measured)} were measured, {share} of what was expected: {side} the interval."


def held(summary: Summary) -> Iterator[Held]:
    """What was forecast: throughput, then memory."""
    known = summary.expected
    if known is not None and known.rate is not None:
        told = summary.unit == "tokens" and drawable(summary.throughput)
        yield Held(
            title="Throughput",
            unit="tokens/s",
            found=known.rate,
            measured=summary.throughput if told else None,
            unmeasured="What the run gives was not measured.",
        )
    if known is not None and known.memory is not None:
        one, peak = known.memory, summary.peak_memory
        yield Held(
            title="Memory of a rank",
            unit="GiB",
            found=Range(low=one.low / GIB, expected=one.expected / GIB, high=one.high / GIB, evidence=one.evidence),
            measured=peak / GIB if peak else None,
            unmeasured="What a rank needs was not measured.",
        )


def told(summary: Summary) -> tuple[str, ...]:
    """Paragraphs; none where nothing was forecast."""
    found = []
    for one in held(summary):
        near = "; ".join(one.found.evidence)
        rests = f"It rests on: {near}." if near else "It rests on a model alone: nothing like it was measured."
        interval = f"{quantity(one.found.low)} to {quantity(one.found.high)} four times in five"
        forecast = f"{one.title}: {one.text(one.found.expected)} were forecast ({interval})."
        found += [f"{forecast} {one.against}", rests]
    if found and summary.expected and summary.expected.faster:
        gains = ", ".join(f"{one.setting} ({percent(one.gain)} more)" for one in summary.expected.faster)
        found.append(f"By the model of its step a single argument would make this job faster: {gains}.")
    return tuple(found)


def bars(summary: Summary) -> list[tuple[str, str]]:
    """For each figure its title, and what was measured above its interval; none for what has no place on an axis."""
    return [
        (one.title, _bar(one))
        for one in held(summary)
        if all(map(drawable, (one.found.low, one.found.expected, one.found.high)))
    ]


def _bar(one: Held) -> str:
    found, value = one.found, one.measured
    x = Scale(0.0, max(found.high, value or 0.0), _LEFT, _RIGHT)
    below = _TOP + _ROW
    parts = []
    for tick in round_ticks(0.0, x.high, count=5):
        if tick <= x.high:
            parts.append(line(x(tick), _TOP - 4, x(tick), _AXIS, "axis" if tick == 0 else "grid"))
            parts.append(label(x(tick), _AXIS + 14, quantity(tick), "tick", "middle"))
    parts.append(label(_LEFT - 8, _TOP + 15, "measured", "label", "end"))
    if value is None:
        parts.append(label(_LEFT + 8, _TOP + 15, UNKNOWN, "label"))
    else:
        parts.append(rectangle(x.start, _TOP, x(value) - x.start, _BAR, "bar", f"measured: {one.text(value)}"))
    tip = f"expected: {one.text(found.expected)}, {quantity(found.low)} to {quantity(found.high)}"
    parts.append(label(_LEFT - 8, below + 15, "expected", "label", "end"))
    parts.append(rectangle(x(found.low), below + 4, x(found.high) - x(found.low), _BAR - 8, "bar middle", tip))
    parts.append(line(x(found.expected), below, x(found.expected), below + _BAR, "mark validation"))
    parts.append(label(_RIGHT, _HEIGHT - 4, one.unit, "label", "end"))
    return drawing(HALF, _HEIGHT, f"{one.title} against the forecast", f"{one.against} {tip}", parts)
