"""How verbs print tables and facts: whole where a program reads them, on a terminal within its width."""

from __future__ import annotations

import os
import re
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest

import click


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]], optional: Sequence[str] = ()) -> None:
    """Columns as wide as their widest cell; on a terminal within its width.

    Cells then go on in the next line, broken at blanks, and the first column, which holds names, last of all. Where
    even words are too wide together, the columns of these headers are left out, the first of them first.
    """
    table = [list(header), *(list(row) for row in rows)]
    widths = _widths(table)
    if sys.stdout.isatty():
        columns = _columns()
        for name in optional:
            if sum(_words(table)) + 2 * (len(table[0]) - 1) > columns:
                place = table[0].index(name)
                table = [row[:place] + row[place + 1 :] for row in table]
        widths = _within(_widths(table), _words(table), columns - 2 * (len(table[0]) - 1))
    for number, row in enumerate(table):
        cells = [
            textwrap.wrap(cell, width, break_on_hyphens=place > 0) or [""]
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        for parts in zip_longest(*cells, fillvalue=""):
            line = "  ".join(part.ljust(width) for part, width in zip(parts, widths, strict=True)).rstrip()
            click.echo(click.style(line, bold=True) if number == 0 else line)


def _widths(table: list[list[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*table, strict=True)]


def _words(table: list[list[str]]) -> list[int]:
    """The longest word of each column; names are not broken at a hyphen."""
    ends = [r"\s", *[r"\s|(?<=-)"] * len(table[0])]
    return _widths([[max(re.split(end, cell), key=len) for cell, end in zip(row, ends, strict=False)] for row in table])


def _within(widths: list[int], words: list[int], room: int) -> list[int]:
    """Columns made narrower until they have room: the widest first of those that can be broken between words."""
    while sum(widths) > room and max(widths) > 1:
        breakable = [place for place, width in enumerate(widths) if width > words[place]]
        widths[max(breakable or range(len(widths)), key=widths.__getitem__)] -= 1
    return widths


def print_facts(facts: Mapping[str, object], width: int) -> None:
    """A line for each, its name `width` columns wide; on a terminal those that are too long go on below."""
    for name, value in facts.items():
        text = str(value)
        if sys.stdout.isatty():
            room = max(1, _columns() - width - 1)
            text = f"\n{' ' * (width + 1)}".join(textwrap.wrap(text, room))
        click.echo(f"{click.style(name.ljust(width), bold=True)} {text}")


def _columns() -> int:
    """Of the terminal; shutil asks the stream that was there before ours."""
    given = os.environ.get("COLUMNS", "")
    return int(given) if given.isdecimal() else os.get_terminal_size(sys.stdout.fileno()).columns or 80
