"""A configuration that is written with CloudFormation's functions, as text: for tools that know none of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from troposphere import encode_to_dict

from seatrial.architectures._architecture import Facts
from seatrial.architectures._templates import parsed

_PARTITIONS = {"cn-": "aws-cn", "us-gov-": "aws-us-gov", "us-iso-": "aws-iso", "us-isob-": "aws-iso-b"}


Gap = Callable[[str, int | None], str]
"""What stands in the place of a value that is not known, by its name; of a list, and which of it, from 0."""


def angle(name: str, place: int | None) -> str:
    """For people: ``<first of NAME>``."""
    which = "" if place is None else "first of " if place == 0 else f"number {place + 1} of "
    return f"<{which}{name}>"


def literal(whole: Mapping[str, Any], region: str, known: Mapping[str, str], gap: Gap = angle) -> dict[str, Any]:
    """The same with what is known of other stacks' exports, and a gap for all else."""
    pseudo = {"AWS::Partition": _partition(region), "AWS::Region": region}
    filled: dict[str, Any] = _filled(encode_to_dict(whole), {**known, **pseudo}, gap)
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


def _filled(value: Any, known: Mapping[str, str], gap: Gap) -> Any:
    if isinstance(value, list):
        return [_filled(one, known, gap) for one in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {"Fn::ImportValue": str(name)} | {"Ref": str(name)}:
            return known[name] if name in known else gap(name, None)
        case {"Fn::Sub": str(text)}:
            for name in ("AWS::Partition", "AWS::Region", "AWS::AccountId"):
                if f"${{{name}}}" in text:
                    text = text.replace(f"${{{name}}}", _filled({"Ref": name}, known, gap))
            return text
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(_filled(parts, known, gap))
        case {"Fn::Select": [int(place), {"Fn::Split": [separator, {"Fn::ImportValue": str(name)}]}]}:
            return known[name].split(separator)[place] if name in known else gap(name, place)
    return {name: _filled(one, known, gap) for name, one in value.items()}


def _partition(region: str) -> str:
    return next((name for start, name in _PARTITIONS.items() if region.startswith(start)), "aws")
