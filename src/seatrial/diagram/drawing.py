"""How the picture is laid out: zones side by side in their VPC, public above private, all else beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from seatrial.diagram.scene import Part, Scene
from seatrial.report.svg import GLYPH_WIDTH, drawing, element, label, shorten

BOX, GAP, PAD = (250, 44), 10, 16
"""Width and height of a box, between boxes, and inside frames, in px."""
HEAD = 26
"""Height of a frame's title."""
NARROWEST = 560
"""Width in px that a title has room in."""
COLUMN = BOX[0] + 2 * PAD

STYLE = """
.chart { font: 12px system-ui, sans-serif; background: #fff; }
.chart text { fill: #1b2530; } .chart .small { font-size: 10px; fill: #5a6673; } .chart .strong { font-weight: 600; }
.chart .head { font-size: 15px; font-weight: 600; }
.region { fill: none; stroke: #9aa5b1; stroke-dasharray: 5 4; } .vpc { fill: #f4f7fa; stroke: #7c8a99; }
.zone { fill: none; stroke: #9aa5b1; stroke-dasharray: 2 3; }
.public { fill: #e6f4ea; stroke: none; } .private { fill: #e8eefb; stroke: none; }
.box { fill: #fff; stroke: #c5ccd4; } .link { stroke: #5a6673; stroke-width: 1.5; fill: none; }
.network { fill: #7b5cd6; } .compute { fill: #d97706; } .storage { fill: #15803d; }
.database { fill: #1d4ed8; } .service { fill: #be185d; }
@media (prefers-color-scheme: dark) {
.chart { background: #14181d; } .chart text { fill: #e6eaee; } .chart .small { fill: #9aa5b1; }
.vpc { fill: #1b2129; } .public { fill: #16301f; } .private { fill: #1a2540; } .box { fill: #222a33; stroke: #3a4552; }
}
"""


@dataclass(frozen=True, slots=True)
class Frame:
    """A rectangle on the page, in px."""

    x: float
    y: float
    width: float
    height: float


def draw(scene: Scene) -> str:
    """The scene as an SVG."""
    inside = any(part.public is not None for part in scene.parts) or bool(scene.subnets)
    zones = len(scene.zones) if inside else 0
    heights = {public: max((_stack(scene, public, z) for z in range(zones)), default=0) for public in (True, False)}
    vpc_height = 2 * PAD + HEAD + sum(height + GAP for height in heights.values() if height) + HEAD
    vpc = Frame(PAD, 2 * HEAD + PAD, zones * (COLUMN + GAP) - GAP + 2 * PAD, vpc_height) if zones else Frame(0, 0, 0, 0)
    beside = [part for part in scene.parts if part.public is None]
    places: dict[str, Frame] = {}
    body = [*_vpc(scene, vpc, heights, places)] if zones else []
    left = vpc.x + vpc.width + (3 * PAD if zones else PAD)
    body += _column(beside, left, 2 * HEAD + PAD + HEAD, places)
    right = left + BOX[0] if beside else vpc.x + vpc.width
    bottom = max(vpc.y + vpc.height, 2 * HEAD + PAD + HEAD + len(beside) * (BOX[1] + GAP))
    width, height = max(right + 2 * PAD, NARROWEST), bottom + 2 * PAD
    frame = element("rect", x=PAD / 2, y=HEAD + PAD / 2, width=width - PAD, height=height - HEAD - PAD, class_="region")
    parts = [
        element("style", STYLE),
        label(PAD, HEAD - 6, scene.name, "head"),
        label(PAD + 10 * len(scene.name) + PAD, HEAD - 6, shorten(scene.title, width - 10 * len(scene.name) - 3 * PAD)),
        frame,
        label(PAD, 2 * HEAD, f"AWS region {scene.region}", "small"),
        *body,
        *_links(scene, places),
    ]
    return drawing(width, height, f"{scene.name}: {scene.title}", _described(scene), parts)


def _stack(scene: Scene, public: bool, zone: int) -> float:
    """Height of a subnet, by what stands in it; 0: there is none."""
    inside = sum(part.public is public and part.zone == zone for part in scene.parts)
    there = any(subnet.public is public and subnet.zone == zone for subnet in scene.subnets)
    return HEAD + PAD + inside * (BOX[1] + GAP) if inside or there else 0


def _vpc(scene: Scene, vpc: Frame, heights: dict[bool, float], places: dict[str, Frame]) -> Iterator[str]:
    yield element("rect", x=vpc.x, y=vpc.y, width=vpc.width, height=vpc.height, class_="vpc", rx=6)
    yield label(vpc.x + PAD, vpc.y + 18, f"VPC {scene.cidr}" if scene.cidr else "VPC that is there already", "strong")
    for zone, name in enumerate(scene.zones):
        x, y = vpc.x + PAD + zone * (COLUMN + GAP), vpc.y + HEAD + PAD / 2
        yield element("rect", x=x, y=y, width=COLUMN, height=vpc.height - HEAD - PAD, class_="zone", rx=4)
        yield label(x + 8, y + 16, name, "small")
        y += HEAD
        for public in (True, False):
            if heights[public]:
                yield from _subnet(scene, Frame(x + 6, y, COLUMN - 12, heights[public] - 4), public, zone, places)
                y += heights[public] + GAP


def _subnet(scene: Scene, frame: Frame, public: bool, zone: int, places: dict[str, Frame]) -> Iterator[str]:
    own = next((s for s in scene.subnets if s.public is public and s.zone == zone), None)
    inside = [part for part in scene.parts if part.public is public and part.zone == zone]
    if own is None and not inside:
        return
    class_ = "public" if public else "private"
    yield element("rect", x=frame.x, y=frame.y, width=frame.width, height=frame.height, class_=class_, rx=4)
    yield label(frame.x + 8, frame.y + 16, f"{class_} subnet {own.cidr if own else ''}", "small")
    yield from _column(inside, frame.x + (frame.width - BOX[0]) / 2, frame.y + HEAD, places)


def _column(parts: Iterable[Part], x: float, y: float, places: dict[str, Frame]) -> list[str]:
    drawn = []
    for part in parts:
        frame = places[part.id] = Frame(x, y, *BOX)
        drawn += [
            element("rect", x=x, y=y, width=frame.width, height=frame.height, class_="box", rx=3),
            element("rect", x=x, y=y, width=4, height=frame.height, class_=part.kind),
            label(x + 12, y + 18, shorten(part.title, BOX[0] - 18), "strong"),
            label(x + 12, y + 35, shorten(part.detail, BOX[0] - 24 - GLYPH_WIDTH * len(part.deployment)), "small"),
            label(x + BOX[0] - 6, y + 35, part.deployment, "small", "end"),
        ]
        y += BOX[1] + GAP
    return drawn


def _links(scene: Scene, places: dict[str, Frame]) -> Iterator[str]:
    for start, end, text in scene.links:
        if start in places and end in places:
            a, b = places[start], places[end]
            x1, y1, x2, y2 = a.x + a.width, a.y + a.height / 2, b.x, b.y + b.height / 2
            middle = x2 - 1.5 * PAD
            yield element("path", d=f"M{x1:g} {y1:g} H{middle:g} V{y2:g} H{x2:g}", class_="link")
            yield label(middle - 4, y1 - 5, text, "small", "end")


def _described(scene: Scene) -> str:
    parts = ", ".join(f"{part.title} ({part.detail})" for part in scene.parts)
    return f"{len(scene.zones)} zones with {len(scene.subnets)} subnets; {parts}"
