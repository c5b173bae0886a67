"""What a HyperPod cluster on EKS hands over: its clusters, what it runs, and what it costs beside instances."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from seatrial import launchers
from seatrial.architectures._hyperpod import Group
from seatrial.cluster import Cluster, Mount
from seatrial.launchers.kubernetes.pod import node_labels
from tests.architectures.deployments import deployment
from tests.architectures.shapes.hyperpod_eks import EKS, LARGE, OPERATOR, RESTRICTED
from tests.architectures.shapes.hyperpod_slurm import ELSEWHERE, EVERYWHERE, PLAN, PLANNED

OUTPUTS = {
    "ClusterName": "seatrial-hyperpod-eks",
    "ClusterArn": "arn:aws:sagemaker:us-west-2:123456789012:cluster/a1b2c3d4e5f6",
    "EksClusterName": "seatrial-eks",
    "Repository": "123456789012.dkr.ecr.us-west-2.amazonaws.com/ours",
}


STORAGE = {"storage": "storage", "cluster.storage": "storage"}


def handed(**params: Any) -> list[Cluster]:
    return deployment("hyperpod-eks", {**EKS, **params}).clusters(OUTPUTS)


def test_each_group_is_a_cluster_and_no_restricted_one() -> None:
    gpu, cpu = handed(groups=LARGE, restricted=RESTRICTED, **STORAGE)
    assert (gpu.name, cpu.name) == ("hyperpod-eks", "hyperpod-eks-cpu")
    assert (gpu.instance_type, gpu.nodes, gpu.accelerators_per_node, gpu.cpus_per_node) == ("ml.p5.48xlarge", 16, 8, 96)
    assert (gpu.shared, gpu.mounts) == ("/fsx/seatrial", (Mount(source="fsx", target="/fsx"),))
    assert gpu.image == f"{OUTPUTS['Repository']}:1"
    assert gpu.options == {
        "kind": "jobset",
        "context": "seatrial-eks",
        "namespace": "seatrial",
        "kueue_queue": "seatrial",
        "node_selector": {"sagemaker.amazonaws.com/instance-group-name": "gpu"},
        "hyperpod": True,
    }


def test_jobs_are_of_the_training_operator_where_it_is() -> None:
    kinds = [
        handed(**params)[0].options["kind"]
        for params in ({}, {"training_operator": OPERATOR}, {"training_operator": OPERATOR, "kind": "job"})
    ]
    assert kinds == ["jobset", "hyperpodpytorchjob", "job"]


def test_without_storage_nothing_is_shared() -> None:
    (one,) = handed()
    assert (one.shared, one.mounts) == (None, ())


@pytest.mark.parametrize("instance_type", [*EVERYWHERE, *ELSEWHERE])
def test_its_launcher_takes_each_cluster(instance_type: str) -> None:
    kubernetes = launchers.find("kubernetes")
    groups = (Group(name="one", instance_type=instance_type, count=2),)
    more = {"agent": "ours:2", "repair": "replace", "training_operator": OPERATOR}
    (one,) = handed(groups=groups, **more)
    options = kubernetes.Options(**one.options)
    assert [*kubernetes.check_options(options)] == []
    assert node_labels(replace(one, options=options)) == {
        "node.kubernetes.io/instance-type": f"ml.{instance_type}",
        "sagemaker.amazonaws.com/instance-group-name": "one",
        "sagemaker.amazonaws.com/node-health-status": "Schedulable",
    }


def test_what_runs_is_sagemakers_in_the_network_of_the_cluster() -> None:
    params = {**EKS, "groups": PLANNED, "restricted": RESTRICTED, "network.zones": ("usw2-az2", "usw2-az1")}
    one = deployment("hyperpod-eks", params)
    gpu, cpu, nova = one.architecture.instances(one.params, one.facts)
    assert (gpu.service, gpu.capacity, gpu.reservation, gpu.at_most) == ("sagemaker", "training-plan", PLAN, 16)
    assert (cpu.service, cpu.capacity, nova.what) == ("sagemaker", "on-demand", "group nova")
    assert {each.zone for each in (gpu, cpu, nova)} == {"usw2-az2"}


def test_what_it_costs_beside_its_instances() -> None:
    one = deployment("hyperpod-eks", {**EKS, "groups": LARGE, "restricted": RESTRICTED})
    found = {each.item: each.quantity for each in one.architecture.usage(one.params, one.facts)}
    assert found == {"sagemaker/volume": 16 * 500 + 4 * 1000 + 4 * 500, "fsx-lustre/500": 4800}
