"""What a linter cannot know of a network: what lets EFA through, what waits for what, which addresses are whose."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from ipaddress import IPv4Network
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.architectures.vpc import OUTPUTS, layout
from seatrial.hardware import instances
from tests.architectures.deployments import body, deployment, shapes

NEW = ("two-zones", "one-zone")
SIX = tuple(f"us-west-2{letter}" for letter in "abcdef")


def made_of(**params: Any) -> dict[str, Any]:
    return body(deployment("vpc", params))


@cache
def shaped(shape: str) -> dict[str, Any]:
    return made_of(**shapes("vpc")[shape])


def of_type(made: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Title -> resource, of the resources of that type."""
    return {title: one for title, one in made["Resources"].items() if one["Type"] == f"AWS::EC2::{kind}"}


def subnets(made: Mapping[str, Any], kind: str) -> list[IPv4Network]:
    found = of_type(made, "Subnet").items()
    return [IPv4Network(one["Properties"]["CidrBlock"]) for title, one in found if title.startswith(kind)]


@pytest.mark.parametrize("shape", NEW)
def test_efa_gets_through_among_nodes_both_ways(shape: str) -> None:
    made = shaped(shape)
    group = made["Outputs"]["SecurityGroup"]["Value"]
    for kind, other in (
        ("SecurityGroupIngress", "SourceSecurityGroupId"),
        ("SecurityGroupEgress", "DestinationSecurityGroupId"),
    ):
        rules = [one["Properties"] for one in of_type(made, kind).values()]
        assert [one for one in rules if one["GroupId"] == one[other] == group and one["IpProtocol"] == "-1"], kind


@pytest.mark.parametrize("shape", NEW)
def test_nodes_get_out_and_only_each_other_and_file_systems_get_in(shape: str) -> None:
    made = shaped(shape)
    group = made["Outputs"]["SecurityGroup"]["Value"]
    of_nodes = made["Resources"][group["Ref"]]["Properties"]
    assert [rule["CidrIp"] for rule in of_nodes["SecurityGroupEgress"]] == ["0.0.0.0/0"]
    assert "SecurityGroupIngress" not in of_nodes
    rules = [one["Properties"] for one in of_type(made, "SecurityGroupIngress").values()]
    sources = [rule["SourceSecurityGroupId"]["Ref"] for rule in rules if rule["GroupId"] == group]
    assert {*sources} == {"SecurityGroup", "FileSystemSecurityGroup"}


@pytest.mark.parametrize("shape", shapes("vpc"))
def test_file_systems_and_nodes_reach_each_other(shape: str) -> None:
    made = shaped(shape)
    nodes, file_systems = (made["Outputs"][key]["Value"] for key in ("SecurityGroup", "FileSystemSecurityGroup"))
    group = made["Resources"][file_systems["Ref"]]["Properties"]
    rules = [one["Properties"] for one in of_type(made, "SecurityGroupIngress").values()]
    rules += [rule | {"GroupId": file_systems} for rule in group["SecurityGroupIngress"]]
    rules += [one["Properties"] for one in of_type(made, "SecurityGroupEgress").values()]
    rules += [rule | {"GroupId": file_systems} for rule in group["SecurityGroupEgress"]]

    def ports(group: Any, key: str, other: Any) -> set[tuple[str, int]]:
        matching = [rule for rule in rules if rule["GroupId"] == group and rule.get(key) == other and "ToPort" in rule]
        return {(r["IpProtocol"], port) for r in matching for port in range(r["FromPort"], r["ToPort"] + 1)}

    lustre = {("tcp", port) for port in (988, *range(1018, 1024))}
    nfs = {(protocol, port) for protocol in ("tcp", "udp") for port in (111, 2049, 20001, 20002, 20003)}
    assert ports(file_systems, "SourceSecurityGroupId", nodes) == lustre | nfs
    assert ports(file_systems, "SourceSecurityGroupId", file_systems) == lustre
    assert ports(file_systems, "DestinationSecurityGroupId", file_systems) == lustre
    assert ports(file_systems, "DestinationSecurityGroupId", nodes) == lustre
    assert ports(nodes, "SourceSecurityGroupId", file_systems) == lustre


