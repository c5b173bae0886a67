"""docs/events.md: its tables are the strings under the fields of seatrial.events."""

from __future__ import annotations

import ast
import inspect
import os
import re
from collections.abc import Iterator
from dataclasses import fields

from seatrial.events.lines import _TYPES
from tests.conftest import UPDATE_GOLDEN
from tests.docs.session import DOCS

PAGE = DOCS / "events.md"


def rows(cls: type) -> Iterator[tuple[str, str, str]]:
    """Name, type and meaning of each field."""
    body = ast.parse(inspect.getsource(cls)).body[0].body
    told = {}
    for field, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(field, ast.AnnAssign) and isinstance(after, ast.Expr):
            told[ast.unparse(field.target)] = " ".join(ast.literal_eval(after.value).split())
    for field in fields(cls):
        yield field.name, str(field.type).replace(" | ", " or "), told.get(field.name, "").replace("``", "`")


def tables(text: str) -> str:
    """The page with the tables that it should have."""
    for name, cls in _TYPES.items():
        table = ["| field | type | meaning |", "|---|---|---|"]
        table += [f"| `{field}` | {kind} | {meaning} |" for field, kind, meaning in rows(cls)]
        head, section, rest = re.split(rf"(?m)(^### `{name}`$)", text)
        before, _, after = re.split(r"(?m)((?:^\|.*\n)+)", rest, maxsplit=1)
        text = "".join((head, section, before, "\n".join(table), "\n", after))
    return text


def test_the_tables_are_what_the_code_says():
    if os.environ.get(UPDATE_GOLDEN):
        PAGE.write_text(tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    page = PAGE.read_text(encoding="utf-8")
    assert page == tables(page), f"{PAGE} is out of date: make goldens"
    assert re.findall(r"(?m)^### `(.*)`$", page) == list(_TYPES)


def test_every_field_has_a_meaning():
    empty = [f"{name}.{field}" for name, cls in _TYPES.items() for field, _, meaning in rows(cls) if not meaning]
    assert not empty
