"""Just enough SVG: elements whose attributes are escaped and whose coordinates are numbers.

Colours and fonts come from CSS classes of the page, so that one drawing serves light, dark and print.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape  # xml.sax.saxutils would do the same, but imports urllib and with it 25 ms

from seatrial.report.format import clean

GLYPH_WIDTH = 6.3
"""Width of an average character at the charts' 11 px, in px; what a label needs is estimated from it."""


def element(name: str, *children: str, **attributes: str | float) -> str:
    """One element. `children` are markup already; attribute names lose a trailing _ and write _ as -."""
    pairs = "".join(f' {_name(key)}="{escape(_value(value))}"' for key, value in attributes.items())
    return f"<{name}{pairs}>{''.join(children)}</{name}>" if children else f"<{name}{pairs}/>"


def drawing(
    width: float, height: float, title: str, description: str, parts: Iterable[str], **attributes: str | float
) -> str:
    """A whole picture with the name and the description that a screen reader speaks."""
    return element(
        "svg",
        element("title", plain(title)),
        element("desc", plain(description)),
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {coordinate(width)} {coordinate(height)}",
        role="img",
        class_="chart",
        **attributes,
    )


def label(x: float, y: float, text: str, class_: str = "label", anchor: str = "start") -> str:
    """Text with its baseline at y."""
    return element("text", plain(text), x=x, y=y, class_=class_, text_anchor=anchor)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> str:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def rectangle(x: float, y: float, width: float, height: float, class_: str, tip: str = "") -> str:
    """A filled box; `tip` is what a pointer that rests on it is told."""
    children = (element("title", plain(tip)),) if tip else ()
    return element("rect", *children, x=x, y=y, width=max(width, 0.0), height=max(height, 0.0), class_=class_)


def plain(text: str) -> str:
    """Text content, escaped."""
    return escape(clean(text), quote=False)


def shorten(text: str, width: float) -> str:
    """`text` cut to about `width` px."""
    room = max(int(width / GLYPH_WIDTH), 1)
    return text if len(text) <= room else text[: room - 1] + "…"


def coordinate(value: float) -> str:
    """A coordinate with at most two decimals. Raises ValueError for NaN and infinity: the caller has a bug."""
    if not math.isfinite(value):
        raise ValueError(f"not a coordinate: {value}")
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _name(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def _value(value: str | float) -> str:
    return clean(value) if isinstance(value, str) else coordinate(value)
