"""What a key of a table may be: constraints beside a field's type, which pydantic checks and a JSON schema says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, ClassVar


class Bound:
    """Metadata of a type that pydantic reads: here without importing it, which would slow every verb down."""

    def __init__(self, **constraints: Any) -> None:
        self.constraints = constraints

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        return handler(source) | self.constraints


class Table:
    """Base of all tables: unknown keys are refused, and the text under a field is its meaning."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "use_attribute_docstrings": True}


PLAIN = r"[^\x00-\x1f\x7f]"
"""A character that is no control character: a path with a line break would break a script in two."""

Count = Annotated[int, Bound(ge=1)]
WholeNumber = Annotated[int, Bound(ge=0)]
Word = Annotated[str, Bound(pattern=r"^[^\s\x00-\x1f\x7f]+$")]
