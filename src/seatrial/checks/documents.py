"""JSON that a tool printed, with whatever its libraries printed around it."""

from __future__ import annotations

import json
from typing import Any

from seatrial.checks.observations import Lines, Unreadable


def document(lines: Lines, expected: str) -> dict[str, Any]:
    """The one JSON object in the text; warnings may stand before and behind it. Raises Unreadable."""
    text = list(lines)
    begin = next((number for number, line in enumerate(text) if line.lstrip().startswith("{")), None)
    if begin is None:
        raise _unreadable(lines, text, 0, expected)
    body = "".join(text[begin:]).lstrip()
    try:
        found, end = json.JSONDecoder().raw_decode(body)
    except json.JSONDecodeError as error:
        raise _unreadable(lines, text, begin + error.lineno - 1, expected) from error
    behind = body[end:].splitlines()
    if any(line.lstrip().startswith(("{", "[")) for line in behind):
        raise _unreadable(lines, text, len(text) - 1, f"one {expected}, not two")
    assert isinstance(found, dict)
    return found


def _unreadable(lines: Lines, text: list[str], number: int, expected: str) -> Unreadable:
    lines.count = min(number + 1, len(text))
    return Unreadable(expected, text[number] if number < len(text) else "")
