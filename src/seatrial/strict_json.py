"""Floats that JSON cannot hold, as words: in events, records and reports."""

from __future__ import annotations

import math
from typing import Any


def plain(value: Any) -> Any:
    """Nested dicts, lists and floats as strict JSON can hold them."""
    if isinstance(value, float) and not math.isfinite(value):
        return not_finite(value)
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def not_finite(value: float) -> str:
    """The word for a float that JSON cannot hold."""
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def floats(value: Any) -> Any:
    """What `plain` was given: the words are floats again."""
    if value in ("NaN", "Infinity", "-Infinity") and isinstance(value, str):
        return float(value)
    if isinstance(value, dict):
        return {key: floats(item) for key, item in value.items()}
    if isinstance(value, list):
        return [floats(item) for item in value]
    return value
