"""A query that was found in a file, and values of files that may be of any shape."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_LEGEND = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A query, and what else depends on it."""

    where: str
    """File and place in it, for people."""
    promql: str
    named: frozenset[str] = frozenset()
    """Labels that a text beside it asks of its result."""
    naming: str = ""
    """What that text is."""
    record: str = ""
    """The name under which a rule records it."""
    labels: frozenset[str] = frozenset()
    """Labels that a rule adds."""

    @classmethod
    def of_panel(cls, name: str, title: str, promql: str, legend: str) -> Found:
        """A query of the panel `title` of the dashboard `name`."""
        named = frozenset(_LEGEND.findall(legend)) - {"__name__"}
        return cls(where=f"{name}: panel {title!r}", promql=promql, named=named, naming="its legend")


def mapping(value: Any) -> Mapping[str, Any]:
    """`value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def listed(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a list; of anything else none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: Any) -> str:
    """`value` if it is a text, else an empty one."""
    return value if isinstance(value, str) else ""
