"""Tables of the pages that are written from what the code knows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown; a bar in a cell would end it."""
    head, *lines = (f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |\n" for line in (headers, *rows))
    return "".join((head, "|---" * len(headers), "|\n", *lines))
