"""A configuration that is written with CloudFormation's functions, as text: for tools that know none of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from troposphere import encode_to_dict

from seatrial.architectures._architecture import Facts
from seatrial.architectures._templates import parsed

_PARTITIONS = {"cn-": "aws-cn", "us-gov-": "aws-us-gov", "us-iso-": "aws-iso", "us-isob-": "aws-iso-b"}


def literal(whole: Mapping[str, Any], region: str, known: Mapping[str, str]) -> dict[str, Any]:
    """The same with what is known of other stacks' exports; all else shows as its name in angle brackets."""
    pseudo = {"AWS::Partition": _partition(region), "AWS::Region": region}
    values = {**known, **pseudo}
    filled: dict[str, Any] = _filled(encode_to_dict(whole), lambda name: values.get(name, f"<{name}>"))
    return filled


def exported(facts: Facts) -> dict[str, str]:
    """Export -> its value, of all that is there already, so that it stands in a template as it is."""
    found: dict[str, str] = {}
    for need in facts.needs.values():
        outputs = parsed(need.template()).get("Outputs", {})
        found |= {one["Export"]["Name"]: value for one in outputs.values() if (value := _plain(one["Value"]))}
    return found


def _plain(value: Any) -> str | None:
    """A text, or texts that are joined."""
    match value:
        case str():
            return value
        case {"Fn::Join": [str(separator), [*parts]]} if all(isinstance(part, str) for part in parts):
            return separator.join(parts)
    return None


def _filled(value: Any, meant: Callable[[str], str]) -> Any:
    if isinstance(value, list):
        return [_filled(one, meant) for one in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {"Fn::ImportValue": str(name)} | {"Ref": str(name)}:
            return meant(name)
        case {"Fn::Sub": str(text)}:
            for name in ("AWS::Partition", "AWS::Region", "AWS::AccountId"):
                text = text.replace(f"${{{name}}}", meant(name))
            return text
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(_filled(parts, meant))
        case {"Fn::Select": [int(place), {"Fn::Split": [separator, text]}]}:
            listed = str(_filled(text, meant))
            which = "first" if place == 0 else f"number {place + 1}"
            return f"<{which} of {listed[1:]}" if listed.startswith("<") else listed.split(separator)[place]
    return {name: _filled(one, meant) for name, one in value.items()}


def _partition(region: str) -> str:
    return next((name for start, name in _PARTITIONS.items() if region.startswith(start)), "aws")
