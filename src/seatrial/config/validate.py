"""Plain data against a dataclass: every error at once, each with its place and what belongs there."""

from __future__ import annotations

import json
import re
import reprlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from seatrial.errors import Problem, unknown

if TYPE_CHECKING:
    from pydantic import TypeAdapter
    from pydantic_core import ErrorDetails

Path = tuple[str | int, ...]
"""Keys, and places in lists, from the root to a value."""


def validate(cls: Any, data: Any, *, strict: bool = True) -> tuple[Any, dict[Path, Problem]]:
    """`data`, as it comes from TOML, as an instance of a dataclass that pydantic can check.

    Returns the instance, or None with the problems by their path; `where` of each is its dotted path. Without `strict`
    texts are converted to numbers and truth values.
    """
    from pydantic import ValidationError

    try:
        # As JSON, in which even strictly an array is a tuple. TOML's dates become what no key takes.
        text = json.dumps(data, default=lambda moment: {"date or time": str(moment)})
        return adapter(cls).validate_json(text, strict=strict), {}
    except ValidationError as error:
        schema = json_schema(cls)
        problems: dict[Path, Problem] = {}
        for details in error.errors(include_url=False, include_context=False):
            path = _path(details["loc"], data, missing=details["type"] == "missing")
            problems.setdefault(path, _problem(details, path, schema))
        return None, problems


@cache
def adapter(cls: Any) -> TypeAdapter[Any]:
    """What validates a class, made once: that takes longer than to use it."""
    from pydantic import TypeAdapter

    return TypeAdapter(cls)


@cache
def json_schema(cls: Any) -> dict[str, Any]:
    """The JSON schema of a class, as pydantic writes it."""
    return with_meanings(cls, adapter(cls).json_schema())


def with_meanings(cls: Any, schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a class with the meanings of the fields that it inherits: pydantic reads one class at a time."""
    for base in cls.__mro__[1:]:
        inherited = {f.name for f in fields(base)} if is_dataclass(base) else set()
        for key in inherited & schema.get("properties", {}).keys():
            meaning = adapter(base).json_schema()["properties"][key].get("description")
            if meaning:
                schema["properties"][key].setdefault("description", meaning)
    return schema


def dotted(path: Path) -> str:
    """``clusters.p5.mounts[0]``, with quotes where TOML needs them."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            key = step if re.fullmatch(r"[A-Za-z0-9_-]+", step) else json.dumps(step, ensure_ascii=False)
            text += f".{key}" if text else key
    return text


def node_at(schema: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    """The part of a JSON schema that describes the value at `path`; empty if it says nothing of it."""
    node: Mapping[str, Any] = schema
    for step in path:
        node = _resolve(node, schema)
        patterns = iter(node.get("patternProperties", {}).values())
        inner = node.get("properties", {}).get(step) if isinstance(step, str) else node.get("items")
        inner = inner or next(patterns, None) or node.get("additionalProperties")
        node = inner if isinstance(inner, Mapping) else {}
    return {**_resolve(node, schema), **node}


def meaning_at(schema: Mapping[str, Any], path: Path) -> str:
    """What is documented of the value at `path`, or else of what it stands in."""
    texts = (node_at(schema, path[:end]).get("description") for end in range(len(path), 0, -1))
    return next((text.replace("\n", " ") for text in texts if text), "")


def _resolve(node: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in node:
        return node
    name = node["$ref"].removeprefix("#/$defs/")
    found: Mapping[str, Any] = schema["$defs"][name]
    return found


def _path(loc: Path, data: Any, *, missing: bool) -> Path:
    """The beginning of pydantic's location that leads somewhere in the data; the rest names parts of types."""
    if missing:
        return loc
    path: Path = ()
    for step in loc:
        try:
            data = data[step]
        except (LookupError, TypeError):
            break
        path += (step,)
    return path


def _problem(details: ErrorDetails, path: Path, schema: Mapping[str, Any]) -> Problem:
    where, kind = dotted(path), details["type"]
    meaning = meaning_at(schema, path)
    if kind == "missing":
        return Problem("is missing", where, meaning)
    if kind == "unexpected_keyword_argument":
        choices = node_at(schema, path[:-1]).get("properties", {})
        return unknown("key", str(path[-1]), choices, where)
    value = reprlib.repr(details["input"])
    if details["loc"][-1:] == ("[key]",):
        return Problem(f"{path[-1]!r} cannot be a name here", where, meaning)
    if kind == "string_pattern_mismatch":
        return Problem(f"cannot be {value}", where, meaning)
    said = details["msg"].replace("Input should be", "must be").replace(" an object", " a table")
    return Problem(f"{said}, not {value}", where, meaning)
