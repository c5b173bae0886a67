"""Deployments of architectures by name, with what they need; and their shapes and values that are worth trying."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any

import yaml
from pydantic import TypeAdapter

from seatrial import architectures
from seatrial.architectures import Architecture, Deployment
from tests.architectures.pairs import pairwise

REGIONS = ("us-west-2", "us-east-1", "eu-north-1")


@dataclass
class _Wanted:
    """A deployment that is still to be made."""

    architecture: Architecture
    params: dict[str, Any] = field(default_factory=dict)
    needs: dict[str, str] = field(default_factory=dict)
    """Parameter -> name of the deployment."""


def deployment(name: str, params: Mapping[str, Any] | None = None, region: str = REGIONS[0]) -> Deployment:
    """The architecture of that name, deployed under its own name with everything that it needs.

    ``network.zones`` is the parameter `zones` of the deployment that its parameter `network` names.
    """
    wanted: dict[str, _Wanted] = {}
    _collect(architectures.find(name), name, params or {}, wanted)
    made: dict[str, Deployment] = {}

    def make(one: str) -> Deployment:
        if one not in made:
            found = wanted[one]
            values = _adapter(found.architecture.Params).validate_python({"region": region, **found.params})
            needs = {parameter: make(other) for parameter, other in found.needs.items()}
            made[one] = Deployment(name=one, architecture=found.architecture, params=values, needs=needs)
        return made[one]

    return make(name)


def _collect(architecture: Architecture, name: str, params: Mapping[str, Any], wanted: dict[str, _Wanted]) -> None:
    """Note what a deployment is, and all that it needs: two that need the same one share it, with all that was set."""
    this = wanted.setdefault(name, _Wanted(architecture))
    assert this.architecture.name == architecture.name, f"{name} is wanted of two architectures"
    this.params |= {key: value for key, value in params.items() if "." not in key}
    defaults = {one.name: one.default for one in fields(architecture.Params)}
    below = {key: value for key, value in params.items() if "." in key}
    for parameter, needed in architecture.needs.items():
        theirs = {key: below.pop(key) for key in list(below) if key.startswith(f"{parameter}.")}
        other = this.params.get(parameter, defaults[parameter])
        if other is not None:
            this.needs[parameter] = other
            theirs = {key.removeprefix(f"{parameter}."): value for key, value in theirs.items()}
            _collect(architectures.find(needed), other, theirs, wanted)
    assert not below, f"{name} needs nothing that {', '.join(below)} could be of"


def template(one: Deployment) -> str:
    """The text of its template."""
    return one.render().files[f"{one.stack}.yaml"]


def body(one: Deployment) -> dict[str, Any]:
    """Its template as data."""
    loaded: dict[str, Any] = yaml.load(template(one), yaml.CSafeLoader)
    return loaded


def shapes(name: str) -> Mapping[str, Mapping[str, Any]]:
    """Its shapes that have goldens: name -> parameters."""
    found: Mapping[str, Mapping[str, Any]] = _module(name).SHAPES
    return found


def values(name: str) -> Mapping[str, Sequence[Any]]:
    """Parameter -> values that are worth trying, those of its shapes and the region among them."""
    found = {"region": [*REGIONS], **{parameter: [*choices] for parameter, choices in _module(name).VALUES.items()}}
    for shape in shapes(name).values():
        for parameter, value in shape.items():
            assert parameter in found, f"VALUES of {name} lack {parameter}, which one of its SHAPES has"
            found[parameter] += [] if value in found[parameter] else [value]
    return found


def combinations(name: str) -> Iterator[tuple[dict[str, Any], Deployment]]:
    """Combinations of those values in which nothing is wrong, with the deployment that they make."""

    def made(choice: dict[str, Any]) -> Deployment:
        return deployment(name, {key: value for key, value in choice.items() if key != "region"}, choice["region"])

    for choice in pairwise(values(name), lambda choice: not made(choice).problems(), [*shapes(name).values()]):
        yield choice, made(choice)


@cache  # to make one takes longer than to use it
def _adapter(cls: type) -> TypeAdapter[Any]:
    return TypeAdapter(cls)


def _module(name: str) -> Any:
    return importlib.import_module(f"tests.architectures.shapes.{name.replace('-', '_')}")


EVERY_SHAPE = [(name, shape) for name in architectures.names() for shape in shapes(name)]
"""Architecture and shape."""
