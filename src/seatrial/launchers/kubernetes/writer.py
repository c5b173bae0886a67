"""YAML with comments. Every string that some YAML reader could take for something else is quoted."""

from __future__ import annotations

import re
from collections.abc import Mapping
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


def documents(values: list[dict[str, Any]]) -> str:
    """The text of several documents."""
    return "---\n".join("\n".join(_block(value)) + "\n" for value in values)


def _block(value: Any) -> list[str]:
    if isinstance(value, Mapping) and value:
        return [line for key, item in value.items() for line in _entry(f"{_scalar(key)}:", item)]
    if isinstance(value, list | tuple) and value:
        return [line for item in value for line in _item(item)]
    return [_scalar(value)]


def _entry(key: str, item: Any) -> list[str]:
    comments, value = _split(item)
    lines = _block(value)
    if isinstance(value, Mapping | list | tuple) and value:
        return [*comments, key, *(f"  {line}" for line in lines)]
    return [*comments, f"{key} {lines[0]}"]


def _item(item: Any) -> list[str]:
    comments, value = _split(item)
    first, *rest = _block(value)
    return [*comments, f"- {first}", *(f"  {line}" for line in rest)]


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
