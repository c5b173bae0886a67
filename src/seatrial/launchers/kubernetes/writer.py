"""YAML with comments. Every string that some YAML reader could take for something else is quoted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_PLAIN = re.compile(r"/?[A-Za-z][A-Za-z0-9]*([._/:=@-][A-Za-z0-9]+)*")
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"}
"""What YAML 1.1 reads as something else than a string, and kubectl's reader with it."""
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


@dataclass(frozen=True, slots=True)
class Note:
    """A value, and the comment that stands above it."""

    value: Any
    comment: str


@dataclass(frozen=True, slots=True)
class Text:
    """A file's text as a value of a mapping, written line by line where YAML can."""

    value: str


def documents(values: list[dict[str, Any]]) -> str:
    """The text of several documents."""
    return "---\n".join("\n".join(_block(value)) + "\n" for value in values)


def _block(value: Any) -> list[str]:
    if isinstance(value, Mapping) and value:
        return [line for key, item in value.items() for line in _entry(f"{_scalar(key)}:", item)]
    if isinstance(value, list | tuple) and value:
        return [line for item in value for line in _item(item)]
    if isinstance(value, Text):
        return _lines(value.value)
    return [_scalar(value)]


def _lines(text: str) -> list[str]:
    """A block scalar, whose lines stand two blanks further in than their key; its end is kept as it is."""
    lines = text.split("\n")
    if len(lines) < 2 or not all(line.replace("\t", "").isprintable() for line in lines):
        return [_string(text)]
    return ["|2+", *_indented(lines[:-1])] if text.endswith("\n") else ["|2-", *_indented(lines)]


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" if line else "" for line in lines]


def _entry(key: str, item: Any) -> list[str]:
    comments, value = _split(item)
    lines = _block(value)
    if isinstance(value, Mapping | list | tuple) and value:
        return [*comments, key, *_indented(lines)]
    return [*comments, f"{key} {lines[0]}", *lines[1:]]


def _item(item: Any) -> list[str]:
    comments, value = _split(item)
    first, *rest = _block(value)
    return [*comments, f"- {first}", *_indented(rest)]


def _split(item: Any) -> tuple[list[str], Any]:
    if not isinstance(item, Note):
        return [], item
    words = " ".join(item.comment.split())
    comment = "".join(char if char.isprintable() else "?" for char in words)
    return [f"# {comment}"] if comment else [], item.value


def _scalar(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{}"
    if isinstance(value, list | tuple):
        return "[]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return _string(value)


def _string(value: str) -> str:
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    if '"' in value and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    return '"' + "".join(_SHORT.get(char) or (char if char.isprintable() else _escape(char)) for char in value) + '"'


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
