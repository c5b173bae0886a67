"""What an EKS cluster is made of: versions, access, node groups with their launch templates, rights."""

from __future__ import annotations

import email
import itertools
import json
from datetime import date
from functools import cache
from typing import Any, get_args

import pytest
import yaml
from botocore.session import Session
from moto.ec2.models.instance_types import INSTANCE_TYPES

from seatrial.architectures.eks import Version
from seatrial.hardware import accelerators, instances
from seatrial.launchers.kubernetes.checks import VERSIONS
from seatrial.versions.eks import RELEASES
from tests.architectures.deployments import body, deployment
from tests.architectures.shapes.batch import BLOCK, GROUP, RESERVATION
from tests.architectures.shapes.eks import ADMINISTRATOR, AMI, group
from tests.architectures.shapes.vpc import EXISTING

by_name = pytest.mark.parametrize("instance", instances.INSTANCES, ids=[one.name for one in instances.INSTANCES])
GROUPS = [{"Fn::GetAtt": ["Cluster", "ClusterSecurityGroupId"]}, {"Fn::ImportValue": "seatrial-vpc-SecurityGroup"}]
NODES = ("SystemNodes", "GroupGpuNodes")


def whole(**params: Any) -> dict[str, Any]:
    """Logical id -> resource."""
    one = deployment("eks", params)
    assert one.problems() == []
    found: dict[str, Any] = body(one)["Resources"]
    return found


def made(**params: Any) -> dict[str, Any]:
    """Logical id -> properties."""
    return {name: resource.get("Properties", {}) for name, resource in whole(**params).items()}


