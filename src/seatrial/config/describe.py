"""What seatrial.toml may hold, for editors as a JSON schema and for people as tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from seatrial import architectures, launchers, versions
from seatrial.config.checks import launcher_names
from seatrial.config.example import example
from seatrial.config.tables import (
    ClusterTable,
    FileTable,
    MlflowTable,
    ObserveTable,
    SoftwareTable,
    StackTable,
    TrackingTable,
    WandbTable,
)
from seatrial.config.validate import adapter, with_meanings
from seatrial.hardware import instances
from seatrial.observe import trackers

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def file_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of the whole file, with the options of every launcher."""
    whole = _schema_of(FileTable)
    definitions, table = whole["$defs"], whole["$defs"]["ClusterTable"]
    whole["properties"]["clusters"]["propertyNames"] = {"not": {"const": launchers.HERE}}
    types = [item.name for item in instances.INSTANCES]
    table["properties"]["launcher"]["enum"] = launcher_names()
    table["properties"]["instance_type"]["enum"] = [*types, *(f"ml.{name}" for name in types)]
    table["properties"]["software"]["propertyNames"] = {"enum": sorted(versions.ENVIRONMENTS)}
    definitions["SoftwareTable"]["minProperties"] = 1
    definitions["TrackingTable"]["properties"]["to"]["items"]["enum"] = trackers.names()
    deployments = whole["properties"]["architectures"]
    [pattern] = deployments.pop("patternProperties")
    deployments |= {"propertyNames": {"pattern": pattern}, **_deployments(definitions)}
    table["anyOf"] = [{"required": ["instance_type"]}, {"required": ["cpus_per_node"]}]
    table["allOf"] = []
    for launcher in launcher_names():
        options = _schema_of(launchers.find(launcher).Options, f"{launcher}.")
        definitions |= options.pop("$defs", {}) | {f"{launcher}.Options": options}
        condition = {"properties": {"launcher": {"const": launcher}}, "required": ["launcher"]}
        consequence = {"properties": {"options": {"$ref": f"#/$defs/{launcher}.Options"}}}
        table["allOf"].append({"if": condition, "then": consequence})
    return {"$schema": DRAFT, "title": "seatrial.toml", **whole}


def _deployments(definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema of the tables `architectures`: the parameters of each are those of its kind, or of its name."""
    names = architectures.names()
    for name in names:
        params = _schema_of(architectures.find(name).Params, f"{name}.")
        definitions |= params.pop("$defs", {})
        kind = {
            "const": name,
            "description": "Which architecture it is. Default: the one that the table is named after.",
        }
        params["properties"] = {"kind": kind, **params["properties"]}
        params["required"] = [key for key in params.get("required", ()) if key != "region"]  # AWS_REGION has it
        definitions[f"{name}.Params"] = params
    of_kind = [_if_kind(name, {"$ref": f"#/$defs/{name}.Params"}) for name in names]
    own = {name: {"if": {"required": ["kind"]}, "then": {"allOf": of_kind}, "else": of_kind[place]["then"]}
           for place, name in enumerate(names)}  # fmt: skip
    return {"properties": own, "additionalProperties": {"type": "object", "required": ["kind"], "allOf": of_kind}}


def _if_kind(name: str, then: Mapping[str, Any]) -> dict[str, Any]:
    return {"if": {"properties": {"kind": {"const": name}}, "required": ["kind"]}, "then": then}


def schema_text() -> str:
    """The schema as a file."""
    return json.dumps(file_schema(), indent=2, ensure_ascii=False) + "\n"


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a table."""

    name: str
    type: str
    required: bool
    default: str
    """In TOML; empty if there is none."""
    meaning: str


def keys(cls: Any) -> list[Key]:
    """The keys of a table, or of a launcher's Options."""
    found = _schema_of(cls)
    return [
        Key(
            name=name,
            type=_type(node),
            required=name in found.get("required", ()),
            default=json.dumps(node["default"]) if "default" in node else "",
            meaning=node.get("description", "").replace("\n", " "),
        )
        for name, node in found.get("properties", {}).items()
    ]


def reference() -> str:
    """The part of docs/clusters.md that is made from the code: all keys, and an example for each launcher."""
    parts = ["## Keys of `[clusters.NAME]`", _markdown(keys(ClusterTable))]
    parts += ["## Keys of `[clusters.NAME.software.ENVIRONMENT]`", _markdown(keys(SoftwareTable))]
    parts += ["## Keys of `[clusters.NAME.stack]`", _markdown(keys(StackTable))]
    parts += ["## Keys of `[architectures.NAME]`", _architectures()]
    parts += ["## Keys of `[tracking]`", _markdown(keys(TrackingTable))]
    parts += ["## Keys of `[tracking.mlflow]`", _markdown(keys(MlflowTable))]
    parts += ["## Keys of `[tracking.wandb]`", _markdown(keys(WandbTable))]
    parts += ["## Keys of `[observe]`", _markdown(keys(ObserveTable))]
    for launcher in launcher_names():
        options = keys(launchers.find(launcher).Options)
        parts += [f"## {launcher}", f"```toml\n{example(launcher)}```"]
        parts += [f'Keys of `[clusters.NAME.options]` with `launcher = "{launcher}"`:', _markdown(options)]
    return "\n\n".join(parts) + "\n"


def _architectures() -> str:
    return (
        "A deployment, for `seatrial arch`: `kind` is its architecture, by default the one that the table is named "
        "after; all other keys are that one's parameters, which `seatrial arch params NAME` lists: "
        f"{', '.join(f'`{name}`' for name in architectures.names())}."
    )


def _markdown(rows: Iterable[Key]) -> str:
    lines = ["| key | type | default | meaning |", "|---|---|---|---|"]
    for key in rows:
        default = "required" if key.required else f"`{key.default}`" if key.default else ""
        cells = (f"`{key.name}`", key.type, default, key.meaning)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def _type(node: Mapping[str, Any]) -> str:
    if "enum" in node:
        return " or ".join(f"`{json.dumps(value)}`" for value in node["enum"])
    if "anyOf" in node:
        return " or ".join(_type(choice) for choice in node["anyOf"])
    if node.get("type") == "array":
        return f"list of {_type(node.get('items', {}))}s"
    kind = str(node.get("type", "object"))
    return "table" if kind == "object" else kind


def _schema_of(cls: Any, prefix: str = "") -> dict[str, Any]:
    """The schema of a dataclass; the names of the classes in it begin with `prefix`."""
    schema = with_meanings(cls, adapter(cls).json_schema(ref_template=f"#/$defs/{prefix}{{model}}"))
    found: dict[str, Any] = _tidy(schema)
    found["$defs"] = {f"{prefix}{name}": node for name, node in found.get("$defs", {}).items()}
    return found


def _tidy(node: Any) -> Any:
    """Without titles that repeat the key, and without null, which TOML does not have; names that do not fit refused."""
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, dict):
        return node
    named = ("properties", "patternProperties", "$defs")
    kept = {
        key: {name: _tidy(inner) for name, inner in value.items()} if key in named else _tidy(value)
        for key, value in node.items()
        if key != "title" and not (key == "default" and value is None)
    }
    choices = [choice for choice in kept.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        kept = {**choices[0], **{key: value for key, value in kept.items() if key != "anyOf"}}
    elif choices:
        kept["anyOf"] = choices
    if "patternProperties" in kept:
        kept["additionalProperties"] = False
    return kept
