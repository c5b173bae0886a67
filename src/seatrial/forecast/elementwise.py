"""Arithmetic that Python has for one number only, for one number or an array of numpy: bind needs no numpy."""

from __future__ import annotations

from typing import Any


def where(condition: Any, then: Any, otherwise: Any) -> Any:
    """`then` where the condition holds, else `otherwise`."""
    if isinstance(condition, bool):
        return then if condition else otherwise
    import numpy as np

    return np.where(condition, then, otherwise)


def least(one: Any, other: Any) -> Any:
    """The smaller."""
    return where(one < other, one, other)


def most(one: Any, other: Any) -> Any:
    """The greater."""
    return where(one > other, one, other)
