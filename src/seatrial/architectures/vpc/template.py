"""The template of a network: subnets and their ways out, endpoints, and records of its connections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

from troposphere import FindInMap, GetAtt, GetAZs, Join, Ref, Region, Select, Sub, Template, ec2, iam, logs

from seatrial.architectures._architecture import Facts
from seatrial.architectures._cloudformation import (
    ACCOUNT,
    assumed_by,
    export,
    plan,
    policy,
    statement,
    tags,
    template,
)
from seatrial.architectures.vpc import NEW_CIDR, OUTPUTS, Params, layout
from seatrial.architectures.vpc.endpoints import gateway_endpoints, interface_endpoints
from seatrial.architectures.vpc.groups import file_system_group, node_group
from seatrial.plan import Plan

ATTACHMENT = "GatewayAttachment"
"""Whatever has a public address or a route to the gateway waits for it: without an order, AWS refuses them at times."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    """A VPC, as it was made here or is there already."""

    vpc: Any
    private: Sequence[Any]
    public: Sequence[Any]
    zones: Sequence[Any]


def render(params: Params, facts: Facts) -> Plan:
    """Its plan."""
    made = template("Seatrial: a network for nodes with EFA, their file systems and services")
    network = _existing(params) if params.vpc_id else _new(made, params, facts)
    cidr = params.cidr or NEW_CIDR
    group: Any = params.security_group or node_group(made, facts, network.vpc)
    file_systems = file_system_group(made, facts, network.vpc, group)
    interface_endpoints(made, facts, params.endpoints, network.vpc, network.private, cidr)
    values: dict[str, Any] = {
        "VpcId": network.vpc,
        "Cidr": cidr,
        "PrivateSubnets": Join(",", [*network.private]),
        "Zones": Join(",", [*network.zones]),
        "SecurityGroup": group,
        "FileSystemSecurityGroup": file_systems,
    }
    if network.public:  # CloudFormation refuses an empty export
        values["PublicSubnets"] = Join(",", [*network.public])
    export(made, facts, values, OUTPUTS)
    return plan(params, facts, made)


def _existing(params: Params) -> Network:
    return Network(vpc=params.vpc_id, private=params.private_subnets, public=params.public_subnets, zones=params.zones)


def _new(made: Template, params: Params, facts: Facts) -> Network:
    vpc = ec2.VPC(
        "Vpc",
        CidrBlock=params.cidr or NEW_CIDR,
        EnableDnsSupport=True,
        EnableDnsHostnames=True,  # ParallelCluster, FSx and private names of endpoints need it
        Tags=tags(facts.stack),
    )
    made.add_resource(vpc)
    zones = _zones(made, params)
    cidr = IPv4Network(params.cidr or NEW_CIDR)
    public = [
        _subnet(made, facts, "Public", number, zone, layout.public(cidr, number))
        for number, zone in enumerate(zones if params.public else ())
    ]
    private = [
        _subnet(made, facts, "Private", number, zone, layout.private(cidr, number)) for number, zone in enumerate(zones)
    ]
    tables = []
    if public:
        tables += [_internet(made, facts, public)]
    tables += _private_routes(made, params, facts, private)
    gateway_endpoints(made, facts, params.region, Ref("Vpc"), tables)
    _flow_log(made, params, facts)
    return Network(
        vpc=Ref("Vpc"),
        private=[*map(Ref, private)],
        public=[*map(Ref, public)],
        zones=[GetAtt(one, "AvailabilityZone") for one in private],
    )


def _zones(made: Template, params: Params) -> list[Mapping[str, Any]]:
    """Which zone a subnet is in, as its properties say it."""
    if not params.zones:
        return [{"AvailabilityZone": Select(number, GetAZs(params.region))} for number in range(params.zone_count)]
    # By region, so that the template is refused at once in another one.
    names = {f"Zone{number}": zone for number, zone in enumerate(params.zones, start=1)}
    made.add_mapping("Zones", {params.region: names})
    return [
        {"AvailabilityZoneId" if "-az" in zone else "AvailabilityZone": FindInMap("Zones", Region, name)}
        for name, zone in names.items()
    ]


def _subnet(
    made: Template, facts: Facts, kind: str, number: int, zone: Mapping[str, Any], cidr: IPv4Network
) -> ec2.Subnet:
    subnet = ec2.Subnet(
        f"{kind}Subnet{number + 1}",
        VpcId=Ref("Vpc"),
        CidrBlock=str(cidr),
        MapPublicIpOnLaunch=False,  # only what asks for a public address gets one
        Tags=tags(f"{facts.stack} {kind.lower()} {number + 1}"),
        **zone,
    )
    return made.add_resource(subnet)


def _internet(made: Template, facts: Facts, subnets: Sequence[ec2.Subnet]) -> Any:
    """The internet gateway, and the route table of the public subnets."""
    made.add_resource(ec2.InternetGateway("Gateway", Tags=tags(facts.stack)))
    made.add_resource(ec2.VPCGatewayAttachment(ATTACHMENT, VpcId=Ref("Vpc"), InternetGatewayId=Ref("Gateway")))
    made.add_resource(ec2.RouteTable("PublicRoutes", VpcId=Ref("Vpc"), Tags=tags(f"{facts.stack} public")))
    route = ec2.Route(
        "PublicRoute",
        RouteTableId=Ref("PublicRoutes"),
        DestinationCidrBlock="0.0.0.0/0",
        GatewayId=Ref("Gateway"),
        DependsOn=[ATTACHMENT],
    )
    made.add_resource(route)
    for subnet in subnets:
        _associate(made, subnet, "PublicRoutes")
    return Ref("PublicRoutes")


def _private_routes(made: Template, params: Params, facts: Facts, subnets: Sequence[ec2.Subnet]) -> list[Any]:
    """A route table for each private subnet, and its way out."""
    for number, subnet in enumerate(subnets, start=1):
        table = f"PrivateRoutes{number}"
        made.add_resource(ec2.RouteTable(table, VpcId=Ref("Vpc"), Tags=tags(f"{facts.stack} private {number}")))
        _associate(made, subnet, table)
        if params.nat == "none":
            continue
        if number == 1 or params.nat == "each-zone":
            _nat(made, facts, number)
        route = ec2.Route(
            f"PrivateRoute{number}",
            RouteTableId=Ref(table),
            DestinationCidrBlock="0.0.0.0/0",
            NatGatewayId=Ref("Nat1" if params.nat == "one" else f"Nat{number}"),
        )
        made.add_resource(route)
    return [Ref(f"PrivateRoutes{number + 1}") for number in range(len(subnets))]


def _nat(made: Template, facts: Facts, number: int) -> None:
    """A NAT gateway in a public subnet."""
    address = ec2.EIP(f"NatAddress{number}", Domain="vpc", Tags=tags(facts.stack), DependsOn=[ATTACHMENT])
    gateway = ec2.NatGateway(
        f"Nat{number}",
        AllocationId=GetAtt(address, "AllocationId"),
        SubnetId=Ref(f"PublicSubnet{number}"),
        Tags=tags(f"{facts.stack} {number}"),
        DependsOn=[ATTACHMENT, "PublicRoute"],
    )
    made.add_resource(address)
    made.add_resource(gateway)


def _associate(made: Template, subnet: ec2.Subnet, table: str) -> None:
    association = ec2.SubnetRouteTableAssociation(
        f"{subnet.title}Routes", SubnetId=Ref(subnet), RouteTableId=Ref(table)
    )
    made.add_resource(association)


def _flow_log(made: Template, params: Params, facts: Facts) -> None:
    """Records of all connections, in a group that the role may write to."""
    group = logs.LogGroup("FlowLogGroup", RetentionInDays=params.flow_log_days, Tags=tags(facts.stack))
    group.DeletionPolicy = group.UpdateReplacePolicy = "Delete"
    trust = assumed_by("vpc-flow-logs")
    # Only for flow logs of this account: AWS's service acts for others, too.
    source = Sub("arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:vpc-flow-log/*")
    trust["Statement"][0]["Condition"] = {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {"aws:SourceArn": source},
    }
    # https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html, less the right to make groups.
    verbs = ("CreateLogStream", "DescribeLogGroups", "DescribeLogStreams", "PutLogEvents")
    write = policy(statement((f"logs:{verb}" for verb in verbs), GetAtt("FlowLogGroup", "Arn")))
    role = iam.Role(
        "FlowLogRole",
        AssumeRolePolicyDocument=trust,
        Policies=[iam.Policy(PolicyName="write", PolicyDocument=write)],
        Tags=tags(facts.stack),
    )
    log = ec2.FlowLog(
        "FlowLog",
        ResourceType="VPC",
        ResourceId=Ref("Vpc"),
        TrafficType="ALL",
        LogDestinationType="cloud-watch-logs",
        LogGroupName=Ref("FlowLogGroup"),
        DeliverLogsPermissionArn=GetAtt("FlowLogRole", "Arn"),
        Tags=tags(facts.stack),
    )
    for resource in (group, role, log):
        made.add_resource(resource)
