"""Texts for golden files in fewer lines. Nothing is lost: a text that changes becomes another one here, too."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from difflib import SequenceMatcher
from functools import partial
from typing import Any

WIDTH = 100
"""Columns within which a value of JSON stands on one line."""


def folded(text: str) -> str:
    """JSON as we write it, with what is short on one line, and numbers as many as fit; any other text as it is."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    write = partial(json.dumps, ensure_ascii=text.isascii())
    return _fold(value, "", write) + "\n" if text == write(value, indent=2) + "\n" else text


def _fold(value: Any, indent: str, write: Callable[[Any], str]) -> str:
    line = write(value)
    if not value or not isinstance(value, dict | list) or len(indent + line) <= WIDTH:
        return line
    inside = f"{indent}  "
    if not any(isinstance(item, str | dict | list) for item in value):
        return f"[\n{textwrap.indent(textwrap.fill(line[1:-1], WIDTH), inside)}\n{indent}]"
    if isinstance(value, dict):
        items = [f"{write(name)}: {_fold(item, inside, write)}" for name, item in value.items()]
    else:
        items = [_fold(item, inside, write) for item in value]
    return f"{line[0]}\n{inside}" + f",\n{inside}".join(items) + f"\n{indent}{line[-1]}"


def differences(base: str, text: str) -> str:
    """What a text has less (-) and more (+) than another, and the line before that; others are counted.

    Both end in a newline. A line's place follows from the counts above it, none of which begins at the top: a line that
    both texts get changes one of them.
    """
    old, new = (lines.removesuffix("\n").split("\n") for lines in (base, text))
    found: list[str] = []
    for kind, start, end, begin, stop in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            found += [f"-{line}" for line in old[start:end]] + [f"+{line}" for line in new[begin:stop]]
            continue
        shown = 0 if (end, stop) == (len(old), len(new)) else 1
        found += [f"= {end - start - shown} lines"] if end - start > shown else []
        found += [f" {line}" for line in old[end - shown : end]]
    return "\n".join(found) + "\n"
