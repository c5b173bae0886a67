"""The values of YAML, which know their lines: plain Python values, composed of what the parser sees."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

TEMPLATED = re.compile(r"\{%-?\s*\w|\{\{-?\s*(\.|include\b|if\b|range\b|with\b|end\b|[A-Za-z_]\w*\s*[|}])")
"""Helm and Jinja. ``{{ $labels.x }}`` is neither: Prometheus fills that in."""
DEEPEST = 100
"""Levels. A manifest has about 15."""


class Text(str):
    """A scalar, as it is written."""

    line: int
    """Line of its file, from 1; of a block scalar the line on which its text begins."""


class Map(dict[str, Any]):
    """A mapping. A null is None; its line is that of its key."""

    line: int

    def map(self, *keys: str) -> Map:
        """The mapping under these keys; an empty one if there is none."""
        found: Any = self
        for key in keys:
            found = found.get(key) if isinstance(found, Map) else None
        return found if isinstance(found, Map) else Map()

    def items_of(self, key: str) -> list[Map]:
        """The mappings in the list under a key."""
        found = self.get(key)
        return [item for item in found if isinstance(item, Map)] if isinstance(found, list) else []

    def text(self, key: str) -> Text | None:
        """The scalar under a key."""
        found = self.get(key)
        return found if isinstance(found, Text) else None

    def line_of(self, key: str) -> int:
        """Line of a key; of the mapping if it has no such key."""
        return next((name.line for name in self if name == key and isinstance(name, Text)), getattr(self, "line", 1))


def composed(events: Iterable[Any]) -> tuple[list[Any], list[int]]:
    """The documents of a text, as Text, Map, list or None, and the lines of what a template has to fill in first.

    The composer of PyYAML calls itself for each level, which crashes the process when the stack is full, and takes
    twice the time, since it looks for numbers and dates among the scalars.
    """
    import yaml

    documents: list[Any] = []
    templated: list[int] = []
    anchors: dict[str, Any] = {}
    levels: list[list[Any]] = []  # of each open collection: itself, and the key whose value is next
    for event in events:
        kind = type(event)
        if kind in (yaml.MappingEndEvent, yaml.SequenceEndEvent):
            levels.pop()
        elif kind is yaml.DocumentStartEvent:
            anchors = {}
        if not isinstance(event, yaml.NodeEvent):
            continue
        value = _value(event, anchors, templated)
        _place(value, levels[-1] if levels else [documents], templated)
        if kind in (yaml.MappingStartEvent, yaml.SequenceStartEvent):
            levels.append([value, _NO_KEY])
            if len(levels) > DEEPEST:
                mark: Any = event.start_mark
                raise ValueError("is nested too deeply", mark.line + 1)
    return documents, templated


_NO_KEY = object()


def _value(event: Any, anchors: dict[str, Any], templated: list[int]) -> Any:
    """What begins with an event. Where an alias repeats it, it becomes one and the same value."""
    import yaml

    mark: Any = event.start_mark
    line = mark.line + 1
    if isinstance(event, yaml.AliasEvent):
        if event.anchor not in anchors:
            raise yaml.composer.ComposerError(None, None, "found undefined alias", mark)
        return anchors[event.anchor]
    value: Any
    if isinstance(event, yaml.ScalarEvent):
        value = None if _is_null(event) else Text(event.value)
        if value is not None:
            value.line = line + (event.style in ("|", ">"))
            if "{" in value and "\n" not in value and TEMPLATED.search(value):
                templated.append(line)
    elif isinstance(event, yaml.MappingStartEvent):
        value = Map()
        value.line = line
    else:
        value = []
    if event.anchor is not None:
        if event.anchor in anchors:
            raise yaml.composer.ComposerError(None, None, "found duplicate anchor", mark)
        anchors[event.anchor] = value
    return value


def _is_null(scalar: Any) -> bool:
    """https://yaml.org/type/null.html"""
    if scalar.tag in (None, "!"):
        return scalar.implicit[0] and scalar.value in ("", "~", "null", "Null", "NULL")
    return bool(scalar.tag == "tag:yaml.org,2002:null")


def _place(value: Any, level: list[Any], templated: list[int]) -> None:
    """Puts a value where it belongs in the innermost collection that is open."""
    around = level[0]
    if isinstance(around, list):
        around.append(value)
    elif level[1] is _NO_KEY:
        level[1] = value
    else:
        key, level[1] = level[1], _NO_KEY
        if isinstance(key, Text):
            around[key] = value
        elif isinstance(key, Map):  # {{ .Values.x }} is YAML, too
            templated.append(key.line)


def walk(value: Any) -> Iterator[Map]:
    """Every mapping in a value, once, itself included."""
    stack, seen = [value], set()
    while stack:
        item = stack.pop()
        if id(item) in seen or not isinstance(item, (Map, list)):
            continue
        seen.add(id(item))
        if isinstance(item, Map):
            yield item
        stack.extend(reversed(list(item.values()) if isinstance(item, Map) else item))
