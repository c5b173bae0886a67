"""What a test asks of a picture that stands by itself."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from xml.etree import ElementTree

Element = ElementTree.Element
SVG = "{http://www.w3.org/2000/svg}"
WIDE = {"head": 9.0, "tick": 6.2, "soft": 6.2, "strong": 7.4, "on-part": 7.4}
"""Class of a text -> width of an average character, px, as Chromium draws it; 6.8 of the others."""


def texts(root: Element) -> list[str]:
    """All that is written in it."""
    return [one.text or "" for one in root.iter(f"{SVG}text")]


def boxes(root: Element) -> dict[str, Element]:
    """Boxes by what a pointer that rests on them is told."""
    return {tip.text or "": box for box in root.iter(f"{SVG}rect") if (tip := box.find(f"{SVG}title")) is not None}


def width(box: Element) -> float:
    """Px."""
    return float(box.attrib["width"])


def gaps(side_by_side: list[Element]) -> Iterator[float]:
    """Px between each box and the one before it; below 0 where they overlap."""
    for one, other in itertools.pairwise(side_by_side):
        yield float(other.attrib["x"]) - float(one.attrib["x"]) - width(one)


def outside(root: Element) -> Iterator[str]:
    """Texts and boxes that do not lie in the picture."""
    _, _, right, bottom = map(float, root.attrib["viewBox"].split())
    for one in root.iter(f"{SVG}text"):
        long = len(one.text or "") * WIDE.get(one.attrib["class"], 6.8)
        share = {"start": 0.0, "middle": 0.5, "end": 1.0}[one.attrib["text-anchor"]]
        left = float(one.attrib["x"]) - share * long
        if left < 0 or left + long > right or not 10 <= float(one.attrib["y"]) <= bottom - 3:
            yield one.text or ""
    for one in root.iter(f"{SVG}rect"):
        x, y = float(one.attrib["x"]), float(one.attrib["y"])
        if x < 0 or y < 0 or x + width(one) > right or y + float(one.attrib["height"]) > bottom:
            yield f"box at {x} {y}"
