"""What holds for every architecture, in every shape: nothing here knows one of them."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from seatrial import architectures
from tests.architectures.deployments import EVERY_SHAPE, body, deployment, shapes

HOLDS_DATA = ("S3::Bucket", "FSx::FileSystem", "EFS::FileSystem", "RDS::DBCluster", "DynamoDB::Table")
SECRET = re.compile(
    r"AKIA[0-9A-Z]{16}|-----BEGIN [A-Z ]*PRIVATE KEY|"
    r"(password|passwd|authtok)['\"]?[ \t]*[:=][ \t]*(?!str\b)['\"]?[^\s{$!'\"]",
    re.IGNORECASE,
)
"""A key of AWS, a private key, or a password that is written out; `password: str` in a program is none."""
HEAVY = ("boto3", "botocore", "jinja2", "pydantic", "troposphere", "yaml")

names = pytest.mark.parametrize("name", architectures.names())
every_shape = pytest.mark.parametrize(("name", "shape"), EVERY_SHAPE)


@cache
def shaped(name: str, shape: str) -> Mapping[str, Any]:
    """The template of a shape."""
    return body(deployment(name, shapes(name)[shape]))


def resources(name: str, shape: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = shaped(name, shape)["Resources"]
    return found


def inside(value: Any) -> Iterator[Any]:
    """A value, and all that is in it."""
    yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from inside(one)


@names
def test_every_parameter_says_what_it_is(name: str) -> None:
    cls = architectures.find(name).Params
    schemas = [TypeAdapter(base).json_schema() for base in cls.__mro__ if is_dataclass(base)]
    said = {key for schema in schemas for key, one in schema["properties"].items() if one.get("description")}
    assert {one.name for one in fields(cls)} == said


@names
def test_it_is_found_by_its_name_and_says_what_it_is(name: str) -> None:
    found = architectures.find(name)
    assert found.name == name
    assert found.title
    assert {one.name for one in fields(found.Params)} >= {*found.needs}
    assert {*found.needs.values()} <= {*architectures.names()}


@names
def test_it_has_a_page(name: str) -> None:
    module = inspect.getmodule(architectures.find(name).Params)
    assert module is not None and module.__file__ is not None
    page = Path(module.__file__).with_name("README.md").read_text(encoding="utf-8")
    assert page.startswith(f"# {name}\n")
    assert f"seatrial arch deploy {name}" in page


def test_none_imports_what_is_heavy_before_it_is_rendered() -> None:
    code = f"""
import sys
from seatrial import architectures
for name in architectures.names():
    architectures.find(name)
print([name for name in {HEAVY} if name in sys.modules])
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@every_shape
def test_rendering_is_pure(name: str, shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = (deployment(name, shapes(name)[shape]) for _ in range(2))
    rendered = one.render()
    monkeypatch.setenv("AWS_REGION", "ap-south-1")
    monkeypatch.setattr("socket.socket", None)
    monkeypatch.setattr("time.time", None)
    monkeypatch.setattr("random.random", None)
    again = other.render()
    monkeypatch.undo()
    assert again == rendered


@every_shape
def test_what_is_exported_is_documented_and_named_after_the_stack(name: str, shape: str) -> None:
    documented = inspect.getmodule(architectures.find(name).Params).OUTPUTS  # type: ignore[union-attr]
    outputs = shaped(name, shape).get("Outputs", {})
    assert {*outputs} <= {*documented}
    for key, output in outputs.items():
        assert output["Description"] == documented[key]
        assert output["Export"]["Name"] == f"seatrial-{name}-{key}"


@every_shape
def test_what_is_imported_is_exported(name: str, shape: str) -> None:
    one = deployment(name, shapes(name)[shape])
    exported = {
        output["Export"]["Name"] for needed in one.needs.values() for output in body(needed).get("Outputs", {}).values()
    }
    imported = [part["Fn::ImportValue"] for part in inside(shaped(name, shape)) if _is(part, "Fn::ImportValue")]
    assert {*imported} <= exported


def _is(part: Any, function: str) -> bool:
    return isinstance(part, dict) and function in part


@every_shape
def test_what_is_allowed_is_named(name: str, shape: str) -> None:
    allowed = [part for part in inside(resources(name, shape)) if _is(part, "Effect") and part["Effect"] == "Allow"]
    for part in allowed:
        assert "NotAction" not in part and "NotResource" not in part
        actions = part["Action"] if isinstance(part["Action"], list) else [part["Action"]]
        assert [action for action in actions if "*" in action] == []


@every_shape
def test_nothing_holds_a_secret(name: str, shape: str) -> None:
    for path, text in deployment(name, shapes(name)[shape]).render().files.items():
        assert SECRET.findall(text) == [], path


@every_shape
def test_what_holds_data_outlives_the_stack(name: str, shape: str) -> None:
    for title, resource in resources(name, shape).items():
        if resource["Type"].removeprefix("AWS::") in HOLDS_DATA:
            assert resource.get("DeletionPolicy") in ("Retain", "Snapshot"), title
            assert resource.get("UpdateReplacePolicy") in ("Retain", "Snapshot"), title


@every_shape
def test_nothing_lets_the_internet_in(name: str, shape: str) -> None:
    for resource in resources(name, shape).values():
        properties = resource.get("Properties", {})
        rules = properties.get("SecurityGroupIngress", [])
        rules = [*rules, properties] if resource["Type"] == "AWS::EC2::SecurityGroupIngress" else rules
        for rule in rules:
            assert not {"CidrIpv6", "SourcePrefixListId"} & {*rule}
            assert not str(rule.get("CidrIp", "")).endswith("/0")


@every_shape
def test_every_permission_is_of_this_partition(name: str, shape: str) -> None:
    """GovCloud and China have their own."""
    assert "arn:aws:" not in json.dumps(resources(name, shape))
