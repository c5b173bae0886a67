"""What happened when, as a picture: lanes over wall time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from seatrial.report.axes import Scale, clock_ticks, drawable, every
from seatrial.report.charts import FULL, MAX_MARKS
from seatrial.report.format import duration
from seatrial.report.svg import drawing, label, line, rectangle, shorten


class Span(NamedTuple):
    """A stretch of time in a lane."""

    start: float
    stop: float
    name: str


@dataclass(frozen=True, slots=True)
class Lane:
    """One row of a time line, in seconds since its beginning."""

    name: str
    spans: Sequence[Span] = ()
    moments: Sequence[float] = ()
    kind: str = "checkpoint"


def timeline(lanes: Sequence[Lane], seconds: float, *, title: str) -> str:
    """What happened when, over `seconds` of wall time, one lane for each kind of event."""
    row, left = 30, 112
    seconds = seconds if drawable(seconds) and seconds > 1e-6 else 1.0
    height = row * len(lanes) + 34
    x = Scale(0.0, seconds, left, FULL - 16)
    parts = []
    for tick in clock_ticks(seconds):
        parts.append(line(x(tick), 4, x(tick), height - 28, "grid"))
        parts.append(label(x(tick), height - 10, duration(tick), "tick", "middle"))
    for index, lane in enumerate(lanes):
        parts += _lane(lane, x, index * row + 6, left)
    counts = (f"{lane.name}: {len(lane.spans) or len(lane.moments)}" for lane in lanes)
    return drawing(FULL, height, title, f"{duration(seconds)} of wall time; {', '.join(counts)}", parts)


def _lane(lane: Lane, x: Scale, top: float, left: float) -> Iterator[str]:
    yield label(left - 12, top + 15, lane.name, "label", "end")
    for span in lane.spans:
        if not (drawable(span.start) and drawable(span.stop)):
            continue
        start, stop = sorted((x(span.start), x(span.stop)))
        yield rectangle(start, top, max(stop - start, 2), 20, "span", span.name)
        if span.name and stop - start > 40:
            yield label(start + 8, top + 14, shorten(span.name, stop - start - 16), "on-span")
    for moment in every([m for m in lane.moments if drawable(m)], 4 * MAX_MARKS):
        yield line(x(moment), top + 2, x(moment), top + 18, f"mark {lane.kind}")
