"""Small architectures, and an account whose every answer a test states."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from seatrial import aws
from seatrial.architectures import Architecture, ArchitectureParams, Deployment, Instances
from seatrial.plan import Plan
from seatrial.preflight.site import Group, Site

NETWORK_TEMPLATE = """\
    Resources:
      Vpc: {Type: "AWS::EC2::VPC"}
      First: {Type: "AWS::EC2::Subnet", Properties: {CidrBlock: 10.0.0.0/24}}
      Second: {Type: "AWS::EC2::Subnet", Properties: {CidrBlock: 10.0.1.0/24}}
    Outputs:
      PrivateSubnets:
        Value: {"Fn::Join": [",", [{Ref: First}, {Ref: Second}]]}
        Export: {Name: seatrial-net-PrivateSubnets}
    """


@dataclass(frozen=True, kw_only=True, slots=True)
class Params(ArchitectureParams):
    """A network, or a cluster in it."""

    template: str = "Resources: {}"
    instances: tuple[Instances, ...] = ()
    custom_ami: str | None = None
    os: str | None = None
    queues: tuple[Any, ...] = ()


def render(params: Params, facts: Any) -> Plan:
    return Plan(files={f"{facts.stack}.yaml": textwrap.dedent(params.template)})


PARTS = {"Params": Params, "render": render, "instances": lambda params, facts: params.instances}
NETWORK = Architecture(name="network", title="", **PARTS)
CLUSTER = Architecture(name="cluster", title="", needs={"network": "network"}, **PARTS)

QUEUE = Instances(what="queue gpu", instance_type="p5.48xlarge", at_least=0, at_most=4, efa=True, placement_group=True)


def site(*instances: Instances, network: str = NETWORK_TEMPLATE, **params: Any) -> Site:
    net = Deployment(name="net", architecture=NETWORK, params=Params(region="us-west-2", template=network))
    mine = Params(region="us-west-2", instances=instances, **params)
    return Site(Deployment(name="mine", architecture=CLUSTER, params=mine, needs={"network": net}))


def group(**changes: Any) -> Group:
    return Group(what="mine: queue gpu", instances=replace(QUEUE, **changes), deployment="mine")


class Account:
    """Clients that answer what was stated, each once and in order."""

    def __init__(self) -> None:
        self.clients: dict[str, Any] = {}
        self.stubbers: dict[str, Stubber] = {}

    def client(self, access: aws.Access, service: str) -> Any:
        if service not in self.clients:
            keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
            self.clients[service] = boto3.client(service, region_name="us-west-2", **keys)
            self.stubbers[service] = Stubber(self.clients[service])
            self.stubbers[service].activate()
        return self.clients[service]

    def says(self, service: str, operation: str, answer: dict[str, Any], asked: Any = None) -> None:
        self.client(None, service)  # type: ignore[arg-type]
        self.stubbers[service].add_response(operation, answer, asked)

    def refuses(self, service: str, operation: str, code: str, status: int = 400) -> None:
        self.client(None, service)  # type: ignore[arg-type]
        self.stubbers[service].add_client_error(operation, code, f"{code} of a test", status)

    def has(self, *stacks: str) -> None:
        """These stacks."""
        created = "2026-11-01T00:00:00Z"
        described = [{"StackName": name, "StackStatus": "CREATE_COMPLETE", "CreationTime": created} for name in stacks]
        self.says("cloudformation", "describe_stacks", {"Stacks": described})


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    made = Account()
    monkeypatch.setattr(aws, "client", made.client)
    yield made
    for stubber in made.stubbers.values():
        stubber.assert_no_pending_responses()
