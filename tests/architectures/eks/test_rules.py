"""What is wrong with the parameters of an EKS cluster is said before anything is created."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tests.architectures.deployments import deployment
from tests.architectures.shapes.batch import BLOCK, GROUP, RESERVATION
from tests.architectures.shapes.eks import ADMINISTRATOR, group
from tests.architectures.shapes.vpc import SHAPES as NETWORKS


def groups(instance_type: str = "p5.48xlarge", **more: Any) -> dict[str, Any]:
    return {"groups": ({**group(instance_type), **more},)}


CASES: list[tuple[dict[str, Any], str, str]] = [
    # parameters, which of them is named, and what is said
    ({"network.zones": ("usw2-az2",)}, "network", "EKS wants subnets in two zones, but vpc has one"),
    ({"network.nat": "none"}, "network", "nodes must reach registries of images outside AWS, but nat of vpc is none"),
    (groups("p5.48large"), "groups[0].instance_type", "did you mean p5.48xlarge"),
    (groups("ml.p5.48xlarge"), "groups[0].instance_type", "write p5.48xlarge"),
    (groups(at_least=5), "groups[0].at_most", "at_most 4 is less than at_least 5"),
    (groups(name="GPU"), "groups[0].name", "'GPU' cannot name a group"),
    (groups(name="system"), "groups[0].name", "system nodes are called system"),
    (groups(capacity="capacity-block"), "groups[0].reservation", "capacity is capacity-block, but reservation names"),
    (groups(reservation=RESERVATION), "groups[0].reservation", "capacity is on-demand, but reservation is"),
    (groups(capacity="capacity-block", reservation=GROUP), "groups[0].reservation", "is no id of a Capacity Block"),
    (
        groups(capacity="reservation", reservation=GROUP.replace("us-west-2", "eu-north-1")),
        "groups[0].reservation",
        "the resource group is in eu-north-1, but region is us-west-2",
    ),
    (groups(custom_ami="ami-0123"), "groups[0].custom_ami", "ami-0123 is no id of an AMI"),
    ({"groups": (group("g5.8xlarge", "a1"), group("g5.8xlarge", "a-1"))}, "groups", "2 groups are called a1, but for"),
    (
        {"groups": tuple(group("g5.8xlarge", f"g{number}") for number in range(30))},
        "groups",
        "30 groups, but a cluster has 29",
    ),
    ({"system_instance_type": "m5.huge"}, "system_instance_type", "m5.huge"),
    ({"system_instance_type": "g5.8xlarge"}, "system_instance_type", "g5.8xlarge has accelerators"),
    ({"system_instance_type": "t3a.micro"}, "system_instance_type", "t3a.micro has 1 GiB, but operators need 8 GiB"),
    ({"administrators": (ADMINISTRATOR, ADMINISTRATOR)}, "administrators", "is named 2 times"),
    ({"administrators": ("123456789012",)}, "administrators", "it looks like that of an account"),
    (
        {"administrators": ("arn:aws:sts::123456789012:assumed-role/platform/me",)},
        "administrators",
        "name the role: arn:aws:iam::123456789012:role/platform",
    ),
    ({"allowed_addresses": ("0.0.0.0/0",)}, "allowed_addresses", "0.0.0.0/0 is a large part of the internet"),
    ({"allowed_addresses": ("10.0.0.0/8",)}, "allowed_addresses", "10.0.0.0/8 has addresses that nobody has"),
    ({"allowed_addresses": ("2600::/64",)}, "allowed_addresses", "2600::/64 is no block of IPv4 addresses"),
    ({"allowed_addresses": ("203.0.113.7/24",)}, "allowed_addresses", "203.0.113.7/24 is no block of IPv4 addresses"),
    (
        {"allowed_addresses": tuple(f"203.0.113.{number}/32" for number in range(41))},
        "allowed_addresses",
        "41 blocks, but EKS takes 40",
    ),
    ({"agent": "ours"}, "agent", "ours has no tag, which means latest"),
    ({"image": "ours:latest"}, "image", "ours:latest has the tag latest"),
]


@pytest.mark.parametrize(("params", "where", "said"), CASES)
def test_what_is_wrong_is_said(params: dict[str, Any], where: str, said: str) -> None:
    (problem,) = deployment("eks", params).problems()
    assert problem.where == f"architectures.eks.{where}"
    assert said in f"{problem.what}; {problem.remedy}"
    assert problem.remedy


@pytest.mark.parametrize("wrong", [{"version": "1.20"}, {"system_nodes": 1}, {"kind": "hyperpodpytorchjob"}])
def test_what_no_cluster_has_is_no_parameter(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        deployment("eks", wrong)


def test_what_is_right_is_taken() -> None:
    right: list[dict[str, Any]] = [
        groups(capacity="reservation", reservation=GROUP),
        groups(capacity="capacity-block", reservation=BLOCK, at_least=4),
        groups(capacity="spot"),
        groups("p6e-gb200.36xlarge"),
        {"groups": ()},
        {"administrators": ("arn:aws-us-gov:iam::123456789012:user/path/me",)},
        {"image": "ours@sha256:" + "0" * 64},
        {f"network.{name}": value for name, value in NETWORKS["existing"].items()},
    ]
    assert [deployment("eks", params).problems() for params in right] == [[]] * len(right)


def test_all_is_said_at_once() -> None:
    wrong = groups("p9", reservation=RESERVATION, at_least=9) | {"image": "ours", "allowed_addresses": ("here",)}
    places = {one.where.removeprefix("architectures.eks.") for one in deployment("eks", wrong).problems()}
    of_group = {f"groups[0].{name}" for name in ("instance_type", "reservation", "at_most")}
    assert places == {"image", "allowed_addresses"} | of_group
