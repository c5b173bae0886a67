"""What a ParallelCluster hands over: a cluster for each queue, what it runs, and what it costs beside instances."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from seatrial import launchers
from seatrial.architectures import Deployment
from seatrial.architectures.parallelcluster import Queue
from seatrial.cluster import Cluster
from tests.architectures.deployments import deployment, shapes
from tests.architectures.shapes.parallelcluster import BOUGHT, RESERVATION

OUTPUTS = {"HeadNodeId": "i-0123456789abcdef0"}
CPU = Queue(name="cpu", instance_type="m5.8xlarge", at_most=16)


def handed(**params: Any) -> list[Cluster]:
    return deployment("parallelcluster", params).clusters(OUTPUTS)


def test_a_queue_is_a_cluster() -> None:
    gpu, cpu = handed(queues=(BOUGHT[0], CPU))
    assert (gpu.name, gpu.options["partition"]) == ("parallelcluster", "free")
    assert (gpu.instance_type, gpu.nodes, gpu.accelerators_per_node, gpu.processes_per_node) == ("p5.48xlarge", 4, 8, 8)
    assert (gpu.cpus_per_node, gpu.memory_per_node) == (192, 2048 * 2**30)
    assert (cpu.name, cpu.accelerators_per_node, cpu.processes_per_node) == ("parallelcluster-cpu", 0, 32)


def test_the_only_queue_has_the_name_of_the_deployment() -> None:
    (one,) = handed()
    assert (one.name, one.launcher, one.shared, one.stack) == ("parallelcluster", "slurm", "/fsx/seatrial", {})


def test_a_trainium_node_takes_as_many_ranks_as_its_framework_sees() -> None:
    (one,) = handed(**shapes("parallelcluster")["bare"])
    assert (one.instance_type, one.accelerators_per_node) == ("trn1.32xlarge", 32)


@pytest.mark.parametrize(("system", "user"), [("ubuntu2204", "ubuntu"), ("alinux2023", "ec2-user")])
def test_the_head_node_is_reached_through_systems_manager(system: str, user: str) -> None:
    (one,) = handed(os=system)
    assert one.options["reach"] == f"ssh:{user}@i-0123456789abcdef0"
    (_, proxy, _, key) = one.options["ssh_options"]
    assert proxy.startswith("ProxyCommand=aws ssm start-session --region us-west-2 --target %h ")
    assert proxy.endswith("--document-name AWS-StartSSHSession --parameters portNumber=%p")
    assert key == "StrictHostKeyChecking=accept-new"  # else the first connection would be refused: nobody is asked


def test_its_profile_goes_with_the_command() -> None:
    one = deployment("parallelcluster")
    mine = replace(one, params=replace(one.params, profile="ours"))
    (cluster,) = mine.clusters(OUTPUTS)
    assert "--region us-west-2 --profile ours --target" in cluster.options["ssh_options"][1]


@pytest.mark.parametrize("image", [None, "123456789012.dkr.ecr.us-west-2.amazonaws.com/ours:1"])
def test_its_launcher_takes_each_cluster(image: str | None) -> None:
    slurm = launchers.find("slurm")
    for one in handed(queues=(*BOUGHT, CPU), container_image=image):
        options = slurm.Options(**{**one.options, "ssh_options": tuple(one.options["ssh_options"])})
        assert [*slurm.check_options(options)] == []
        assert one.container == ("pyxis" if image else "none")
        assert bool(one.mounts) == bool(image)


def summary(one: Deployment) -> dict[str, Any]:
    found = one.architecture.instances(one.params, one.facts)
    return {each.what: (each.instance_type, each.at_least, each.at_most, each.capacity) for each in found}


def test_what_runs() -> None:
    one = deployment("parallelcluster", {"queues": (BOUGHT[2], CPU), "login_nodes": 2})
    assert summary(one) == {
        "head node": ("m5.2xlarge", 1, 1, "on-demand"),
        "login nodes": ("m5.2xlarge", 2, 2, "on-demand"),
        "queue reserved": ("p5en.48xlarge", 0, 4, "reservation"),
        "queue cpu": ("m5.8xlarge", 0, 16, "on-demand"),
    }


def test_where_it_runs_and_what_it_takes_of_the_subnet() -> None:
    one = deployment("parallelcluster", {"queues": (BOUGHT[2], BOUGHT[0], CPU), "network.zones": ("usw2-az2",)})
    found = [*one.architecture.instances(one.params, one.facts)]
    assert {each.zone for each in found} == {"usw2-az2"}
    assert [each.efa for each in found] == [False, True, True, False]
    assert [each.placement_group for each in found] == [False, False, True, False]
    assert [each.reservation for each in found] == [None, RESERVATION, None, None]


def test_what_it_costs_beside_its_instances() -> None:
    one = deployment("parallelcluster", {"queues": (BOUGHT[4],), "login_nodes": 1})
    costs = {each.item: each.quantity for each in one.architecture.usage(one.params, one.facts)}
    assert costs == {"ebs/gp3": 100 + (1 + 2) * 200, "network-load-balancer": 1}
    none = deployment("parallelcluster")
    assert {each.item: each.quantity for each in none.architecture.usage(none.params, none.facts)} == {"ebs/gp3": 100}
