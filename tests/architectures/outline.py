"""A deployment in few lines, for goldens: each resource and each output is one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import yaml

from seatrial.architectures import IN_BUCKET, Deployment
from tests.architectures.deployments import body
from tests.compact import folded


def outline(one: Deployment) -> str:
    """A line for each mapping, resource and output of its template, then its other files and its commands."""
    plan = one.render()
    made = body(one)
    lines = [made["Description"]]
    lines += [f"{name} {_compact(rest)}" for name, rest in made.get("Mappings", {}).items()]
    for name, resource in made["Resources"].items():
        rest = {key: value for key, value in resource.items() if key != "Type"}
        lines.append(f"{name} {resource['Type']} {_compact(_flat(rest))}")
    for name, output in made.get("Outputs", {}).items():
        exported = output.get("Export", {}).get("Name", name)
        lines.append(f"{exported} = {_compact(_flat(output['Value']))}")
    for path, text in sorted(plan.files.items()):
        if path.endswith(".sh") or (path.startswith(IN_BUCKET) and not path.endswith(".json")):
            lines.append(f"--- {path}: {len(text.splitlines())} lines")  # looked at where it is written, or run there
        elif path != f"{one.stack}.yaml":
            lines += [f"--- {path}", *_other(path, text)]
    return "\n".join([*lines, *(command.shell() for command in plan.commands)]) + "\n"


def _other(path: str, text: str) -> Iterable[str]:
    """Another file of the plan: of YAML, each key of it is a line."""
    if not path.endswith((".yaml", ".yml")):
        return folded(text).splitlines()
    return (f"{key}: {_compact(value)}" for key, value in yaml.safe_load(text).items())


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _flat(value: Any) -> Any:
    """The same with what is in every template left out or short: functions as CloudFormation's own tags."""
    match value:
        case {"Ref": name}:
            return f"!Ref {name}"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"!GetAtt {name}.{attribute}"
        case {"Fn::Sub": str(text)}:
            return f"!Sub {text}"
        case dict():
            return {key: _flat(one) for key, one in value.items()}
        case list():
            return [_flat(one) for one in value]
    return value
