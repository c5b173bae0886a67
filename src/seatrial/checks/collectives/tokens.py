"""Numbers as nccl-tests and nccom-test print them, with what rounding may hide."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"[+-]?(?:\d+(?P<fraction>\.\d*)?|\.\d+)(?:[eE](?P<power>[+-]?\d+))?", re.ASCII)


def number(token: str) -> float:
    """``1113456.2``, ``1.2e+06``. Raises ValueError for anything else, NaN and infinity among it."""
    if _NUMBER.fullmatch(token) is None:
        raise ValueError(f"{token!r} is not a number")
    return float(token)


def rounding(token: str) -> float:
    """Half a unit of its last digit. Raises ValueError if it is no number."""
    found = _NUMBER.fullmatch(token)
    if found is None:
        raise ValueError(f"{token!r} is not a number")
    digits = len(found["fraction"] or ".") - 1
    return 0.5 * 10.0 ** (int(found["power"] or 0) - digits)


def whole(token: str) -> int:
    """``4294967296``. Raises ValueError."""
    if re.fullmatch(r"\d{1,18}", token, re.ASCII) is None:
        raise ValueError(f"{token!r} is not a whole number")
    return int(token)


def wrong_elements(token: str) -> int | None:
    """The column ``#wrong``: ``0``, ``1.67772e+07``, ``N/A`` where nobody looked. Raises ValueError."""
    if token == "N/A":
        return None
    value = number(token)
    if value < 0:
        raise ValueError(f"{token!r} is no count")
    return int(value) if value.is_integer() else int(value) + 1
