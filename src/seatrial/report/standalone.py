"""A picture that needs no page around it: it brings its colours, for light and for dark, and its title."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from seatrial.report.svg import drawing, element, label, line, rectangle, shorten

WIDTH, PAD = 1040, 16
TOP = 44
"""Where what stands below the title begins, px."""
GLYPH = 7.2
"""Width of an average character at these pictures' 12 px, in px, with some to spare."""
_LEGEND_ROW = 34

STYLE = """
svg:has(> .picture) { background: #fff; } .picture { font: 12px system-ui, "DejaVu Sans", sans-serif; }
.picture text { fill: #1a1f27; } .picture .tick, .picture .soft { font-size: 11px; fill: #5a6472; }
.picture .head { font-size: 15px; font-weight: 600; } .picture .strong { font-weight: 600; }
.picture text.on-part { fill: #fff; font-weight: 600; }
.picture .axis { stroke: #8a94a1; } .picture .grid { stroke: #dde1e7; } .picture .cut { stroke: #fff; }
.picture .bar { fill: #5a87ad; } .picture .mean { stroke: #c8500a; stroke-width: 2; }
.picture .band { fill: #c8500a; opacity: .14; }
.picture .limit { stroke: #b3261e; stroke-width: 2; stroke-dasharray: 6 3; } .picture text.limit { stroke: none; }
.picture .cloud { stroke: #5a87ad; stroke-width: 4; stroke-linecap: round; opacity: .7; }
.picture .frontier { fill: none; stroke: #c8500a; stroke-width: 2; } .picture .end { fill: #c8500a; }
.picture .best { fill: none; stroke: #1a1f27; stroke-width: 1; }
.picture .p0 { fill: #0b6e4f; } .picture .p1 { fill: #0072b2; } .picture .p2 { fill: #b3261e; }
.picture .p3 { fill: #9a5b00; } .picture .p4 { fill: #5b5fc7; } .picture .p5 { fill: #a3437c; }
.picture .p6 { fill: #5f6b7a; } .picture .p7 { fill: #16818c; } .picture .p8 { fill: #7d6148; }
@media (prefers-color-scheme: dark) {
svg:has(> .picture) { background: #12161c; } .picture text { fill: #e6e9ee; }
.picture .tick, .picture .soft { fill: #a0a9b6; } .picture .axis { stroke: #6b7684; }
.picture .grid { stroke: #2c343f; } .picture .cut { stroke: #12161c; } .picture .limit { stroke: #ff8a80; }
.picture .mean, .picture .frontier { stroke: #ff9d5c; } .picture .band, .picture .end { fill: #ff9d5c; }
.picture .best { stroke: #e6e9ee; } .picture .cloud { stroke: #7fb0d8; }
}
"""


def standalone(height: float, title: str, told: str, parts: Iterable[str]) -> str:
    """The whole picture, `WIDTH` px wide; `told` is what a screen reader says of it."""
    head = label(PAD, 26, shorten(title, (WIDTH - 2 * PAD) * 0.7), "head")
    return drawing(WIDTH, height, title, told, [element("style", STYLE), element("g", head, *parts, class_="picture")])


def legend(entries: Sequence[tuple[str, str, str]], top: float, columns: int) -> Iterator[str]:
    """Of (style, name, what it comes to): a swatch and two lines each."""
    wide = (WIDTH - 2 * PAD) / columns
    for index, (style, name, value) in enumerate(entries):
        x, y = PAD + index % columns * wide, top + index // columns * _LEGEND_ROW
        yield rectangle(x, y, 12, 12, style)
        yield label(x + 18, y + 11, shorten(name, wide - 24), "strong")
        yield label(x + 18, y + 25, shorten(value, wide - 24), "soft")


def legend_height(count: int, columns: int) -> float:
    """What `legend` takes, px."""
    return -(-count // columns) * _LEGEND_ROW


def whisker(low: float, high: float, y: float) -> Iterator[str]:
    """An interval, from px to px."""
    yield line(low, y, high, y, "mean")
    for end in (low, high):
        yield line(end, y - 4, end, y + 4, "mean")
