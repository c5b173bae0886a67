"""Which node this is, and what it is to be: what SageMaker and the bundle say."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .steps import Failure, retry, run

RESOURCES = Path("/opt/ml/config/resource_config.json")
"""Written by SageMaker: ClusterConfig, and InstanceGroups with their instances.
https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-lifecycle-best-practices-slurm.html (2026-11)."""
PAUSES = (2, 4, 8, 16)
"""Seconds between tries to reach an AWS service."""


@dataclass(frozen=True)
class Node:
    """This node, the others, and what is to be done."""

    role: str
    """controller, login or worker."""
    group: str
    """Its instance group."""
    name: str
    """Host name, which is the node's name in Slurm."""
    controller: str
    """Address of the controller."""
    groups: Mapping[str, Mapping[str, str]]
    """Instance group -> name of a node -> its instance id."""
    settings: Mapping[str, Any]
    """seatrial.json."""
    places: Mapping[str, Mapping[str, str]]
    """Where file systems, database and directory are: value of the SSM parameter that `settings` names."""
    partitions: Mapping[str, str]
    """Partition -> instance group of its nodes."""

    def nodes(self, partition: str) -> Mapping[str, str]:
        """Nodes of a partition -> instance ids."""
        return self.groups.get(self.partitions[partition], {})


def read(bundle: Path, resources: Path = RESOURCES) -> Node:
    """All of it. Raises Failure."""
    form, settings, found = (_json(path) for path in (*_inputs(bundle), resources))
    address = _address(found)
    groups = {group["Name"]: group["Instances"] for group in found["InstanceGroups"]}
    mine = [name for name, instances in groups.items() if any(i["CustomerIpAddress"] == address for i in instances)]
    controllers = [instance["CustomerIpAddress"] for instance in groups.get(form["controller_group"], [])]
    if not mine or not controllers:
        what = f"no group with the address {address}" if not mine else f"no instance of {form['controller_group']}"
        raise Failure(f"{resources} has {what}", "give groups of the cluster the names in provisioning_parameters.json")
    return Node(
        role=role(form, mine[0]),
        group=mine[0],
        name=node_name(address),
        controller=controllers[0],
        groups={
            name: {node_name(instance["CustomerIpAddress"]): instance["InstanceId"] for instance in instances}
            for name, instances in groups.items()
        },
        settings=settings,
        places=_places(settings),
        partitions={g["partition_name"]: g["instance_group_name"] for g in form["worker_groups"]},
    )


def role(form: Mapping[str, Any], group: str) -> str:
    """What nodes of that group are. Raises Failure where HyperPod's form does not name it."""
    workers = {worker["instance_group_name"] for worker in form["worker_groups"]}
    if group == form["controller_group"]:
        return "controller"
    if group == form.get("login_group"):
        return "login"
    if group in workers:
        return "worker"
    raise Failure(f"group {group} has no role", "name it in provisioning_parameters.json, beside on_create.sh")


def node_name(address: str) -> str:
    """Name of the node with that address, as EC2 gives host names and HyperPod's slurm.conf has them."""
    return "ip-" + address.replace(".", "-")


def secret(arn: str, region: str) -> str:
    """Value of a secret, with the node's role. It must go into no log and no command line."""
    command = ("aws", "secretsmanager", "get-secret-value", "--secret-id", arn, "--region", region)
    query = ("--query", "SecretString", "--output", "text")
    remedy = f"let the role of the nodes read {arn}, and the network reach Secrets Manager"
    return retry("secret", PAUSES, lambda: run(*command, *query, remedy=remedy)).rstrip("\n")


def parameter(name: str, region: str) -> str:
    """Value of an SSM parameter, with the node's role."""
    command = ("aws", "ssm", "get-parameter", "--name", name, "--region", region)
    query = ("--query", "Parameter.Value", "--output", "text")
    remedy = f"let the role of the nodes read {name}, and the network reach Systems Manager"
    return retry(f"parameter {name}", PAUSES, lambda: run(*command, *query, remedy=remedy))


def _places(settings: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads(parameter(settings["parameter"], settings["region"]))
    return found


def _inputs(bundle: Path) -> tuple[Path, Path]:
    return bundle / "provisioning_parameters.json", bundle / "seatrial.json"


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, ValueError) as error:
        raise Failure(f"{path} cannot be read: {error}", "deploy the architecture anew, which uploads it") from None


def _address(resources: Mapping[str, Any]) -> str:
    """This node's own: that of SageMaker's list from which packets to itself would come."""
    for group in resources["InstanceGroups"]:
        for instance in group["Instances"]:
            address = str(instance["CustomerIpAddress"])
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                try:
                    probe.connect((address, 9))  # sends nothing
                except OSError:  # no way there
                    continue
                if probe.getsockname()[0] == address:
                    return address
    raise Failure(f"none of the addresses in {RESOURCES} is this node's", "see what SageMaker wrote there")
