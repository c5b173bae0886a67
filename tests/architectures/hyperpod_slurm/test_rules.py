"""What is wrong with the parameters of a HyperPod cluster is said before anything is created."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from botocore.session import get_session

from seatrial.architectures._hyperpod import Group, rules
from seatrial.architectures.hyperpod_slurm import Package, User
from seatrial.hardware import instances
from tests.architectures.deployments import deployment
from tests.architectures.shapes.hyperpod_slurm import PLAN

SAGEMAKER = get_session().get_service_model("sagemaker")
GPU = Group(name="gpu", instance_type="p5.48xlarge", count=2)
ANN = User(name="ann", uid=10001)


def worker(**changes: Any) -> dict[str, Any]:
    return {"workers": (replace(GPU, **changes),)}


CASES: list[tuple[dict[str, Any], str, str]] = [
    # parameters, which of them is named, and what is said
    ({"workers": ()}, "workers", "0 groups, but a cluster has 1 to 100"),
    ({"workers": (GPU, GPU)}, "workers", "2 groups are called gpu"),
    (worker(name="GPU"), "workers[0].name", "'GPU' cannot name a group"),
    (worker(name="gpu--1"), "workers[0].name", "'gpu--1' cannot name a group"),
    (worker(name="g" * 64), "workers[0].name", "63 at most"),
    (worker(name="123456789012"), "workers[0].name", ""),
    (worker(name="controller"), "workers[0].name", "controller is the group of the controller"),
    (worker(name="dev"), "workers[0].name", "dev is HyperPod's partition of all nodes"),
    (worker(instance_type="ml.p5.48xlarge"), "workers[0].instance_type", "write p5.48xlarge"),
    (worker(instance_type="p5.48large"), "workers[0].instance_type", "did you mean p5.48xlarge"),
    (worker(instance_type="c6in.32xlarge"), "workers[0].instance_type", "HyperPod has no ml.c6in.32xlarge"),
    (worker(instance_type="p6e-gb200.36xlarge"), "workers[0].instance_type", "is arm64"),
    (worker(instance_type="m5.8xlarge", deep_health_checks=True), "workers[0].deep_health_checks", "no accelerators"),
    (worker(custom_ami="ami-01"), "workers[0].custom_ami", "ami-01 is no id of an AMI"),
    (worker(training_plan="123456789012"), "workers[0].training_plan", "it looks like that of an account"),
    (worker(training_plan="ours"), "workers[0].training_plan", "ours is not the ARN of a training plan"),
    (
        worker(training_plan=PLAN.replace("us-west-2", "us-east-1")),
        "workers[0].training_plan",
        "the training plan is in us-east-1, but region is us-west-2",
    ),
    (worker(training_plan=PLAN, instance_type="g5.8xlarge"), "workers[0].training_plan", "no training plan has g5.8xl"),
    ({"controller_instance_type": "t2.small"}, "controller_instance_type", "HyperPod has no ml.t2.small"),
    ({"login_nodes": 1, "login_instance_type": "m9.large"}, "login_instance_type", "no instance type is called"),
    (
        {"workers": tuple(replace(GPU, name=f"gpu-{n}") for n in range(100))},
        "workers",
        "101 groups with controller and login nodes",
    ),
    ({"containers": False, "container_image": "ours:1"}, "container_image", "but containers is false"),
    (
        {"container_packages": (Package(url="https://example.com/enroot.deb", sha256="0" * 64),)},
        "container_packages",
        "containers is false",
    ),
    ({"users": (ANN, replace(ANN, name="bob"))}, "users", "2 users have the uid 10001"),
    ({"users": (ANN, replace(ANN, uid=10002))}, "users", "2 users have the name ann"),
    ({"users": (replace(ANN, name="ubuntu"),)}, "users[0].name", "add keys to ssh_keys"),
    ({"health_checks": True, "observability": True}, "package", "health_checks and observability need it"),
    ({"slurm": {"Prolog": "/x"}}, "slurm.Prolog", "Prolog is set by HyperPod"),
    ({"slurm": {"KillOnBadExit": "1\nEpilog=/x"}}, "slurm.KillOnBadExit", "is no line of slurm.conf"),
    ({"bucket.bucket": "ours"}, "bucket", "the name of ours, which s3 names, does not begin with sagemaker-"),
    ({"network.nat": "none"}, "network", "nat of vpc is none"),
]


@pytest.mark.parametrize(("params", "where", "said"), CASES, ids=[f"{where}-{said[:30]}" for _, where, said in CASES])
def test_what_is_wrong_is_said_at_its_place(params: dict[str, Any], where: str, said: str) -> None:
    problems = [one for one in deployment("hyperpod-slurm", params).problems() if one.where.endswith(f".{where}")]
    if not said:
        assert problems == []
        return
    assert len(problems) == 1, problems
    assert said in f"{problems[0].what}; {problems[0].remedy}"


def test_all_that_is_wrong_is_said_at_once() -> None:
    wrong = worker(name="login", instance_type="p5.48large") | {"health_checks": True}
    found = [one.where.rpartition("slurm.")[2] for one in deployment("hyperpod-slurm", wrong).problems()]
    assert found == ["workers[0].instance_type", "workers[0].name", "package"]


def test_what_hyperpod_offers_is_what_the_api_says() -> None:
    offered = {name.removeprefix("ml.") for name in SAGEMAKER.shape_for("ClusterInstanceType").enum}
    known = {one.name for one in instances.INSTANCES}
    assert known - offered == rules.NOT_OFFERED
    planned = {name.removeprefix("ml.") for name in SAGEMAKER.shape_for("ReservedCapacityInstanceType").enum}
    assert planned == rules.PLANNED
