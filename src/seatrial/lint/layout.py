"""Where in a manifest the lines belong that a template fills in as a whole."""

from __future__ import annotations

import re

from seatrial.lint.templates import FILLED, Filled

_CONTEXT = 100
"""Lines in front of one that is filled in that say where it belongs."""


def laid_out(filled: Filled, text: str) -> str:
    """A manifest in which lines that are filled in as a whole have become an entry of the mapping or list that they
    stand in, or the value of the key before them."""
    lines = text.split("\n")
    for at, indent in filled.whole.items():
        if at < len(lines) and lines[at].strip() == FILLED:
            lines[at] = _entry(lines, at, indent, filled.whole)
    return "\n".join(lines)


def _entry(lines: list[str], at: int, indent: int, whole: dict[int, int]) -> str:
    near = lines[max(at - _CONTEXT, 0) : at]
    said = [line for line in near if line.strip() and not line.lstrip().startswith("#")]
    before = said[-1] if said and not said[-1].startswith("---") else ""
    after = next((one for i, one in enumerate(lines[at + 1 :], at + 1) if one.strip() and i not in whole), "")
    if block := _block(near):
        return " " * max(block, indent) + FILLED
    column, below = _column(before), _column(after, dash=False)
    if re.search(r":\s*(#.*)?$", before):
        if below <= column:
            return " " * (column + 2) + FILLED  # all of the key's value
        indent = below
        return " " * indent + (f"- {FILLED}" if after.lstrip().startswith("- ") else f"{FILLED}: {FILLED}")
    if not before and not after:
        return ""
    levels = [(_column(line, dash=False), line.lstrip().startswith("- ")) for line in said]
    in_list = next((dash for level, dash in reversed(levels) if level <= indent), False)
    fitting = [level for line in said for level in (_column(line), _column(line, dash=False))]
    if fitting and indent not in fitting:
        indent = max((level for level in fitting if level <= indent), default=0)
    in_list = in_list and any(level == indent and dash for level, dash in levels)
    return " " * indent + (f"- {FILLED}" if in_list else f"{FILLED}: {FILLED}")


def _column(line: str, *, dash: bool = True) -> int:
    """Where a line's key begins; with `dash` behind the dash of a list."""
    return len((re.match(r"\s*(?:-\s+)*" if dash else r"\s*", line) or [""])[0])


def _block(lines: list[str]) -> int:
    """Indentation of the text of the block scalar, ``|`` or ``>``, that is still open after these lines; 0: none is."""
    deepest: int | None = None
    for line in reversed(lines):
        if not line.strip():
            continue
        column = _column(line, dash=False)
        if re.search(r"[:-]\s+[|>][-+\d]*\s*(#.*)?$", line) and (deepest is None or column < deepest):
            return deepest if deepest is not None else _column(line) + 2
        deepest = column if deepest is None else min(deepest, column)
        if deepest == 0:
            return 0
    return 0
