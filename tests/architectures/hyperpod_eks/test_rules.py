"""What is wrong with a HyperPod cluster on EKS, or with the cluster of EKS, is said before anything is created."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from seatrial.architectures._hyperpod import Group
from seatrial.architectures.hyperpod_eks import Restricted
from seatrial.versions.eks import RELEASES
from tests.architectures.deployments import deployment
from tests.architectures.shapes.eks import group
from tests.architectures.shapes.hyperpod_eks import EKS, OPERATOR
from tests.architectures.shapes.hyperpod_slurm import AMI

NOVA = Restricted(name="nova", instance_type="p5.48xlarge", count=2)
KIND = {"kind": "hyperpodpytorchjob"}


def restricted(**changes: Any) -> dict[str, Any]:
    return {"restricted": (replace(NOVA, **changes),)}


CASES: list[tuple[dict[str, Any], str, str]] = [
    # parameters, which of them is named, and what is said
    ({"groups": ()}, "hyperpod-eks.groups", "0 groups, but a cluster has 1 to 100"),
    ({"groups": (), **restricted()}, "hyperpod-eks.groups", ""),
    (
        {"groups": (Group(name="g", instance_type="p9.48xlarge", count=1),)},
        "hyperpod-eks.groups[0].instance_type",
        "p9",
    ),
    (restricted(name="gpu"), "hyperpod-eks.restricted", "a group of groups is called gpu as well"),
    (restricted(custom_ami=AMI), "hyperpod-eks.restricted[0].custom_ami", "restricted groups have AWS's own AMI"),
    (restricted(lustre_gib=3000), "hyperpod-eks.restricted[0].lustre_gib", "set it to 2400 or 4800"),
    (restricted(training_plan="ours"), "hyperpod-eks.restricted[0].training_plan", "not the ARN of a training plan"),
    ({"bucket.bucket": "ours"}, "hyperpod-eks.bucket", "does not begin with sagemaker-"),
    ({"network": "other"}, "hyperpod-eks.network", "is other, but that of eks is vpc"),
    ({"storage": "storage"}, "hyperpod-eks.storage", "is storage, but that of eks is None"),
    ({"cluster.storage": "storage"}, "hyperpod-eks.storage", ""),
    ({"cluster.hyperpod": False}, "hyperpod-eks.cluster", "set hyperpod of eks to true"),
    (
        {"cluster.version": "1.35"},
        "eks.version",
        "whether HyperPod supports Kubernetes 1.35 is unknown; set it to 1.34",
    ),
    ({"cluster.groups": (group("g5.8xlarge"),)}, "eks.groups", "HyperPod makes the nodes that run jobs"),
    ({"training_operator": "1.0.1"}, "hyperpod-eks.training_operator", "1.0.1 is no version of an add-on"),
    (KIND, "hyperpod-eks.kind", "set training_operator"),
    (
        {"training_operator": OPERATOR, "task_governance": False},
        "hyperpod-eks.task_governance",
        "does not know hyperpodpytorchjob",
    ),
    (
        {"training_operator": OPERATOR, "task_governance": False, "kind": "jobset"},
        "hyperpod-eks.task_governance",
        "",
    ),
    ({"image": "ours:latest"}, "hyperpod-eks.image", "it may be another image tomorrow"),
    ({"agent": "ours"}, "hyperpod-eks.agent", "it may be another image tomorrow"),
    ({"repair": "reboot"}, "hyperpod-eks.repair", "without an agent nothing quarantines a node"),
]


@pytest.mark.parametrize(("params", "where", "said"), CASES, ids=[f"{where}-{said[:30]}" for _, where, said in CASES])
def test_what_is_wrong_is_said_at_its_place(params: dict[str, Any], where: str, said: str) -> None:
    problems = deployment("hyperpod-eks", {**EKS, **params}).problems()
    found = [one for one in problems if one.where == f"architectures.{where}"]
    if not said:
        assert found == []
        return
    assert len(found) == 1, problems
    assert said in f"{found[0].what}; {found[0].remedy}"


def test_the_defaults_say_what_the_cluster_must_be() -> None:
    """First that HyperPod is to make the nodes, then what follows from that."""
    assert [one.where for one in deployment("hyperpod-eks").problems()] == ["architectures.hyperpod-eks.cluster"]
    told = deployment("hyperpod-eks", {"cluster.hyperpod": True}).problems()
    assert [one.where for one in told] == ["architectures.eks.version", "architectures.eks.groups"]
    assert deployment("hyperpod-eks", EKS).problems() == []


def test_a_cluster_of_eks_alone_may_be_of_any_version() -> None:
    for version in RELEASES:
        assert deployment("eks", {"version": version}).problems() == []