def grouped(instance_type: str = "p5.48xlarge", **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A group, and what its launch template says."""
    found = made(groups=(group(instance_type, **more),))
    return found["GroupGpuNodes"], found["GroupGpuLaunch"]["LaunchTemplateData"]


@cache
def of_type(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The same of a type, which several tests look at."""
    return grouped(name)


def node_config(data: dict[str, Any]) -> dict[str, Any]:
    """What a node is told when it starts: EKS takes user data in parts alone, of which this is one."""
    text = data["UserData"]["Fn::Base64"]
    message = email.message_from_string(text["Fn::Sub"] if isinstance(text, dict) else text)
    parts, part = message.walk()
    assert (parts.get_content_type(), part.get_content_type()) == ("multipart/mixed", "application/node.eks.aws")
    assert not message.defects
    found: dict[str, Any] = yaml.safe_load(str(part.get_payload()))
    assert (found["apiVersion"], found["kind"]) == ("node.eks.aws/v1alpha1", "NodeConfig")
    return found["spec"]  # type: ignore[no-any-return]


def test_each_version_has_every_add_on_and_the_newest_is_the_default() -> None:
    assert {*RELEASES} == {*get_args(Version)}
    assert deployment("eks").params.version == max(RELEASES)
    names = {*next(iter(RELEASES.values())).addons}
    for version, release in RELEASES.items():
        assert {*release.addons} == names
        assert release.addons["kube-proxy"].startswith(f"v{version}.")
        assert date(2026, 1, 1) < release.standard < release.extended
        # Its launcher's check warns of others.
        assert VERSIONS[0] <= tuple(map(int, version.split("."))) <= VERSIONS[1]


@pytest.mark.parametrize("version", RELEASES)
def test_cluster_nodes_and_add_ons_have_versions_that_fit(version: str) -> None:
    found = whole(version=version, storage="storage")
    kinds = {name: one["Type"].rpartition("::")[2] for name, one in found.items()}
    assert found["Cluster"]["Properties"]["Version"] == version
    assert {found[name]["Properties"]["Version"] for name in kinds if kinds[name] == "Nodegroup"} == {version}
    addons = [found[name]["Properties"] for name in kinds if kinds[name] == "Addon"]
    assert {one["AddonName"]: one["AddonVersion"] for one in addons} == RELEASES[version].addons


def test_add_ons_that_nothing_needs_are_not_there() -> None:
    names = {one["AddonName"] for one in made(repair=False).values() if "AddonName" in one}
    assert names == {"eks-pod-identity-agent", "vpc-cni", "kube-proxy", "coredns"}


def test_nodes_come_after_what_makes_them_ready_and_before_what_needs_them() -> None:
    found = whole(storage="storage")
    for name in NODES:
        assert found[name]["DependsOn"] == ["AddonEksPodIdentityAgent", "AddonVpcCni", "AddonKubeProxy"]
    for name in ("AddonCoredns", "AddonEksNodeMonitoringAgent", "AddonAwsFsxCsiDriver"):
        assert found[name]["DependsOn"] == ["SystemNodes"]
    # Else EKS itself makes the log group, which then keeps everything.
    assert found["Cluster"]["DependsOn"] == ["LogGroup"]
    assert found["LogGroup"]["Properties"]["LogGroupName"] == "/aws/eks/seatrial-eks/cluster"


def test_the_api_server_is_closed_unless_addresses_are_named() -> None:
    network = made()["Cluster"]["ResourcesVpcConfig"]
    assert (network["EndpointPrivateAccess"], network["EndpointPublicAccess"]) == (True, False)
    assert "PublicAccessCidrs" not in network
    network = made(allowed_addresses=("203.0.113.0/24",))["Cluster"]["ResourcesVpcConfig"]
    assert (network["EndpointPrivateAccess"], network["EndpointPublicAccess"]) == (True, True)
    assert network["PublicAccessCidrs"] == ["203.0.113.0/24"]


def test_access_is_by_iam_alone() -> None:
    others = ("arn:aws:iam::123456789012:user/me", ADMINISTRATOR)
    found, both = made(administrators=(ADMINISTRATOR,)), made(administrators=others)
    assert found["Cluster"]["AccessConfig"]["AuthenticationMode"] == "API"
    ((name, entry),) = ((name, one) for name, one in found.items() if name.startswith("Administrator"))
    assert both[name] == entry, "another one changes nothing of it"
    assert sum(one.startswith("Administrator") for one in both) == 2
    assert entry["PrincipalArn"] == ADMINISTRATOR
    (everything,) = entry["AccessPolicies"]
    assert everything["AccessScope"] == {"Type": "cluster"}
    assert everything["PolicyArn"]["Fn::Sub"].endswith("cluster-access-policy/AmazonEKSClusterAdminPolicy")


@pytest.mark.parametrize(("cidr", "services"), [("172.31.0.0/16", "172.20.0.0/16"), ("172.20.0.0/16", "10.100.0.0/16")])
def test_addresses_of_services_are_none_of_the_vpc(cidr: str, services: str) -> None:
    network = {f"network.{name}": value for name, value in {**EXISTING, "cidr": cidr}.items()}
    assert made(**network)["Cluster"]["KubernetesNetworkConfig"]["ServiceIpv4Cidr"] == services


@by_name
def test_a_node_has_as_many_efa_interfaces_as_its_type_takes(instance: instances.Instance) -> None:
    _, data = of_type(instance.name)
    found = data.get("NetworkInterfaces", [])
    assert sum(one["InterfaceType"] in ("efa", "efa-only") for one in found) == instance.efa_interfaces
    # Groups stand with the interfaces, or alone: EC2 refuses both.
    assert [one["Groups"] for one in found] == [GROUPS] * len(found)
    assert data.get("SecurityGroupIds") == (None if found else GROUPS)
    assert all("SubnetId" not in one for one in found)  # EKS refuses it


@by_name
def test_the_first_card_has_a_place_for_the_interface_that_the_cni_adds(instance: instances.Instance) -> None:
    described = INSTANCE_TYPES.get(instance.name)
    if described is None:
        pytest.skip("moto has no record of the type")
    (card, *_) = described["NetworkInfo"].get("NetworkCards") or [described["NetworkInfo"]]
    found = of_type(instance.name)[1].get("NetworkInterfaces", [{"NetworkCardIndex": 0}])
    assert sum(one["NetworkCardIndex"] == 0 for one in found) + 1 <= card["MaximumNetworkInterfaces"]


@by_name
def test_a_node_starts_from_an_ami_for_it_with_its_disks_as_one(instance: instances.Instance) -> None:
    nodes, data = of_type(instance.name)
    known = Session().get_service_model("eks").shape_for("AMITypes").enum
    assert nodes["AmiType"] in known
    vendor = accelerators.accelerator(instance.accelerator).vendor if instance.accelerator else None
    processor = "ARM_64" if instance.architecture == "arm64" else "x86_64"
    assert nodes["AmiType"] == f"AL2023_{processor}_{ {'NVIDIA': 'NVIDIA', 'AWS': 'NEURON', None: 'STANDARD'}[vendor] }"
    assert nodes["InstanceTypes"] == [instance.name] and "InstanceType" not in data  # EKS refuses both
    assert ("UserData" in data) == (instance.nvme_gb > 0)
    if instance.nvme_gb:
        assert node_config(data) == {"instance": {"localStorage": {"strategy": "RAID0"}}}


@pytest.mark.parametrize(
    ("instance_type", "key"),
    [("p5.48xlarge", "nvidia.com/gpu"), ("trn2.48xlarge", "aws.amazon.com/neuron"), ("m5.8xlarge", None)],
)
def test_only_what_asks_for_accelerators_lands_on_them(instance_type: str, key: str | None) -> None:
    nodes, _ = grouped(instance_type)
    taints = [{"Key": key, "Value": "true", "Effect": "NO_SCHEDULE"}] if key else None
    assert nodes.get("Taints") == taints
    assert nodes["Labels"] == {"seatrial.io/group": "gpu"}


def test_a_custom_ami_is_told_what_eks_tells_its_own() -> None:
    nodes, data = grouped(custom_ami=AMI)
    assert data["ImageId"] == AMI
    # EKS refuses both with an AMI of the launch template.
    assert "AmiType" not in nodes and "Version" not in nodes
    spec = node_config(data)
    assert spec["cluster"] == {
        "name": "${Cluster}",
        "apiServerEndpoint": "${Cluster.Endpoint}",
        "certificateAuthority": "${Cluster.CertificateAuthorityData}",
        "cidr": "172.20.0.0/16",
    }
    assert spec["kubelet"]["flags"] == [
        "--node-labels=seatrial.io/group=gpu",
        "--register-with-taints=nvidia.com/gpu=true:NoSchedule",
    ]
    assert spec["instance"] == {"localStorage": {"strategy": "RAID0"}}


@pytest.mark.parametrize(
    ("bought", "kind", "target", "market", "placed"),
    [
        ({}, "ON_DEMAND", None, None, True),
        ({"capacity": "spot"}, "SPOT", None, None, True),
        (
            {"capacity": "reservation", "reservation": RESERVATION},
            "ON_DEMAND",
            {"CapacityReservationId": RESERVATION},
            None,
            False,
        ),
        (
            {"capacity": "reservation", "reservation": GROUP},
            "ON_DEMAND",
            {"CapacityReservationResourceGroupArn": GROUP},
            None,
            False,
        ),
        (
            {"capacity": "capacity-block", "reservation": BLOCK},
            "CAPACITY_BLOCK",
            {"CapacityReservationId": BLOCK},
            {"MarketType": "capacity-block"},
            False,
        ),
    ],
)
def test_capacity_reservation_and_placement_go_together(
    bought: dict[str, Any], kind: str, target: Any, market: Any, placed: bool
) -> None:
    nodes, data = grouped(**bought)
    assert nodes["CapacityType"] == kind
    specification = {"CapacityReservationTarget": target} if target else None
    assert (data.get("CapacityReservationSpecification"), data.get("InstanceMarketOptions")) == (specification, market)
    placement = {"GroupName": {"Ref": "GroupGpuPlacement"}} if placed else None
    assert data.get("Placement") == placement
    assert ("GroupGpuPlacement" in made(groups=(group("p5.48xlarge", **bought),))) == placed
    assert "GroupGpuPlacement" not in made(groups=(group("m5.8xlarge"),))


def test_groups_are_in_the_first_zone_and_the_system_in_all() -> None:
    found = made()
    listed = {"Fn::Split": [",", {"Fn::ImportValue": "seatrial-vpc-PrivateSubnets"}]}
    assert found["GroupGpuNodes"]["Subnets"] == [{"Fn::Select": [0, listed]}]
    assert found["SystemNodes"]["Subnets"] == found["Cluster"]["ResourcesVpcConfig"]["SubnetIds"] == listed


def test_sizes_and_repair() -> None:
    found = made(groups=(group("g5.8xlarge", at_least=1),), system_nodes=3, repair=False)
    assert found["GroupGpuNodes"]["ScalingConfig"] == {"MinSize": 1, "DesiredSize": 1, "MaxSize": 4}
    assert found["SystemNodes"]["ScalingConfig"] == {"MinSize": 3, "DesiredSize": 3, "MaxSize": 3}
    assert [found[name]["NodeRepairConfig"] for name in NODES] == [{"Enabled": False}] * 2
    assert [made()[name]["NodeRepairConfig"] for name in NODES] == [{"Enabled": True}] * 2


def test_nodes_can_take_each_others_place() -> None:
    """A name of its own would be taken: CloudFormation makes the new one first."""
    assert all("NodegroupName" not in made()[name] for name in NODES)


def test_nodes_are_closed_and_their_disks_encrypted() -> None:
    for name in ("SystemLaunch", "GroupGpuLaunch"):
        data = made()[name]["LaunchTemplateData"]
        assert data["MetadataOptions"] == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}
        (disk,) = data["BlockDeviceMappings"]
        assert disk["Ebs"]["Encrypted"] is True
        assert "KeyName" not in data and "IamInstanceProfile" not in data