@pytest.mark.parametrize("shape", NEW)
def test_flow_logs_may_write_where_they_write(shape: str) -> None:
    resources = shaped(shape)["Resources"]
    (log,) = (one["Properties"] for one in resources.values() if one["Type"] == "AWS::EC2::FlowLog")
    group = log["LogGroupName"]["Ref"]
    assert resources[group]["Type"] == "AWS::Logs::LogGroup"
    assert resources[group]["Properties"]["RetentionInDays"] == 30
    role, attribute = log["DeliverLogsPermissionArn"]["Fn::GetAtt"]
    assert attribute == "Arn"
    (policy,) = resources[role]["Properties"]["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Resource"] == {"Fn::GetAtt": [group, "Arn"]}
    assert {"logs:CreateLogStream", "logs:PutLogEvents"} <= {*statement["Action"]}
    (trust,) = resources[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "vpc-flow-logs.amazonaws.com"}
    assert log["ResourceId"] == {"Ref": "Vpc"}


@pytest.mark.parametrize("nat", ["one", "each-zone"])
def test_what_is_public_waits_for_the_internet_gateway(nat: str) -> None:
    made = made_of(zones=SIX[:3], nat=nat)
    (attachment,) = of_type(made, "VPCGatewayAttachment")
    routes = {title: one for title, one in of_type(made, "Route").items() if "GatewayId" in one["Properties"]}
    waiting = {**of_type(made, "EIP"), **of_type(made, "NatGateway"), **routes}
    assert len(waiting) == (3 if nat == "one" else 7)
    for title, one in waiting.items():
        assert attachment in one["DependsOn"], title
    # On deletion the other way round: a NAT gateway is gone before its route to the gateway is.
    for title, one in of_type(made, "NatGateway").items():
        assert {*routes} <= {*one["DependsOn"]}, title


@pytest.mark.parametrize(("nat", "gateways"), [("one", [1, 1, 1]), ("each-zone", [1, 2, 3]), ("none", [])])
def test_each_private_subnet_has_its_way_out(nat: str, gateways: list[int]) -> None:
    resources = made_of(zones=SIX[:3], nat=nat)["Resources"]
    out = []
    for number in (1, 2, 3):
        assert resources[f"PrivateSubnet{number}Routes"]["Properties"] == {
            "SubnetId": {"Ref": f"PrivateSubnet{number}"},
            "RouteTableId": {"Ref": f"PrivateRoutes{number}"},
        }
        if route := resources.get(f"PrivateRoute{number}"):
            assert route["Properties"]["RouteTableId"] == {"Ref": f"PrivateRoutes{number}"}
            out.append(resources[route["Properties"]["NatGatewayId"]["Ref"]]["Properties"]["SubnetId"]["Ref"])
    assert out == [f"PublicSubnet{number}" for number in gateways]


def test_gateway_endpoints_are_in_every_route_table_and_cost_nothing() -> None:
    made = shaped("two-zones")
    endpoints = [one["Properties"] for one in of_type(made, "VPCEndpoint").values()]
    assert {one["VpcEndpointType"] for one in endpoints} == {"Gateway"}
    services = {one["ServiceName"]["Fn::Sub"].rpartition(".")[2] for one in endpoints}
    assert services == {"s3", "dynamodb"}
    for one in endpoints:
        assert [table["Ref"] for table in one["RouteTableIds"]] == ["PublicRoutes", "PrivateRoutes1", "PrivateRoutes2"]
        assert [s["Resource"] for s in one["PolicyDocument"]["Statement"] if s["Resource"] == "*"] == []


def test_writing_is_only_possible_to_buckets_of_the_account_and_to_cloudformation() -> None:
    endpoint = shaped("two-zones")["Resources"]["S3Endpoint"]["Properties"]
    elsewhere = []
    for statement in endpoint["PolicyDocument"]["Statement"]:
        writes = any(re.match("s3:(Put|Delete|Abort)", action) for action in statement["Action"])
        if writes and "Condition" not in statement:
            elsewhere += [one["Fn::Sub"] for one in statement["Resource"]]
        elif writes:
            assert statement["Condition"] == {"StringEquals": {"aws:ResourceAccount": {"Ref": "AWS::AccountId"}}}
    # by the names that AWS's buckets really have: one with dashes, one without
    assert [name.rpartition(":::")[2] for name in elsewhere] == [
        "cloudformation-waitcondition-us-west-2/*",
        "cloudformation-custom-resource-response-uswest2/*",
    ]


