"""What is put into an EKS cluster, by what its parameters say and its outputs."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from seatrial.architectures import Deployment
from seatrial.plan import Plan
from tests.architectures.deployments import deployment
from tests.architectures.shapes.eks import group

OUTPUTS = {
    "ClusterName": "seatrial-eks",
    "LustreId": "fs-0123456789abcdef0",
    "LustreDnsName": "fs-0123456789abcdef0.fsx.us-west-2.amazonaws.com",
    "LustreMountName": "abcdefgh",
}


def plan(one: Deployment) -> Plan:
    return one.installs(OUTPUTS)


def objects(**params: Any) -> dict[tuple[str, str], dict[str, Any]]:
    """Kind and name -> object, of all files."""
    files = plan(deployment("eks", params)).files
    found = [one for name, text in files.items() if name.endswith(".yaml") for one in yaml.safe_load_all(text)]
    return {(one["kind"], one["metadata"]["name"]): one for one in found if "kind" in one}


def test_jobs_find_what_their_cluster_names() -> None:
    (cluster,) = deployment("eks", {"storage": "storage"}).clusters({**OUTPUTS, "Repository": "ours"})
    found = objects(storage="storage")
    namespace, queue = cluster.options["namespace"], cluster.options["kueue_queue"]
    assert ("Namespace", namespace) in found
    assert found["LocalQueue", queue]["metadata"]["namespace"] == namespace
    (mount,) = cluster.mounts
    assert found["PersistentVolumeClaim", mount.source]["metadata"]["namespace"] == namespace


def test_the_file_system_is_that_of_the_storage() -> None:
    found = objects(**{"storage": "storage", "storage.lustre_gib": 2400})
    volume = found["PersistentVolume", "fsx"]["spec"]
    assert volume["capacity"] == {"storage": "2400Gi"}
    assert volume["csi"]["volumeHandle"] == OUTPUTS["LustreId"]
    assert volume["csi"]["volumeAttributes"] == {
        "dnsname": OUTPUTS["LustreDnsName"],
        "mountname": OUTPUTS["LustreMountName"],
    }
    assert ("PersistentVolume", "fsx") not in objects()


@pytest.mark.parametrize(("kind", "operator"), [("jobset", "jobset"), ("mpijob", "mpi-operator"), ("job", None)])
def test_the_operator_of_the_kind_of_job_is_installed(kind: str, operator: str | None) -> None:
    text = plan(deployment("eks", {"kind": kind})).text()
    found = {name for name in ("jobset", "mpi-operator", "training-operator") if f"--- command: {name} " in text}
    assert found == ({operator} if operator else set())


def test_each_group_has_its_devices_and_its_part_of_the_queue() -> None:
    groups = (group("p5.48xlarge", at_most=2), group("trn1.32xlarge", "trn"))
    found = objects(groups=groups)
    daemons = {name for kind, name in found if kind == "DaemonSet"}
    assert {"nvidia-device-plugin-daemonset", "aws-efa-k8s-device-plugin", "neuron-device-plugin"} <= daemons
    (resources,) = found["ClusterQueue", "seatrial"]["spec"]["resourceGroups"]
    quotas = {
        flavor["name"]: {one["name"]: one["nominalQuota"] for one in flavor["resources"]}
        for flavor in resources["flavors"]
    }
    assert quotas["p5.48xlarge"]["nvidia.com/gpu"] == "16"
    assert quotas["trn1.32xlarge"]["aws.amazon.com/neuron"] == "64"


def test_without_groups_nothing_is_installed() -> None:
    assert plan(deployment("eks", {"groups": ()})) == Plan()


def test_the_agent_is_there_where_it_has_an_image() -> None:
    assert not any("ours/seatrial:1" in str(one) for one in objects().values())
    assert any("ours/seatrial:1" in str(one) for one in objects(agent="ours/seatrial:1").values())