def test_the_agent_sees_gpus_on_tainted_nodes_and_the_network_takes_few_addresses() -> None:
    found = made()
    (toleration,) = json.loads(found["AddonEksNodeMonitoringAgent"]["ConfigurationValues"])["dcgmAgent"]["tolerations"]
    assert toleration == {"key": found["GroupGpuNodes"]["Taints"][0]["Key"], "operator": "Exists"}
    assert json.loads(found["AddonVpcCni"]["ConfigurationValues"])["env"] == {
        "MINIMUM_IP_TARGET": "10",
        "WARM_IP_TARGET": "2",
    }


def _allowed(role: dict[str, Any]) -> dict[str, Any]:
    statements = [one for policy in role.get("Policies", []) for one in policy["PolicyDocument"]["Statement"]]
    return {action: one["Resource"] for one in statements for action in one["Action"]}


def _managed(role: dict[str, Any]) -> list[str]:
    return [one["Fn::Sub"].rpartition("/")[2] for one in role.get("ManagedPolicyArns", [])]


def test_each_role_has_what_it_needs_and_nodes_nothing_of_the_network() -> None:
    found = made(storage="storage")
    roles = {name: found[name] for name in ("ClusterRole", "NodeRole", "CniRole", "FsxRole", "JobRole")}
    assert {name: _managed(role) for name, role in roles.items()} == {
        "ClusterRole": ["AmazonEKSClusterPolicy"],
        "NodeRole": ["AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"],
        "CniRole": ["AmazonEKS_CNI_Policy"],
        "FsxRole": [],
        "JobRole": [],
    }
    assert {*_allowed(roles["FsxRole"])} == {"fsx:DescribeFileSystems"}
    assert {action.partition(":")[0] for action in _allowed(roles["JobRole"])} == {"s3"}
    for name in ("CniRole", "FsxRole", "JobRole"):
        (trust,) = roles[name]["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": "pods.eks.amazonaws.com"}
        assert trust["Action"] == ["sts:AssumeRole", "sts:TagSession"]


def test_pods_have_the_role_that_is_theirs() -> None:
    found = made(storage="storage")
    identities = itertools.chain(*(one.get("PodIdentityAssociations", ()) for one in found.values()))
    named = {one["ServiceAccount"]: one["RoleArn"]["Fn::GetAtt"][0] for one in identities}
    assert named == {"aws-node": "CniRole", "fsx-csi-controller-sa": "FsxRole"}
    job = found["JobIdentity"]
    assert (job["Namespace"], job["ServiceAccount"]) == ("seatrial", "default")
    assert job["RoleArn"] == {"Fn::GetAtt": ["JobRole", "Arn"]}
    assert {"JobIdentity", "JobRole", "FsxRole"} & {*made(bucket=None)} == set()
