"""What a change of a template would change, without asking AWS: by the schemas of resources that cfn-lint brings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from seatrial.deploying.proposals import Replacement, Row
from seatrial.deploying.templates import holds_data, resources
from seatrial.extras import needed

Resources = Mapping[str, Mapping[str, Any]]

REGION = "us-east-1"
"""Region whose schemas are read: it has every type of resource."""


def compare(old: str, new: str) -> tuple[Row, ...]:
    """What would become of each resource, from one template's text to another's."""
    before, after = resources(old), resources(new)
    return (
        *(Row(action="Add", type=after[name]["Type"], logical_id=name) for name in after if name not in before),
        *_modified(before, after),
        *(
            Row(action="Remove", type=one["Type"], logical_id=name, holds_data=holds_data(one))
            for name, one in before.items()
            if name not in after
        ),
    )


def _modified(before: Resources, after: Resources) -> Iterator[Row]:
    changed = {name: _changed(before[name], after[name]) for name in after if name in before}
    replaced: dict[str, Replacement] = {
        name: _replacement(before[name], after[name], keys) for name, keys in changed.items() if keys
    }
    # Whatever names a resource that is replaced gets another name or address to see, and may be replaced for it.
    new = True
    while new:
        gone = {name for name, how in replaced.items() if how != "False"}
        new = False
        for name in changed:
            keys = {key for key, value in after[name].get("Properties", {}).items() if gone & _named(value)}
            if keys - changed[name]:
                changed[name] |= keys
                how: Replacement = "False" if _replacement(after[name], after[name], keys) == "False" else "Conditional"
                replaced[name] = how if replaced.get(name, "False") == "False" else replaced[name]
                new = True
    for name, how in replaced.items():
        yield Row(
            action="Modify",
            type=after[name]["Type"],
            logical_id=name,
            replacement=how,
            properties=tuple(sorted(changed[name])),
            holds_data=holds_data(before[name]),
        )


def _changed(one: Mapping[str, Any], other: Mapping[str, Any]) -> set[str]:
    """Properties that differ, and attributes such as DeletionPolicy."""
    before, after = one.get("Properties", {}), other.get("Properties", {})
    attributes = {key for key in {*one, *other} - {"Properties"} if one.get(key) != other.get(key)}
    return attributes | {key for key in {*before, *after} if before.get(key) != after.get(key)}


def _replacement(one: Mapping[str, Any], other: Mapping[str, Any], keys: set[str]) -> Replacement:
    if one["Type"] != other["Type"]:
        return "True"
    schema = _schema(other["Type"])
    properties = keys & {*one.get("Properties", {}), *other.get("Properties", {})}
    if not properties:
        return "False"
    if schema is None:
        return "unknown"
    if "handlers" in schema and "update" not in schema["handlers"]:
        return "True"
    fixed = [_fixed(schema, "createOnlyProperties", one, other, key) for key in properties]
    if any(fixed):
        return "True"
    if any(_fixed(schema, "conditionalCreateOnlyProperties", one, other, key) for key in properties):
        return "Conditional"
    return "False" if "handlers" in schema else "unknown"  # without: an old type, whose schema does not say it


def _fixed(schema: Mapping[str, Any], kind: str, one: Mapping[str, Any], other: Mapping[str, Any], key: str) -> bool:
    """Whether what differs in a property, or somewhere in it, is of that kind."""
    paths = [path.split("/")[2:] for path in schema.get(kind, ())]
    before, after = one.get("Properties", {}).get(key), other.get("Properties", {}).get(key)
    same = before == after  # it names something that is replaced
    return any(path[0] == key and (same or _at(before, path[1:]) != _at(after, path[1:])) for path in paths)


def _at(value: Any, path: list[str]) -> Any:
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _named(value: Any) -> set[str]:
    """Logical ids in a value."""
    if isinstance(value, list):
        return {name for one in value for name in _named(one)}
    if not isinstance(value, Mapping):
        return set()
    if isinstance(value.get("Ref"), str):
        return {value["Ref"]}
    if "Fn::GetAtt" in value:
        return {value["Fn::GetAtt"][0]}
    text = value.get("Fn::Sub", "")
    inside = set(re.findall(r"\${(\w+)", text if isinstance(text, str) else text[0]))
    return inside | {name for one in value.values() for name in _named(one)}


def _schema(kind: str) -> Mapping[str, Any] | None:
    """What cfn-lint knows of a type; None: nothing."""
    with needed("cfn-lint", "architectures"):
        from cfnlint.schema import ResourceNotFoundError
        from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER as known

    if kind.startswith("Custom::"):
        return None
    try:
        found: Mapping[str, Any] = known.get_resource_schema(REGION, kind).schema
    except ResourceNotFoundError:
        return None
    return found
