"""What a HyperPod cluster hands over: its clusters, what it runs, and what it costs beside instances."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from seatrial import launchers
from seatrial.architectures._hyperpod import Group
from seatrial.cluster import Cluster, Mount
from seatrial.hardware import instances
from tests.architectures.deployments import deployment
from tests.architectures.shapes.hyperpod_slurm import ELSEWHERE, EVERYWHERE, PLAN, PLANNED

OUTPUTS = {
    "ClusterName": "seatrial-hyperpod-slurm",
    "ClusterArn": "arn:aws:sagemaker:us-west-2:123456789012:cluster/a1b2c3d4e5f6",
}


def handed(**params: Any) -> list[Cluster]:
    return deployment("hyperpod-slurm", params).clusters(OUTPUTS)


def test_each_group_of_workers_is_a_cluster() -> None:
    gpu, cpu = handed(workers=PLANNED)
    assert [(one.name, one.options["partition"]) for one in (gpu, cpu)] == [
        ("hyperpod-slurm", "gpu"),
        ("hyperpod-slurm-cpu", "cpu"),
    ]
    assert (gpu.instance_type, gpu.nodes, gpu.accelerators_per_node, gpu.processes_per_node) == (
        "ml.p5.48xlarge",
        16,
        8,
        8,
    )
    assert (cpu.accelerators_per_node, cpu.processes_per_node, cpu.shared) == (0, 32, "/fsx/seatrial")


def test_cpus_are_those_that_slurm_sees() -> None:
    """A p5.48xlarge has 96 cores of two threads, of which HyperPod switches one off."""
    gpu, cpu = handed(workers=PLANNED)
    assert (gpu.cpus_per_node, cpu.cpus_per_node) == (96, 32)


def test_jobs_run_in_the_image_that_is_named() -> None:
    (one,) = handed(container_image="ours:1")
    assert (one.container, one.image, one.mounts) == ("pyxis", "ours:1", (Mount(source="/fsx", target="/fsx"),))
    assert [(one.container, one.image, one.mounts) for one in handed()] == [("none", None, ())]


@pytest.mark.parametrize("instance_type", [*EVERYWHERE, *ELSEWHERE])
def test_its_launcher_takes_each_cluster(instance_type: str) -> None:
    slurm = launchers.find("slurm")
    workers = (Group(name="one", instance_type=instance_type, count=2),)
    assert deployment("hyperpod-slurm", {"workers": workers}).problems() == []
    (one,) = handed(workers=workers)
    options = slurm.Options(**{**one.options, "ssh_options": tuple(one.options["ssh_options"])})
    assert [*slurm.check_options(options)] == []
    assert options.gpus == ("none" if instance_type.startswith("trn") else "gpus-per-node")
    assert options.auto_resume is True


def test_without_node_recovery_no_job_is_resumed() -> None:
    (one,) = handed(node_recovery="None")
    assert "auto_resume" not in one.options


@pytest.mark.parametrize(("login_nodes", "group"), [(0, "controller"), (2, "login")])
def test_ssh_goes_to_the_node_that_runs_by_now(tmp_path: Path, login_nodes: int, group: str) -> None:
    """By the shell that ssh starts, with a command of AWS that answers as AWS does, and notes what it was asked."""
    nodes = [
        {"InstanceGroupName": "gpu", "InstanceId": "i-1", "InstanceStatus": {"Status": "Running"}},
        {"InstanceGroupName": group, "InstanceId": "i-2", "InstanceStatus": {"Status": "Pending"}},
        {"InstanceGroupName": group, "InstanceId": "i-3", "InstanceStatus": {"Status": "Running"}},
    ]
    answer = tmp_path / "answer.json"
    answer.write_text(json.dumps({"ClusterNodeSummaries": nodes}))
    aws = tmp_path / "aws"
    aws.write_text(
        f"""#!{sys.executable}
import json, sys
import jmespath
argv = sys.argv[1:]
if argv[1] == "list-cluster-nodes":
    query, found = argv[argv.index("--query") + 1], json.load(open("{answer}"))["ClusterNodeSummaries"]
    as_text = "text" in argv  # of which each page, here of one node, is asked
    for page in [[one] for one in found] if as_text else [found]:
        one = jmespath.search(query, {{"ClusterNodeSummaries": page}})
        print(one if as_text else json.dumps(one))
else:
    print(json.dumps(argv))
"""
    )
    aws.chmod(0o755)
    (one,) = handed(login_nodes=login_nodes)
    option = next(part for part in one.options["ssh_options"] if part.startswith("ProxyCommand="))
    command = option.removeprefix("ProxyCommand=").replace("%p", "22")
    found = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    run = subprocess.run(["sh", "-c", f"exec {command}"], capture_output=True, text=True, env=found, check=True)
    asked = json.loads(run.stdout)
    assert asked[:2] == ["ssm", "start-session"]
    assert asked[asked.index("--target") + 1] == f"sagemaker-cluster:a1b2c3d4e5f6_{group}-i-3"
    assert asked[asked.index("--parameters") + 1] == "portNumber=22"


def test_a_profile_is_an_argument_and_no_more() -> None:
    (one,) = handed(profile="a;b", **{f"{need}.profile": "a;b" for need in ("network", "storage", "bucket")})
    (option,) = (part for part in one.options["ssh_options"] if part.startswith("ProxyCommand="))
    assert option.count("--profile") == 2 and "--profile a;b" not in option


def test_what_runs_and_what_it_takes_of_the_subnet() -> None:
    params = {"workers": PLANNED, "login_nodes": 2, "network.zones": ("usw2-az2",)}
    one = deployment("hyperpod-slurm", params)
    found = {each.what: each for each in one.architecture.instances(one.params, one.facts)}
    assert {what: (each.instance_type, each.at_least, each.at_most) for what, each in found.items()} == {
        "group controller": ("m5.2xlarge", 1, 1),
        "group login": ("m5.2xlarge", 2, 2),
        "group gpu": ("p5.48xlarge", 16, 16),
        "group cpu": ("m5.8xlarge", 4, 4),
    }
    assert {each.service for each in found.values()} == {"sagemaker"}
    assert {each.zone for each in found.values()} == {"usw2-az2"}
    gpu = found["group gpu"]
    assert (gpu.capacity, gpu.reservation, gpu.efa) == ("training-plan", PLAN, True)
    assert found["group cpu"].capacity == "on-demand"


def test_what_it_costs_beside_its_instances() -> None:
    one = deployment("hyperpod-slurm", {"workers": PLANNED, "volume_gib": 100})
    (found,) = one.architecture.usage(one.params, one.facts)
    assert (found.item, found.quantity) == ("sagemaker/volume", 100 + 16 * 500 + 4 * 1000)
    assert instances.instance("p5.48xlarge").vcpus == 192
