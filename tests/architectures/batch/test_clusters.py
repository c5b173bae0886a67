"""What a queue of Batch hands over: its clusters, what it runs, and what it costs beside instances."""

from __future__ import annotations

from typing import Any

import pytest

from seatrial import launchers
from seatrial.cluster import Cluster, Mount
from seatrial.hardware import instances
from seatrial.preflight import addresses, placement
from seatrial.preflight.site import Group
from tests.architectures.deployments import deployment
from tests.architectures.shapes.batch import BLOCK, SECRET, TYPES

REPOSITORY = "123456789012.dkr.ecr.us-west-2.amazonaws.com/seatrial-batch-repository-abc"
OUTPUTS = {
    "Queue": "arn:aws:batch:us-west-2:123456789012:job-queue/ours",
    "JobRoleArn": "arn:aws:iam::123456789012:role/job",
    "ExecutionRoleArn": "arn:aws:iam::123456789012:role/execution",
    "LogGroup": "seatrial-batch-LogGroup-abc",
    "Repository": REPOSITORY,
}


def handed(**params: Any) -> list[Cluster]:
    return deployment("batch", params).clusters(OUTPUTS)


def test_the_queue_is_a_cluster() -> None:
    (one,) = handed(instance_type="p5.48xlarge", at_most=16, storage="storage")
    assert (one.name, one.launcher, one.container) == ("batch", "batch", "docker")
    assert (one.instance_type, one.nodes, one.accelerators_per_node, one.processes_per_node) == (
        "p5.48xlarge",
        16,
        8,
        8,
    )
    assert (one.shared, one.mounts) == ("/fsx/seatrial", (Mount(source="/fsx", target="/fsx"),))
    assert one.options == {
        "queue": OUTPUTS["Queue"],
        "region": "us-west-2",
        "job_role_arn": OUTPUTS["JobRoleArn"],
        "execution_role_arn": OUTPUTS["ExecutionRoleArn"],
        "log_group": OUTPUTS["LogGroup"],
    }


def test_without_storage_nothing_is_shared() -> None:
    (one,) = handed()
    assert (one.shared, one.mounts) == (None, ())


def test_jobs_run_in_the_image_that_is_named_or_pushed() -> None:
    assert [one.image for one in handed()] == [f"{REPOSITORY}:1"]
    assert [one.image for one in handed(image="ours:2")] == ["ours:2"]


def test_each_share_is_a_cluster() -> None:
    found = handed(shares={"research": 3, "product": 1})
    named = {one.name: one.options["share_identifier"] for one in found}
    assert named == {"batch-research": "research", "batch-product": "product"}
    assert [one.name for one in handed(shares={"research": 3})] == ["batch"]


@pytest.mark.parametrize("instance_type", TYPES)
def test_its_launcher_takes_each_cluster(instance_type: str) -> None:
    batch = launchers.find("batch")
    (one,) = handed(instance_type=instance_type, secrets={"HF_TOKEN": SECRET}, shares={"research": 1})
    assert [*batch.check_options(batch.Options(**one.options))] == []
    instance = instances.instance(instance_type)
    assert (one.cpus_per_node, one.accelerators_per_node) == (instance.vcpus, instance.ranks)


def test_what_runs_and_what_it_takes_of_the_subnet() -> None:
    zone = {"network.zones": ("usw2-az2",)}
    bought = {"capacity": "capacity-block", "reservation": BLOCK}
    for params, placed in (({}, True), (bought, False)):
        one = deployment("batch", {"instance_type": "p5.48xlarge", "at_most": 16, **zone, **params})
        (nodes,) = one.architecture.instances(one.params, one.facts)
        assert (nodes.at_least, nodes.at_most, nodes.efa, nodes.zone) == (0, 16, True, "usw2-az2")
        assert (nodes.placement_group, nodes.reservation) == (placed, params.get("reservation"))
        # Interfaces that are EFA alone take no address: not 32.
        assert addresses.interfaces(nodes) == 2
        (finding,) = placement.judge([Group(what="batch: nodes", deployment=one.name, instances=nodes)])
        assert finding.verdict.name == "PASS"


def test_what_it_costs_beside_its_instances() -> None:
    one = deployment("batch", {"at_least": 2, "root_gib": 100})
    assert {each.item: each.quantity for each in one.architecture.usage(one.params, one.facts)} == {"ebs/gp3": 200}
    assert [*deployment("batch").architecture.usage(deployment("batch").params, one.facts)] == []
