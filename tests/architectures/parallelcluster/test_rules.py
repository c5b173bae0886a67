"""What is wrong with a ParallelCluster's parameters is said before anything is created; its own package is a trial."""

from __future__ import annotations

from typing import Any

import pytest

from seatrial.architectures.parallelcluster import Queue
from tests.architectures.deployments import deployment
from tests.architectures.shapes.parallelcluster import AMI, GROUP, RESERVATION


def queue(**params: Any) -> dict[str, Any]:
    return {"queues": (Queue(**{"name": "gpu", "instance_type": "p5en.48xlarge", "at_most": 2} | params),)}


CPU = Queue(name="cpu", instance_type="m5.8xlarge", at_most=2)

CASES: list[tuple[dict[str, Any], str, str]] = [
    # parameters, which of them is named, and what is said
    ({"os": "ubuntu2004"}, "os", "no operating system is called 'ubuntu2004'"),
    ({"os": "rocky8"}, "os", "publishes no AMI of rocky8, and custom_ami names none"),
    ({"custom_ami": "123456789012"}, "custom_ami", "it looks like that of an account"),
    ({"custom_ami": "ami-0123"}, "custom_ami", "ami-0123 is no id of an AMI"),
    ({"head_instance_type": "m5.9xlarge"}, "head_instance_type", "no instance type is called 'm5.9xlarge'"),
    ({"head_instance_type": "ml.m5.2xlarge"}, "head_instance_type", "write m5.2xlarge"),
    ({"head_instance_type": "t2.small", **queue(at_most=64)}, "head_instance_type", "64 nodes (queues) need 3 GiB"),
    ({"login_instance_type": "m5.9xlarge"}, "login_instance_type", "no instance type is called 'm5.9xlarge'"),
    (
        {"login_nodes": 1, "login_instance_type": "p6e-gb200.36xlarge"},
        "login_instance_type",
        "p6e-gb200.36xlarge is arm64, but head_instance_type m5.2xlarge is x86_64",
    ),
    ({"queues": ()}, "queues", "0 queues, but a cluster has 1 to 50"),
    ({"queues": (CPU, CPU)}, "queues", "2 queues are called cpu"),
    (queue(name="GPU"), "queues[0].name", "'GPU' cannot name a queue"),
    (queue(name="1gpu"), "queues[0].name", "'1gpu' cannot name a queue"),
    (queue(name="a" * 26), "queues[0].name", "25 at most"),
    (queue(name="gpu\n"), "queues[0].name", "cannot name a queue"),
    (queue(name="default"), "queues[0].name", "forbids the name default"),
    (queue(name="123456789012"), "queues[0].name", "it looks like that of an account"),
    (queue(instance_type="p5en.48large"), "queues[0].instance_type", "did you mean p5en.48xlarge"),
    (queue(instance_type="ml.p5.48xlarge"), "queues[0].instance_type", "ml.p5.48xlarge is a type of SageMaker"),
    (
        queue(instance_type="p6e-gb200.36xlarge"),
        "queues[0].instance_type",
        "p6e-gb200.36xlarge is arm64, but head_instance_type m5.2xlarge is x86_64",
    ),
    (queue(at_least=3), "queues[0].at_most", "at_most 2 is less than at_least 3"),
    (queue(custom_ami="ours"), "queues[0].custom_ami", "ours is no id of an AMI"),
    (
        queue(reservation=RESERVATION),
        "queues[0].reservation",
        f"capacity is on-demand, but reservation is {RESERVATION}",
    ),
    (queue(capacity="spot", reservation=RESERVATION), "queues[0].reservation", "capacity is spot, but reservation is"),
    (queue(capacity="reservation"), "queues[0].reservation", "capacity is reservation, but reservation names none"),
    (queue(capacity="reservation", reservation="cr-xxxxxxxxxx"), "queues[0].reservation", "neither an id of a"),
    (
        queue(capacity="reservation", reservation="123456789012"),
        "queues[0].reservation",
        "it looks like that of an account",
    ),
    (
        queue(capacity="reservation", reservation=GROUP.replace("us-west-2", "eu-north-1")),
        "queues[0].reservation",
        "the resource group is in eu-north-1, but region is us-west-2",
    ),
    (
        queue(capacity="capacity-block", at_least=2, reservation=GROUP),
        "queues[0].reservation",
        "is no id of a Capacity Block",
    ),
    (
        queue(capacity="capacity-block", at_least=1, reservation=RESERVATION),
        "queues[0].at_least",
        "always run, but at_least is 1 and at_most 2",
    ),
    ({"bucket": None, "storage.bucket": None}, "bucket", "containers need it"),
    ({"containers": False, "container_image": "ours:1"}, "container_image", "containers is false"),
    ({"slurm": {"slurmctldHost": "head"}}, "slurm.slurmctldHost", "is set by ParallelCluster itself"),
    (
        {"slurm": {"JobAcctGatherType": "none"}, "accounting": "accounting-db"},
        "slurm.JobAcctGatherType",
        "by ParallelCluster itself, with accounting",
    ),
    ({"network.nat": "none"}, "network", "nat of vpc is none"),
]


@pytest.mark.parametrize(("params", "where", "said"), CASES)
def test_what_is_wrong_is_said(params: dict[str, Any], where: str, said: str) -> None:
    (problem,) = deployment("parallelcluster", params).problems()
    assert problem.where == f"architectures.parallelcluster.{where}"
    assert said in f"{problem.what}; {problem.remedy}"
    assert problem.remedy


def test_a_region_without_parallelcluster_is_named() -> None:
    said = [one for one in deployment("parallelcluster", region="ap-northeast-3").problems() if "3.16.1" in one.what]
    assert [one.where for one in said] == ["architectures.parallelcluster.region"]


def test_what_is_right_is_taken() -> None:
    right = [
        {"os": "rocky9", "custom_ami": AMI},
        {"slurm": {"JobAcctGatherType": "none"}},  # without accounting
        queue(capacity="reservation", reservation=GROUP),
        queue(name="a" * 25),
        {"bucket": None, "storage.bucket": None, "containers": False},
        {"head_instance_type": "m5.2xlarge", "login_instance_type": "p6e-gb200.36xlarge"},  # no login nodes
    ]
    assert [deployment("parallelcluster", params).problems() for params in right] == [[]] * len(right)


def test_all_is_said_at_once() -> None:
    params = {"os": "rhel7", **queue(name="Q", instance_type="p9", at_least=9, capacity="reservation"), "bucket": None}
    places = {one.where.rpartition(".")[2] for one in deployment("parallelcluster", params).problems()}
    assert places >= {"os", "name", "instance_type", "at_most", "reservation", "bucket"}