@pytest.mark.parametrize("zones", [(), SIX[:1], ("usw2-az1", "usw2-az3"), SIX])
def test_the_exports_are_the_same_for_one_zone_and_for_several(zones: tuple[str, ...]) -> None:
    made = made_of(zones=zones)
    assert {*made["Outputs"]} == {*OUTPUTS}
    count = len(zones) or 2
    for key in ("PrivateSubnets", "PublicSubnets", "Zones"):
        assert len(made["Outputs"][key]["Value"]["Fn::Join"][1]) == count
    assert {*shaped("existing")["Outputs"]} == {*OUTPUTS} - {"PublicSubnets"}


def test_a_zone_is_given_by_name_or_by_id() -> None:
    made = made_of(zones=("us-west-2c", "usw2-az1"))
    assert made["Mappings"] == {"Zones": {"us-west-2": {"Zone1": "us-west-2c", "Zone2": "usw2-az1"}}}
    for kind in ("Private", "Public"):
        first, second = (made["Resources"][f"{kind}Subnet{number}"]["Properties"] for number in (1, 2))
        zone = {"Fn::FindInMap": ["Zones", {"Ref": "AWS::Region"}]}
        assert first["AvailabilityZone"]["Fn::FindInMap"] == [*zone["Fn::FindInMap"], "Zone1"]
        assert second["AvailabilityZoneId"]["Fn::FindInMap"] == [*zone["Fn::FindInMap"], "Zone2"]
        assert "AvailabilityZoneId" not in first and "AvailabilityZone" not in second


def test_a_thousand_of_the_largest_nodes_fit_into_the_first_zone() -> None:
    first, second = subnets(shaped("two-zones"), "Private")
    most = max(one.efa_interfaces for one in instances.INSTANCES)
    assert first.num_addresses - 5 >= 1000 * most  # AWS keeps five of each subnet
    assert second.num_addresses == 4096


@st.composite
def networks(draw: st.DrawFn) -> IPv4Network:
    prefix = draw(st.integers(layout.LARGEST, layout.SMALLEST))
    number = draw(st.integers(0, 2 ** (prefix - 8) - 1))
    return IPv4Network(((10 << 24) + (number << (32 - prefix)), prefix))


@given(cidr=networks())
def test_subnets_are_in_the_vpc_apart_and_large_enough(cidr: IPv4Network) -> None:
    private = [layout.private(cidr, zone) for zone in range(layout.ZONES)]
    public = [layout.public(cidr, zone) for zone in range(layout.ZONES)]
    assert all(one.subnet_of(cidr) for one in private + public)
    assert [pair for pair in combinations(private + public, 2) if pair[0].overlaps(pair[1])] == []
    assert private[0].num_addresses * 2 == cidr.num_addresses
    assert min(one.num_addresses for one in private) >= 256
    assert min(one.num_addresses for one in public) >= 16  # AWS has none smaller than a /28


@settings(max_examples=10)  # each renders two templates
@given(cidr=networks(), count=st.integers(1, layout.ZONES - 1))
def test_another_zone_moves_nothing(cidr: IPv4Network, count: int) -> None:
    fewer, more = (made_of(cidr=str(cidr), zones=SIX[:number], nat="each-zone") for number in (count, count + 1))
    for kind in ("Private", "Public"):
        assert subnets(more, kind)[:count] == subnets(fewer, kind)
        assert len(subnets(more, kind)) == count + 1
    unchanged = {title: one for title, one in fewer["Resources"].items() if "Endpoint" not in title}
    assert unchanged.items() <= more["Resources"].items()


def test_in_a_vpc_that_is_there_nothing_is_made_but_groups_and_endpoints() -> None:
    made = made_of(**shapes("vpc")["existing"] | {"endpoints": ("ssm",)})
    kinds = {one["Type"].removeprefix("AWS::EC2::") for one in made["Resources"].values()}
    assert kinds == {"SecurityGroup", "SecurityGroupIngress", "SecurityGroupEgress", "VPCEndpoint"}
    assert "SecurityGroup" not in made["Resources"]
    assert made["Outputs"]["SecurityGroup"]["Value"] == "sg-0123456789abcdef0"
    endpoint = made["Resources"]["SsmEndpoint"]["Properties"]
    assert endpoint["SubnetIds"] == [*shapes("vpc")["existing"]["private_subnets"]]
    without = {key: value for key, value in shapes("vpc")["existing"].items() if key != "security_group"}
    assert made_of(**without)["Outputs"]["SecurityGroup"]["Value"] == {"Ref": "SecurityGroup"}
