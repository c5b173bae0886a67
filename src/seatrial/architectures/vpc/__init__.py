"""A network: one VPC in one or several availability zones, with room for the interfaces of EFA instances."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from seatrial.architectures._architecture import Architecture, ArchitectureParams, Facts, Usage
from seatrial.bounds import Word
from seatrial.errors import Problem

if TYPE_CHECKING:
    from seatrial.plan import Plan

NEW_CIDR = "10.0.0.0/16"

# Without S3 and DynamoDB: every new VPC has their gateway endpoints, which cost nothing.
# https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html
Service = Literal[
    "autoscaling",
    "batch",
    "cloudformation",
    "ec2",
    "ec2messages",
    "ecr.api",
    "ecr.dkr",
    "ecs",
    "ecs-agent",
    "ecs-telemetry",
    "eks",
    "eks-auth",
    "elasticloadbalancing",
    "fsx",
    "kms",
    "logs",
    "monitoring",
    "sagemaker.api",
    "secretsmanager",
    "sqs",
    "ssm",
    "ssmmessages",
    "sts",
]

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html, to two years.
Retention = Literal[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731]

OUTPUTS = {
    "VpcId": "Id of the VPC",
    "Cidr": "Addresses of the VPC",
    "PrivateSubnets": "Ids of the private subnets, with commas, in the order of the zones: the first is for compute",
    "PublicSubnets": "Ids of the public subnets, with commas; missing where there are none",
    "Zones": "Availability zones of the private subnets, with commas, in their order",
    "SecurityGroup": "Id of the security group of all nodes: EFA among themselves, and out",
    "FileSystemSecurityGroup": "Id of the security group of file systems, which lets the nodes in",
}
"""What its stack exports: name -> what it is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Params(ArchitectureParams):
    """A network."""

    zones: tuple[Word, ...] = ()
    """Availability zones, 1 to 6, each by its name in this account, such as "us-west-2a", or by its id, which means the
    same in all accounts, such as "usw2-az1". The first one hosts compute: it is that of a reservation or Capacity
    Block. Default: the first two of the region. Those of `private_subnets`, in their order, where these are named."""
    cidr: Word | None = None
    """Its private IPv4 addresses, /16 to /20: half of them are the first zone's. That of the VPC that `vpc_id` names.
    Default: "10.0.0.0/16"."""
    public: bool = True
    """Whether there are public subnets, with an internet gateway."""
    nat: Literal["one", "each-zone", "none"] = "one"
    """NAT gateways, by which private subnets reach out: one in the first zone; one in each, so that no zone needs
    another, and traffic between zones costs nothing; or none."""
    endpoints: tuple[Service, ...] = ()
    """Services with an interface endpoint in each private subnet, paid for by the hour. S3 and DynamoDB need none."""
    flow_log_days: Retention = 30
    """Days that the records of all connections are kept in CloudWatch Logs."""
    vpc_id: Word | None = None
    """Id of a VPC that is there already: nothing about it is changed. Then `cidr`, `zones` and `private_subnets` say
    what it is like. New in it are the security groups, and interface endpoints where `endpoints` asks for them."""
    private_subnets: tuple[Word, ...] = ()
    """Ids of its private subnets, one for each zone."""
    public_subnets: tuple[Word, ...] = ()
    """Ids of its public subnets."""
    security_group: Word | None = None
    """Id of a security group of it, to be used for the nodes instead of a new one. File systems are let in there."""

    @property
    def zone_count(self) -> int:
        """Zones, and so private subnets."""
        return len(self.zones) or 2


def render(params: Params, facts: Facts) -> Plan:
    """Its plan."""
    from seatrial.architectures.vpc.template import render

    return render(params, facts)


def check(params: Params, facts: Facts) -> Iterable[Problem]:
    """Zones of another region, addresses that are too few, ids that are none, parameters that contradict."""
    from seatrial.architectures.vpc.rules import problems

    return problems(params)


def usage(params: Params, facts: Facts) -> Iterable[Usage]:
    """NAT gateways with their public addresses, and interface endpoints. Gateway endpoints cost nothing."""
    gateways = 0 if params.vpc_id else {"one": 1, "each-zone": params.zone_count, "none": 0}[params.nat]
    if gateways:
        yield Usage(what="NAT gateways", item="nat-gateway", quantity=gateways)
        yield Usage(what="public addresses of NAT gateways", item="public-ipv4", quantity=gateways)
    if params.endpoints:
        count = len(params.endpoints) * params.zone_count
        yield Usage(what="interface endpoints, each in each zone", item="vpc-endpoint", quantity=count)


ARCHITECTURE = Architecture(name="vpc", title=__doc__, Params=Params, render=render, check=check, usage=usage)
