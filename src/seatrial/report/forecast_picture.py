"""What is expected of a job as a picture: memory of a rank, and the time of a step."""

from __future__ import annotations

from seatrial.forecast.job import Forecast
from seatrial.report import memory_bars, waterfall
from seatrial.report.standalone import GLYPH, PAD, TOP, WIDTH, standalone
from seatrial.report.svg import GLYPH_WIDTH, label, shorten
from seatrial.report.waterfall import Measured


def picture(title: str, found: Forecast, measured: Measured | None = None) -> str:
    """Both as one SVG that needs no page around it; what is not known is said in its place."""
    below = TOP + memory_bars.height(found) + 10
    parts, told = [*memory_bars.draw(found, TOP)], [memory_bars.describe(found)]
    if found.pace is None:
        why = f"Time: {found.unknown.get('time', '')}"
        parts.append(label(PAD, below + 12, shorten(why, (WIDTH - 2 * PAD) * GLYPH_WIDTH / GLYPH), "strong"))
        return standalone(below + 28, title, "; ".join([*told, why]), parts)
    parts += waterfall.draw(found.pace, below, measured)
    told.append(waterfall.describe(found.pace, measured))
    return standalone(below + waterfall.height(found.pace, measured), title, "; ".join(told), parts)


def memory_picture(title: str, found: Forecast) -> str:
    """Memory alone."""
    return standalone(TOP + memory_bars.height(found), title, memory_bars.describe(found), memory_bars.draw(found, TOP))


def step_picture(title: str, found: Forecast, measured: Measured | None = None) -> str:
    """The step alone; ValueError where it is not known."""
    pace = found.pace
    if pace is None:
        raise ValueError(found.unknown.get("time", "the time of a step is not known"))
    told = waterfall.describe(pace, measured)
    return standalone(TOP + waterfall.height(pace, measured), title, told, waterfall.draw(pace, TOP, measured))
