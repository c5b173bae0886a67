"""What ParallelCluster is asked for: how nodes are bought and placed, what they may do, and who reaches them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from seatrial.architectures._literal import literal
from seatrial.architectures.parallelcluster import Queue
from seatrial.architectures.parallelcluster.configuration import configuration
from seatrial.hardware import accelerators, instances
from tests.architectures.deployments import body, deployment, shapes
from tests.architectures.shapes.parallelcluster import BOUGHT, GROUP, RESERVATION, VALUES

LARGE = shapes("parallelcluster")["large"]


def configured(**params: Any) -> dict[str, Any]:
    """The configuration in the template."""
    found: dict[str, Any] = body(deployment("parallelcluster", params))["Resources"]["Cluster"]["Properties"]
    return dict(found["ClusterConfiguration"])


def queues(*given: Queue, **params: Any) -> dict[str, Any]:
    return {one["Name"]: one for one in configured(queues=given, **params)["Scheduling"]["SlurmQueues"]}


@pytest.mark.parametrize(
    ("name", "bought", "placed", "target"),
    [
        ("free", "ONDEMAND", True, None),
        ("cheap", "SPOT", True, None),
        ("reserved", "ONDEMAND", False, {"CapacityReservationId": RESERVATION}),
        ("group", "ONDEMAND", False, {"CapacityReservationResourceGroupArn": GROUP}),
        ("block", "CAPACITY_BLOCK", False, {"CapacityReservationId": "cr-0123456789abcdef2"}),
    ],
)
def test_how_nodes_are_bought_decides_where_they_are_placed(
    name: str, bought: str, placed: bool, target: dict[str, str] | None
) -> None:
    found = queues(*BOUGHT)[name]
    (resource,) = found["ComputeResources"]
    assert found["CapacityType"] == bought
    assert found["Networking"]["PlacementGroup"] == {"Enabled": placed}
    assert resource.get("CapacityReservationTarget") == target
    assert "CapacityReservationTarget" not in found


def test_a_capacity_block_is_held_whole() -> None:
    (resource,) = queues(*BOUGHT)["block"]["ComputeResources"]
    assert resource["MinCount"] == resource["MaxCount"] == 2


@pytest.mark.parametrize("instance", instances.INSTANCES, ids=lambda one: one.name)
def test_a_node_gets_what_its_type_has(instance: instances.Instance) -> None:
    one = deployment("parallelcluster", {"queues": (Queue(name="q", instance_type=instance.name, at_most=2),)})
    (queue,) = configuration(one.params, one.facts)["Scheduling"]["SlurmQueues"]
    (resource,) = queue["ComputeResources"]
    nvidia = instance.accelerator is not None and accelerators.accelerator(instance.accelerator).vendor == "NVIDIA"
    assert ("Efa" in resource) == (instance.efa_interfaces > 0) == queue["Networking"]["PlacementGroup"]["Enabled"]
    assert ("HealthChecks" in resource) == nvidia
    assert ("EphemeralVolume" in queue["ComputeSettings"]["LocalStorage"]) == (instance.nvme_gb > 0)
    assert re.fullmatch(r"[a-z][a-z0-9-]{0,24}", resource["Name"])


def test_health_checks_can_be_left_out() -> None:
    assert "HealthChecks" not in json.dumps(configured(health_checks=False))


def nodes(whole: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "head", whole["HeadNode"]
    yield from (("login", one) for one in whole["LoginNodes"]["Pools"])
    yield from (("queue", one) for one in whole["Scheduling"]["SlurmQueues"])


def test_every_node_is_private_and_reaches_what_it_needs() -> None:
    first = {"Fn::Select": [0, {"Fn::Split": [",", {"Fn::ImportValue": "seatrial-vpc-PrivateSubnets"}]}]}
    for kind, node in nodes(configured(**LARGE)):
        network = node["Networking"]
        assert network.get("SubnetId", network.get("SubnetIds")) in (first, [first])
        groups = [one["Fn::ImportValue"].rpartition("-")[2] for one in network["AdditionalSecurityGroups"]]
        wanted = ["SecurityGroup", "DirectoryClientSecurityGroup"]
        assert groups == [*wanted, *(["DatabaseClientSecurityGroup"] if kind == "head" else [])]
        assert not {"ElasticIp", "AssignPublicIp", "SecurityGroups"} & {*network}


def test_nobody_comes_in_from_outside() -> None:
    whole = configured(**LARGE)
    assert whole["Imds"] == {"ImdsSupport": "v2.0"}
    assert whole["HeadNode"]["Ssh"] == {"AllowedIps": {"Fn::ImportValue": "seatrial-vpc-Cidr"}}
    assert whole["LoginNodes"]["Pools"][0]["Ssh"] == {"AllowedIps": {"Fn::ImportValue": "seatrial-vpc-Cidr"}}
    assert configured(key_pair="ours")["HeadNode"]["Ssh"]["KeyName"] == "ours"
    assert "0.0.0.0/0" not in json.dumps(whole)


def test_root_volumes_are_encrypted() -> None:
    for kind, node in nodes(configured(**LARGE)):
        if kind != "login":  # ParallelCluster has no such setting there, and encrypts them
            volume = (node["LocalStorage"] if kind == "head" else node["ComputeSettings"]["LocalStorage"])["RootVolume"]
            assert (volume["Encrypted"], volume["VolumeType"]) == (True, "gp3")


def test_nodes_have_policies_that_the_provider_may_attach() -> None:
    """https://github.com/aws/aws-parallelcluster/blob/develop/cloudformation/policies/parallelcluster-policies.yaml"""
    resources = body(deployment("parallelcluster", LARGE))["Resources"]
    assert resources["NodePolicy"]["Properties"]["Path"] == "/parallelcluster/"
    session = "arn:${AWS::Partition}:iam::aws:policy/AmazonSSMManagedInstanceCore"
    for _, node in nodes(configured(**LARGE)):
        policies = [one["Policy"] for one in node["Iam"]["AdditionalIamPolicies"]]
        assert policies == [{"Fn::Sub": session}, {"Ref": "NodePolicy"}]
        assert "S3Access" not in node["Iam"]  # it would allow s3:*
    assert "NodePolicy" not in body(deployment("parallelcluster", shapes("parallelcluster")["bare"]))["Resources"]


