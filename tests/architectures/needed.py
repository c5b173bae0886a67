"""Deployments that an architecture under test needs, where only their names and parameters matter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from seatrial.architectures import Architecture, ArchitectureParams, Deployment, Facts
from seatrial.plan import Plan

REGION = "us-west-2"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Network(ArchitectureParams):
    zones: tuple[str, ...] = ()
    vpc_id: str | None = None
    private_subnets: tuple[str, ...] = ()


def network(**params: Any) -> Deployment:
    """A network as `vpc` makes it, as far as others look at it."""
    return _deployment("vpc", _Network(region=REGION, **params))


def bucket() -> Deployment:
    """A bucket as `s3` makes it."""
    return _deployment("s3", ArchitectureParams(region=REGION))


def _deployment(name: str, params: Any) -> Deployment:
    architecture = Architecture(name=name, title=name, Params=type(params), render=lambda *_: Plan())
    return Deployment(name=name, architecture=architecture, params=params)


def template(architecture: Architecture, facts: Facts, **params: Any) -> dict[str, Any]:
    """The template that parameters give, in which its own check finds nothing wrong."""
    given: Any = architecture.Params(region=REGION, **params)
    assert [*architecture.check(given, facts)] == []
    text = architecture.render(given, facts).files[f"{facts.stack}.yaml"]
    body: dict[str, Any] = yaml.safe_load(text)
    return body
