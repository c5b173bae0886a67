"""What is wrong with the parameters of a queue of Batch is said before anything is created."""

from __future__ import annotations

from typing import Any

import pytest

from tests.architectures.deployments import deployment
from tests.architectures.shapes.batch import BLOCK, GROUP, RESERVATION, SECRET
from tests.architectures.shapes.vpc import SHAPES as NETWORKS

ENDPOINTS = ("ecr.api", "ecr.dkr", "ecs", "ecs-agent", "ecs-telemetry", "logs")

CASES: list[tuple[dict[str, Any], str, str]] = [
    # parameters, which of them is named, and what is said
    ({"instance_type": "p5.48large"}, "instance_type", "did you mean p5.48xlarge"),
    ({"instance_type": "ml.p5.48xlarge"}, "instance_type", "write p5.48xlarge"),
    ({"instance_type": "p6e-gb200.36xlarge"}, "instance_type", "p6e-gb200.36xlarge is arm64"),
    ({"at_least": 5}, "at_most", "at_most 4 is less than at_least 5"),
    ({"capacity": "spot"}, "capacity", "Batch runs no multi-node jobs on Spot instances"),
    ({"capacity": "capacity-block"}, "reservation", "capacity is capacity-block, but reservation names none"),
    ({"capacity": "reservation"}, "reservation", "capacity is reservation, but reservation names none"),
    ({"reservation": RESERVATION}, "reservation", f"capacity is on-demand, but reservation is {RESERVATION}"),
    ({"capacity": "capacity-block", "reservation": GROUP}, "reservation", "is no id of a Capacity Block"),
    ({"capacity": "reservation", "reservation": "123456789012"}, "reservation", "it looks like that of an account"),
    ({"capacity": "reservation", "reservation": "cr-xxxxxxxxxx"}, "reservation", "neither an id of a reservation"),
    (
        {"capacity": "reservation", "reservation": GROUP.replace("us-west-2", "eu-north-1")},
        "reservation",
        "the resource group is in eu-north-1, but region is us-west-2",
    ),
    ({"custom_ami": "ami-0123"}, "custom_ami", "ami-0123 is no id of an AMI"),
    ({"image": "ours"}, "image", "ours has no tag, which means latest"),
    ({"image": "ours:latest"}, "image", "ours:latest has the tag latest"),
    (
        {"secrets": {"HF_TOKEN": "arn:aws:iam::123456789012:role/ours"}},
        "secrets.HF_TOKEN",
        "is not the ARN of a secret",
    ),
    (
        {"secrets": {"HF_TOKEN": SECRET.replace("us-west-2", "eu-north-1")}},
        "secrets.HF_TOKEN",
        "the secret is in eu-north-1, but region is us-west-2",
    ),
    ({"shares": {"Our-Team": 1}}, "shares.Our-Team", "'Our-Team' cannot name a share"),
    ({"shares": {f"s{number}": 1 for number in range(501)}}, "shares", "501 shares, but a queue has 500 at most"),
    ({"network.nat": "none"}, "network", "must reach ecr.api, ecr.dkr, ecs, ecs-agent, ecs-telemetry, logs"),
    (
        {"network.nat": "none", "network.endpoints": ENDPOINTS[1:]},
        "network",
        "nodes must reach ecr.api, but nat of vpc",
    ),
]


@pytest.mark.parametrize(("params", "where", "said"), CASES)
def test_what_is_wrong_is_said(params: dict[str, Any], where: str, said: str) -> None:
    (problem,) = deployment("batch", params).problems()
    assert problem.where == f"architectures.batch.{where}"
    assert said in f"{problem.what}; {problem.remedy}"
    assert problem.remedy


def test_a_secret_that_somebody_put_there_is_not_repeated() -> None:
    (problem,) = deployment("batch", {"secrets": {"HF_TOKEN": "hf_thesecretitself"}}).problems()
    assert "hf_thesecretitself" not in f"{problem.what} {problem.where} {problem.remedy}"


def test_what_is_right_is_taken() -> None:
    right: list[dict[str, Any]] = [
        {"capacity": "reservation", "reservation": GROUP},
        {"capacity": "capacity-block", "reservation": BLOCK},
        {"at_least": 4},
        {"image": "ours@sha256:" + "0" * 64},
        {"network.nat": "none", "network.endpoints": ENDPOINTS},
        {f"network.{name}": value for name, value in NETWORKS["existing"].items()},
    ]
    assert [deployment("batch", params).problems() for params in right] == [[]] * len(right)


def test_all_is_said_at_once() -> None:
    wrong = {"instance_type": "p9", "capacity": "spot", "reservation": RESERVATION, "at_least": 9, "image": "ours"}
    places = {one.where.rpartition(".")[2] for one in deployment("batch", wrong).problems()}
    assert places == {"instance_type", "capacity", "reservation", "at_most", "image"}