def test_no_node_can_change_what_root_runs_on_the_others() -> None:
    policy = body(deployment("parallelcluster"))["Resources"]["NodePolicy"]["Properties"]["PolicyDocument"]
    (denied,) = [one for one in policy["Statement"] if one["Effect"] == "Deny"]
    (script,) = [name for name in deployment("parallelcluster").render().files if name.startswith("bucket/")]
    assert denied["Resource"]["Fn::Join"][1][1] == f"/{script.removeprefix('bucket/')}"
    assert {"s3:PutObject", "s3:DeleteObject"} == {*denied["Action"]}


def test_accounting_and_the_directory_are_wired_in() -> None:
    whole = configured(**LARGE)
    settings = whole["Scheduling"]["SlurmSettings"]
    assert {"AccountingStorageTRES": "gres/gpu"} in settings["CustomSlurmSettings"]
    wired = re.findall(r"seatrial-(?:accounting-db|directory)-(\w+)", json.dumps([settings, whole["DirectoryService"]]))
    assert sorted(wired) == [
        *("DatabaseHost", "DatabasePort", "DatabaseSecretArn", "DatabaseUser"),
        *("DirectoryDomain", "DirectoryPasswordSecretArn", "DirectoryReadOnlyUser", "DirectoryUri"),
    ]
    assert whole["DirectoryService"]["LdapTlsReqCert"] == "hard"
    for _, node in nodes(whole):
        (run,) = node["CustomActions"]["OnNodeStart"]["Sequence"]
        assert run["Args"][0] == "certificate"
        assert run["Args"][-1] == whole["DirectoryService"]["LdapTlsCaCert"]
    bare = configured(**shapes("parallelcluster")["bare"])
    assert "DirectoryService" not in bare and "Database" not in bare["Scheduling"]["SlurmSettings"]


def test_containers_are_unpacked_on_local_disks_before_slurm_starts() -> None:
    found = queues(*VALUES["queues"][0], Queue(name="cpu", instance_type="m5.8xlarge", at_most=1))
    args = {name: one["CustomActions"]["OnNodeConfigured"]["Sequence"] for name, one in found.items()}
    assert [[run["Args"] for run in runs] for runs in args.values()] == [
        [["enroot", "/scratch/enroot"]],
        [["enroot", "/var/enroot"]],
    ]
    head = configured()["HeadNode"]["CustomActions"]["OnNodeConfigured"]["Sequence"]
    assert [run["Args"] for run in head] == [["enroot", "/var/enroot"], ["pyxis"]]
    assert "CustomActions" not in json.dumps(configured(containers=False))


def test_every_script_is_the_one_in_the_plan() -> None:
    plan = deployment("parallelcluster", LARGE).render()
    (path,) = [name for name in plan.files if name.endswith(".sh")]
    scripts = {*re.findall(r"Script: (\S+)", plan.files["cluster.yaml"])}
    assert scripts == {f"s3://<seatrial-s3-Bucket>/{path.removeprefix('bucket/')}"}


def test_what_is_there_already_stands_in_the_file_for_people() -> None:
    params = {"bucket": "s3", "storage.lustre_id": "fs-0123456789abcdef0", "storage.lustre_mount_name": "fsx"}
    one = deployment("parallelcluster", params)
    whole = yaml.safe_load(one.render().files["cluster.yaml"])
    assert whole["SharedStorage"][0]["FsxLustreSettings"]["FileSystemId"] == "fs-0123456789abcdef0"
    assert whole["SharedStorage"][1]["FsxOpenZfsSettings"]["VolumeId"] == "<seatrial-storage-HomeVolumeId>"
    assert whole["HeadNode"]["Networking"]["SubnetId"] == "<first of seatrial-vpc-PrivateSubnets>"


@pytest.mark.parametrize(("region", "partition"), [("us-west-2", "aws"), ("cn-north-1", "aws-cn")])
def test_the_file_for_people_is_the_template_filled_in(region: str, partition: str) -> None:
    one = deployment("parallelcluster", LARGE, region)
    known = {f"{need.stack}-{name}": f"{name}-value,other" for need in one.needs.values() for name in OUTPUTS}
    whole = literal(configuration(one.params, one.facts), one.params.region, known)
    assert "Fn::" not in json.dumps(whole)
    assert whole["HeadNode"]["Networking"]["SubnetId"] == "PrivateSubnets-value"
    policy = whole["HeadNode"]["Iam"]["AdditionalIamPolicies"][0]["Policy"]
    assert policy == f"arn:{partition}:iam::aws:policy/AmazonSSMManagedInstanceCore"


OUTPUTS = ("PrivateSubnets", "SecurityGroup", "LustreId")


def test_the_cluster_and_its_stack_have_different_names() -> None:
    one = deployment("parallelcluster")
    assert body(one)["Resources"]["Cluster"]["Properties"]["ClusterName"] == one.name != one.stack
