"""What is known of a deployment before it is there, and what its account says, each asked once."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from seatrial import aws
from seatrial.architectures import Deployment, Instances, parsed
from seatrial.findings import Rule, Verdict
from seatrial.plan import Plan

FAIL, PASS, UNKNOWN, WARN = Verdict.FAIL, Verdict.PASS, Verdict.UNKNOWN, Verdict.WARN

RESERVED = 5
"""Addresses of each subnet that AWS keeps: https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html"""


def rule(name: str, verdicts: tuple[Verdict, ...] = (PASS, FAIL, UNKNOWN), **texts: str) -> Rule:
    """The header of a rule about a deployment."""
    return Rule(id=f"arch.{name}", verdicts=verdicts, **texts)  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Instances of one kind, in their place."""

    what: str
    """For people: ``mine: queue gpu``."""
    instances: Instances
    deployment: str
    network: str | None = None
    """Name of the deployment whose first private subnet they are in; None: they name a subnet, or nobody knows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Subnet:
    """A subnet that is there already."""

    id: str
    zone: str
    zone_id: str
    free: int
    """Addresses that nobody has."""


@dataclass(frozen=True)
class Site:
    """A deployment and what it needs, in its account and region."""

    deployment: Deployment

    @cached_property
    def access(self) -> aws.Access:
        """As whom AWS is asked."""
        params, place = self.deployment.params, f"architectures.{self.deployment.name}"
        look = f"aws sts get-caller-identity --region {params.region}"
        return aws.Access(profile=params.profile, region=params.region, where=place, settings=place, look=look)

    def client(self, service: str) -> Any:
        """A client of a service, as it."""
        return aws.client(self.access, service)

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The instances of all deployments."""
        return tuple(
            Group(
                what=f"{one.name}: {instances.what}",
                instances=instances,
                deployment=one.name,
                network=None if instances.subnet or "network" not in one.needs else one.needs["network"].name,
            )
            for one in self.deployment.order()
            for instances in one.architecture.instances(one.params, one.facts)
        )

    @cached_property
    def plans(self) -> Mapping[str, Plan]:
        """Deployment -> its plan."""
        return {one.name: one.render() for one in self.deployment.order()}

    @cached_property
    def templates(self) -> Mapping[str, Mapping[str, Any]]:
        """Deployment -> its template."""
        return {one.name: parsed(self.plans[one.name].files[f"{one.stack}.yaml"]) for one in self.deployment.order()}

    def resources(self, kind: str, names: Iterable[str] | None = None) -> Iterator[Mapping[str, Any]]:
        """Properties of each resource of a type, in the templates of some deployments or all."""
        for name in self.templates if names is None else names:
            for resource in self.templates[name].get("Resources", {}).values():
                if resource["Type"] == kind:
                    yield resource.get("Properties", {})

    def new_subnet(self, network: str) -> ipaddress.IPv4Network | None:
        """The first private subnet that a network will have; None: it makes none, or says so in no way known here."""
        template = self.templates[network]
        match template.get("Outputs", {}).get("PrivateSubnets", {}).get("Value"):
            case {"Fn::Join": [_, [{"Ref": str(first)}, *_]]} | {"Ref": str(first)}:
                block = template["Resources"][first].get("Properties", {}).get("CidrBlock")
                return ipaddress.IPv4Network(block) if isinstance(block, str) else None
        return None

    @cached_property
    def identity(self) -> Mapping[str, str]:
        """Account and ARN of the caller."""
        return dict(self.client("sts").get_caller_identity())

    @cached_property
    def stacks(self) -> Mapping[str, Mapping[str, Any]]:
        """Name -> stack, of all stacks of the region that are there."""
        pages = self.client("cloudformation").get_paginator("describe_stacks").paginate()
        return {stack["StackName"]: stack for page in pages for stack in page["Stacks"]}

    def is_new(self, name: str) -> bool:
        """Whether there is no stack yet of that deployment of ours."""
        return next(one.stack for one in self.deployment.order() if one.name == name) not in self.stacks

    def outputs(self, one: Deployment) -> Mapping[str, str]:
        """Outputs of the stack of a deployment; none where it is not there."""
        listed = self.stacks.get(one.stack, {}).get("Outputs", ())
        return {output["OutputKey"]: output["OutputValue"] for output in listed}

    @cached_property
    def subnets(self) -> Mapping[str, Subnet]:
        """Id -> subnet, of those that instances name and that are there."""
        wanted = sorted({group.instances.subnet for group in self.groups if group.instances.subnet})
        if not wanted:
            return {}
        # A filter leaves out what is not there; naming ids would be refused as a whole.
        filters = [{"Name": "subnet-id", "Values": wanted}]
        pages = self.client("ec2").get_paginator("describe_subnets").paginate(Filters=filters)
        return {
            one["SubnetId"]: Subnet(
                id=one["SubnetId"],
                zone=one["AvailabilityZone"],
                zone_id=one["AvailabilityZoneId"],
                free=one["AvailableIpAddressCount"],
            )
            for page in pages
            for one in page["Subnets"]
        }

    def zones(self, group: Group) -> frozenset[str]:
        """Name and id of the zone that instances are in, or what of them is known; empty: it is left to AWS."""
        subnet = self.subnets.get(group.instances.subnet or "")
        if subnet:
            return frozenset({subnet.zone, subnet.zone_id})
        return frozenset({group.instances.zone} if group.instances.zone else ())
