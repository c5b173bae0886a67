"""Titles, paragraphs and tables, and the two ways of writing them as text."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from seatrial.report.format import UNKNOWN, clean

WIDTH = 100
"""Columns of terminal text."""
_GAP = 2
_NARROWEST = 8
"""Columns that a text column keeps, however wide its neighbours are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Cells that are texts already."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()
    """Columns that are aligned to the right."""
    caption: str = ""

    def filled(self) -> Table:
        """The table without columns that tell nothing in any row."""
        told = [c for c in range(len(self.headers)) if any(row[c] not in ("", UNKNOWN) for row in self.rows)]
        return Table(
            headers=tuple(self.headers[c] for c in told),
            rows=tuple(tuple(row[c] for c in told) for row in self.rows),
            numeric=frozenset(new for new, old in enumerate(told) if old in self.numeric),
            caption=self.caption,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """Lines that stay as they are: of a log, of a traceback."""

    caption: str
    lines: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A heading with what stands under it."""

    title: str
    paragraphs: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()
    tables: tuple[Table, ...] = ()


def to_text(title: str, sections: Iterable[Section]) -> str:
    """Plain terminal text, 100 columns, no escape sequences."""
    lines = [*_wrapped(title), "=" * min(len(title), WIDTH)]
    for section in sections:
        if section.title:
            lines += ["", section.title, "-" * len(section.title)]
        for paragraph in section.paragraphs:
            lines += _wrapped(paragraph)
        for block in section.blocks:
            lines += ["", *_wrapped(block.caption), *indented(block.lines)]
        for index, table in enumerate(section.tables):
            lines += [""] * bool(index or section.paragraphs)
            lines += [*_wrapped(table.caption), *_text_table(table)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def to_markdown(title: str, sections: Iterable[Section]) -> str:
    """GitHub-flavoured Markdown."""
    blocks = [f"# {_escape(title)}"]
    for section in sections:
        blocks += [f"## {_escape(section.title)}"] if section.title else []
        blocks += [_escape(paragraph) for paragraph in section.paragraphs]
        for block in section.blocks:
            blocks += [_escape(block.caption), _fenced(block.lines)]
        for table in section.tables:
            blocks += [_escape(table.caption)] if table.caption else []
            blocks.append(_markdown_table(table))
    return "\n\n".join(blocks) + "\n"


def one_line(text: str) -> str:
    """`text` without line breaks and without characters that disturb a terminal."""
    return " ".join(clean(text).split())


def indented(lines: Iterable[str]) -> Iterator[str]:
    """Lines as they are, two columns in, the long ones broken at 100 columns."""
    for line in lines:
        text = clean(line).expandtabs(4)
        yield from ("  " + text[at : at + WIDTH - 2] for at in range(0, max(len(text), 1), WIDTH - 2))


def _wrapped(text: str, width: int = WIDTH) -> list[str]:
    return textwrap.wrap(one_line(text), width, break_on_hyphens=False)


def _fenced(lines: Sequence[str]) -> str:
    text = "\n".join(map(clean, lines))
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence}\n{text}\n{fence}"


def _text_table(table: Table) -> list[str]:
    cells = [[one_line(cell) for cell in row] for row in (table.headers, *table.rows)]
    widths = _fit([max(len(row[column]) for row in cells) for column in range(len(table.headers))])
    lines = []
    for index, row in enumerate(cells):
        wrapped = [_wrapped(cell, width) or [""] for cell, width in zip(row, widths, strict=True)]
        for part in range(max(map(len, wrapped))):
            texts = [cell[part] if part < len(cell) else "" for cell in wrapped]
            lines.append(
                (" " * _GAP).join(
                    _align(t, w, c in table.numeric) for c, (t, w) in enumerate(zip(texts, widths, strict=True))
                )
            )
        if index == 0:
            lines.append((" " * _GAP).join("-" * width for width in widths))
    return lines


def _fit(widths: list[int]) -> list[int]:
    """Narrow the widest columns until the table fits."""
    widths = list(widths)
    while sum(widths) + _GAP * (len(widths) - 1) > WIDTH and max(widths) > _NARROWEST:
        widths[widths.index(max(widths))] -= 1
    return widths


def _align(text: str, width: int, right: bool) -> str:
    return text.rjust(width) if right else text.ljust(width)


def _markdown_table(table: Table) -> str:
    rule = ["---:" if column in table.numeric else "---" for column in range(len(table.headers))]
    rows = [[_escape(cell) for cell in row] for row in (table.headers, *table.rows)]
    return "\n".join(_pipes(row) for row in (rows[0], rule, *rows[1:]))


def _pipes(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _escape(text: str) -> str:
    # Only what would change the look. An underscore inside a word is left alone: GitHub does not read it as emphasis,
    # and names such as data_wait stay legible in the source. A leading # or - cannot occur inside a cell's text
    # in a way that matters, but a paragraph may begin with one.
    escaped = re.sub(r"([\\`*\[\]<>|~&]|(?<!\w)_|_(?!\w))", r"\\\1", one_line(text))
    return re.sub(r"^([#+-]|\d+[.)])(?=\s|$)", r"\\\1", escaped)
