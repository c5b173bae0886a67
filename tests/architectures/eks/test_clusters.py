"""What an EKS cluster hands over: its clusters, what it runs, and what it costs beside instances."""

from __future__ import annotations

from typing import Any

import pytest

from seatrial import launchers
from seatrial.cluster import Cluster, Mount
from seatrial.hardware import instances
from seatrial.launchers.kubernetes.resources import devices
from seatrial.preflight import addresses, placement
from seatrial.preflight.site import Group
from tests.architectures.deployments import deployment
from tests.architectures.shapes.batch import BLOCK
from tests.architectures.shapes.eks import TYPES, group

OUTPUTS = {
    "ClusterName": "seatrial-eks",
    "Repository": "123456789012.dkr.ecr.us-west-2.amazonaws.com/seatrial-eks-repository-abc",
}


def handed(**params: Any) -> list[Cluster]:
    return deployment("eks", params).clusters(OUTPUTS)


def test_a_group_is_a_cluster() -> None:
    (one,) = handed(groups=(group("p5.48xlarge", at_most=16),), storage="storage", image="ours:2", kind="mpijob")
    assert (one.name, one.launcher, one.image) == ("eks", "kubernetes", "ours:2")
    assert (one.instance_type, one.nodes, one.accelerators_per_node, one.processes_per_node) == (
        "p5.48xlarge",
        16,
        8,
        8,
    )
    assert (one.shared, one.mounts) == ("/fsx/seatrial", (Mount(source="fsx", target="/fsx"),))
    assert one.options == {
        "kind": "mpijob",
        "context": "seatrial-eks",
        "namespace": "seatrial",
        "kueue_queue": "seatrial",
        "node_selector": {"seatrial.io/group": "gpu"},
        "tolerations": ("nvidia.com/gpu",),
    }


def test_the_first_keeps_its_name_when_there_are_more() -> None:
    groups = (group("p5.48xlarge"), group("trn1.32xlarge", "trn"), group("m5.8xlarge", "cpu"))
    found = {one.name: one.options.get("tolerations") for one in handed(groups=groups)}
    assert found == {"eks": ("nvidia.com/gpu",), "eks-trn": ("aws.amazon.com/neuron",), "eks-cpu": None}
    assert handed(groups=()) == []


def test_without_storage_nothing_is_shared() -> None:
    (one,) = handed()
    assert (one.shared, one.mounts) == (None, ())


def test_jobs_run_in_the_image_that_is_named_or_pushed() -> None:
    assert [one.image for one in handed()] == [f"{OUTPUTS['Repository']}:1"]
    assert [one.image for one in handed(image="ours:2")] == ["ours:2"]


@pytest.mark.parametrize("instance_type", TYPES)
def test_its_launcher_takes_each_cluster(instance_type: str) -> None:
    kubernetes = launchers.find("kubernetes")
    (one,) = handed(groups=(group(instance_type),), image="ours:1")
    assert [*kubernetes.check_options(kubernetes.Options(**one.options))] == []
    instance = instances.instance(instance_type)
    assert (one.cpus_per_node, one.accelerators_per_node) == (instance.vcpus, instance.ranks)
    # A taint is called like what pods ask for.
    accelerators = {name for name in devices(instance) if name.endswith(("/gpu", "/neuron"))}
    assert {*one.options.get("tolerations", ())} == accelerators


def test_what_runs_and_what_it_takes_of_the_subnet() -> None:
    bought = {"capacity": "capacity-block", "reservation": BLOCK, "at_least": 4}
    for more, placed in (({}, True), ({"capacity": "spot"}, True), (bought, False)):
        params = {"groups": (group("p5.48xlarge", **more),), "network.zones": ("usw2-az2", "usw2-az1")}
        one = deployment("eks", params)
        system, nodes = one.architecture.instances(one.params, one.facts)
        assert (system.instance_type, system.at_least, system.at_most) == ("m5.2xlarge", 2, 2)
        assert (nodes.at_most, nodes.efa, nodes.zone, nodes.placement_group) == (4, True, "usw2-az2", placed)
        # Interfaces that are EFA alone take no address: not 32.
        assert addresses.interfaces(nodes) == 14
        (finding,) = placement.judge([Group(what="eks: group", deployment=one.name, instances=nodes)])
        assert finding.verdict.name == "PASS"


def test_what_it_costs_beside_its_instances() -> None:
    one = deployment("eks", {"groups": (group("g5.8xlarge", at_least=3),), "root_gib": 100})
    found = {each.item: each.quantity for each in one.architecture.usage(one.params, one.facts)}
    assert found == {"eks-cluster": 1, "ebs/gp3": 500}
