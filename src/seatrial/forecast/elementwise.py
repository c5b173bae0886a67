"""Arithmetic that Python has for one number only, for one number or an array of numpy: bind needs no numpy."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any


def where(condition: Any, then: Any, otherwise: Any) -> Any:
    """`then` where the condition holds, else `otherwise`."""
    if isinstance(condition, bool):
        return then if condition else otherwise
    import numpy as np

    return np.where(condition, then, otherwise)


def pick(condition: Any, then: Any, otherwise: Any) -> Any:
    """`where` for dataclasses, by their fields, and for tuples."""
    if isinstance(condition, bool):
        return then if condition else otherwise
    if isinstance(then, tuple):
        return tuple(pick(condition, one, other) for one, other in zip(then, otherwise, strict=True))
    if is_dataclass(then) and not isinstance(then, type):
        names = [field.name for field in fields(then)]
        return replace(
            then, **{name: where(condition, getattr(then, name), getattr(otherwise, name)) for name in names}
        )
    return where(condition, then, otherwise)


def least(one: Any, other: Any) -> Any:
    """The smaller."""
    return where(one < other, one, other)


def most(one: Any, other: Any) -> Any:
    """The greater."""
    return where(one > other, one, other)
