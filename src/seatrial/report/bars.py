"""Bars: what a step is made of, and ranks side by side."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from seatrial.report.axes import Scale, bounds, drawable, round_ticks
from seatrial.report.charts import FULL, THIRD, Frame, Reference, grid, reference_line
from seatrial.report.format import duration, percent
from seatrial.report.svg import GLYPH_WIDTH, drawing, label, rectangle
from seatrial.samples import median

MAX_BARS = 64


def stacked_bar(parts: Mapping[str, float], *, title: str) -> str:
    """What a step's seconds are made of, as one bar; parts that are no positive number are left out."""
    known = {name: value for name, value in parts.items() if drawable(value) and value > 0}
    total = sum(known.values())
    drawn, left = [], 0.0
    for index, name in enumerate(parts):
        if name not in known:
            continue
        share = known[name] / total
        width = share * FULL
        tip = f"{name}: {duration(known[name])}, {percent(share)}"
        drawn.append(rectangle(left, 0, width, 56, f"part p{index % 6}", tip))
        text = f"{name} {percent(share)}"
        if len(text) * GLYPH_WIDTH * 1.25 + 16 < width:
            drawn.append(label(left + 10, 33, text, "on-part"))
        left += width
    said = "; ".join(f"{name} {duration(value)}, {percent(value / total)}" for name, value in known.items())
    return drawing(FULL, 56, title, said or "no time was recorded", drawn)


def rank_bars(values: Sequence[float | None], *, title: str, behind: Collection[int] = ()) -> str:
    """Seconds of each rank side by side, with a line at the median; ranks that are `behind` are marked.

    With more than 64 ranks, the 63 slowest stand first and the median of all stands last.
    """
    frame = Frame(width=THIRD, height=190, top=24)
    known = {str(rank): value for rank, value in enumerate(values) if value is not None and drawable(value)}
    middle = median(known.values())
    bars = list(known.items())
    if len(bars) > MAX_BARS:
        bars = [*sorted(bars, key=lambda bar: -bar[1])[: MAX_BARS - 1], ("median", middle or 0.0)]
    y_ticks = round_ticks(*bounds([value for _, value in bars], from_zero=True), count=4)
    y = Scale(y_ticks[0], y_ticks[-1], frame.y2, frame.top)
    parts = [*grid(frame, y, y_ticks, duration), *_bars(frame, y, bars, {str(rank) for rank in behind})]
    if middle is not None:
        parts += reference_line(frame, y, Reference(middle, ""))
        parts.append(label(frame.x2, 14, f"median {duration(middle)}", "label", "end"))
    shown = f"{len(bars) - 1} slowest of {len(known)} ranks, and the median" if len(known) > len(bars) else "rank"
    parts.append(label((frame.left + frame.x2) / 2, frame.height - 4, shown, "label", "middle"))
    worst = max(known.items(), key=lambda bar: bar[1], default=None)
    said = f"{len(known)} ranks, median {duration(middle)}"
    if worst:
        said += f", slowest rank {worst[0]} with {duration(worst[1])}"
    said += f"; behind: {', '.join(map(str, behind))}" if behind else "; none is behind by more than noise"
    return drawing(frame.width, frame.height, title, said, parts)


def _bars(frame: Frame, y: Scale, bars: Sequence[tuple[str, float]], behind: Collection[str]) -> Iterator[str]:
    slot = (frame.x2 - frame.left) / max(len(bars), 1)
    width = min(slot * 0.72, 56)
    stride = -(-len(bars) * 26 // int(frame.x2 - frame.left)) or 1
    for index, (name, value) in enumerate(bars):
        center = frame.left + slot * (index + 0.5)
        style = "bar middle" if name == "median" else "bar behind" if name in behind else "bar"
        top, bottom = sorted((y(value), y(0.0)))
        yield rectangle(center - width / 2, top, width, bottom - top, style, f"rank {name}: {duration(value)}")
        if name in behind:  # not by its colour alone
            yield label(center, top - 3, "\u25b2", "behind", "middle")
        if index % stride == 0 and name != "median":
            yield label(center, frame.y2 + 14, name, "tick", "middle")
