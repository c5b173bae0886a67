"""What is wrong with a network's parameters is said before anything is created, and what it costs."""

from __future__ import annotations

from typing import Any

import pytest
from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend

from seatrial.architectures.vpc.rules import zone_ids
from tests.architectures.deployments import deployment, shapes

EXISTING = shapes("vpc")["existing"]

CASES: list[tuple[dict[str, Any], str, str]] = [
    # parameters, which of them is named, and what is said
    ({"zones": ("us-east-1a",)}, "zones", "us-east-1a is no availability zone of region us-west-2"),
    ({"zones": ("use1-az1",)}, "zones", "use1-az1 is no availability zone of region us-west-2"),
    ({"zones": ("us-west-2",)}, "zones", "us-west-2 is no availability zone"),
    ({"zones": ("us-west-2a", "us-west-2a")}, "zones", "us-west-2a is named 2 times"),
    ({"zones": tuple(f"us-west-2{letter}" for letter in "abcdefg")}, "zones", "7 zones: there is room for 6"),
    ({"cidr": "10.0.0.0/21"}, "cidr", "10.0.0.0/21 has 2048 addresses: too small"),
    ({"cidr": "10.0.0.0/8"}, "cidr", "10.0.0.0/8 has 16777216 addresses: too large"),
    ({"cidr": "10.0.0.1/16"}, "cidr", "10.0.0.1/16 is no range"),
    ({"cidr": "10.0.0/16"}, "cidr", "10.0.0/16 is no range"),
    ({"cidr": "fd00::/16"}, "cidr", "fd00::/16 is no range of IPv4 addresses"),
    ({"cidr": "123456789012"}, "cidr", "123456789012 is no range"),
    ({"cidr": "11.0.0.0/16"}, "cidr", "11.0.0.0/16 is not private"),
    ({"cidr": "172.17.0.0/16"}, "cidr", "172.17.0.0/16 overlaps 172.17.0.0/16"),
    ({"public": False}, "nat", 'nat is "one", but public is false'),
    ({"endpoints": ("ssm", "ssm")}, "endpoints", "ssm is named 2 times"),
    ({"security_group": "sg-01234567"}, "security_group", "vpc_id does not say in which VPC"),
    ({"private_subnets": ("subnet-01234567",)}, "private_subnets", "vpc_id does not say in which VPC"),
    ({"public_subnets": ("subnet-01234567",)}, "public_subnets", "vpc_id does not say in which VPC"),
    ({**EXISTING, "cidr": None}, "cidr", "vpc_id names a VPC that is there already, and cidr is missing"),
    ({**EXISTING, "zones": ()}, "zones", "and zones is missing"),
    ({**EXISTING, "private_subnets": ()}, "private_subnets", "and private_subnets is missing"),
    ({**EXISTING, "zones": ("us-west-2a",)}, "zones", "zones are 1, but private_subnets are 2"),
    ({**EXISTING, "nat": "each-zone"}, "nat", "nat is of a new VPC, but vpc_id names one"),
    ({**EXISTING, "public": False}, "public", "public is of a new VPC, but vpc_id names one"),
    ({**EXISTING, "flow_log_days": 1}, "flow_log_days", "flow_log_days is of a new VPC, but vpc_id names one"),
    (
        {**EXISTING, "vpc_id": "123456789012"},
        "vpc_id",
        "123456789012 is no id of a VPC, but looks like that of an account",
    ),
    ({**EXISTING, "vpc_id": "subnet-01234567"}, "vpc_id", "subnet-01234567 is no id of a VPC"),
    ({**EXISTING, "security_group": "default"}, "security_group", "default is no id of a security group"),
    ({**EXISTING, "public_subnets": ("a",)}, "public_subnets", "a is no id of a subnet"),
    ({**EXISTING, "private_subnets": ("subnet-01234567",) * 2}, "private_subnets", "subnet-01234567 is named 2 times"),
    ({**EXISTING, "public_subnets": EXISTING["private_subnets"][:1]}, "public_subnets", "and among public_subnets"),
]


@pytest.mark.parametrize(("params", "where", "what"), CASES)
def test_one_thing_that_is_wrong_is_named_with_a_remedy(params: dict[str, Any], where: str, what: str) -> None:
    (problem,) = deployment("vpc", params).problems()
    assert problem.where == f"architectures.vpc.{where}"
    assert what in problem.what
    assert problem.remedy


def test_all_that_is_wrong_is_named_at_once() -> None:
    problems = deployment("vpc", {"zones": ("a",), "cidr": "b", "public": False, "vpc_id": "c"}).problems()
    assert len(problems) == 5  # zones, cidr, public beside vpc_id, private_subnets, vpc_id


@pytest.mark.parametrize("cidr", ["10.0.0.0/16", "172.16.0.0/16", "192.168.240.0/20", "100.64.0.0/18"])
def test_any_private_range_will_do(cidr: str) -> None:
    assert deployment("vpc", {"cidr": cidr}).problems() == []


def test_ids_of_zones_are_known_in_every_region() -> None:
    for region, zones in RegionsAndZonesBackend.zones.items():
        for zone in zones:
            assert zone.zone_id.startswith(f"{zone_ids(region)}-az")
            assert deployment("vpc", {"zones": (zone.name,)}, region).problems() == []
            assert deployment("vpc", {"zones": (zone.zone_id,)}, region).problems() == []


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, {"nat-gateway": 1, "public-ipv4": 1}),
        ({"nat": "each-zone"}, {"nat-gateway": 2, "public-ipv4": 2}),
        ({"nat": "none"}, {}),
        (
            {"zones": ("usw2-az1",), "endpoints": ("ssm", "logs")},
            {"nat-gateway": 1, "public-ipv4": 1, "vpc-endpoint": 2},
        ),
        ({"endpoints": ("ssm", "logs"), "nat": "none"}, {"vpc-endpoint": 4}),
        ({**EXISTING, "endpoints": ("ssm",)}, {"vpc-endpoint": 2}),
    ],
)
def test_what_costs_by_the_hour_is_counted_as_it_is_made(params: dict[str, Any], expected: dict[str, float]) -> None:
    one = deployment("vpc", params)
    assert {usage.item: usage.quantity for usage in one.architecture.usage(one.params, one.facts)} == expected
