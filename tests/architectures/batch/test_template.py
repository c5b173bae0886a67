"""What a queue of Batch is made of: interfaces by instance type, capacity, AMI, rights."""

from __future__ import annotations

import json
from typing import Any

import pytest
from moto.ec2.models.instance_types import INSTANCE_TYPES

from seatrial.hardware import instances
from tests.architectures.deployments import body, deployment
from tests.architectures.shapes.batch import BLOCK, GROUP, PARAMETER, RESERVATION, SECRET

TYPES = [one for one in instances.INSTANCES if one.architecture == "x86_64"]
by_name = pytest.mark.parametrize("instance", TYPES, ids=[one.name for one in TYPES])
GROUP_OF_NODES = {"Fn::ImportValue": "seatrial-vpc-SecurityGroup"}
RESERVED = {"capacity": "reservation", "reservation": RESERVATION}
BOUGHT_AS_BLOCK = {"capacity": "capacity-block", "reservation": BLOCK}


def made(**params: Any) -> dict[str, Any]:
    """Logical id -> properties."""
    one = deployment("batch", params)
    assert one.problems() == []
    return {name: resource.get("Properties", {}) for name, resource in body(one)["Resources"].items()}


def launched(**params: Any) -> dict[str, Any]:
    found: dict[str, Any] = made(**params)["LaunchTemplate"]["LaunchTemplateData"]
    return found


def computed(**params: Any) -> dict[str, Any]:
    found: dict[str, Any] = made(**params)["Environment"]["ComputeResources"]
    return found


@by_name
def test_a_node_has_as_many_efa_interfaces_as_its_type_takes(instance: instances.Instance) -> None:
    found = launched(instance_type=instance.name).get("NetworkInterfaces", [])
    efa = [one for one in found if one["InterfaceType"] in ("efa", "efa-only")]
    assert len(efa) == instance.efa_interfaces
    if instance.efa_interfaces:
        # EFA alone is on no first interface: by that one the node has its address.
        first, *others = found
        assert (first["NetworkCardIndex"], first["DeviceIndex"]) == (0, 0)
        assert first["InterfaceType"] in ("efa", "interface")
        assert {one["InterfaceType"] for one in others} <= {"efa-only"}
        assert [one["NetworkCardIndex"] for one in found] == [*range(instance.network_cards or 1)]
        # Else they stay behind when the node ends, until the account may have no more.
        assert all(one["DeleteOnTermination"] for one in found)


@by_name
def test_the_first_card_has_a_place_for_the_container_of_a_job(instance: instances.Instance) -> None:
    """A multi-node job's has an interface of its own: https://docs.aws.amazon.com/batch/latest/userguide/mnp-ce.html"""
    described = INSTANCE_TYPES.get(instance.name)
    if described is None:
        pytest.skip("moto has no record of the type")
    (card, *_) = described["NetworkInfo"].get("NetworkCards") or [described["NetworkInfo"]]
    found = launched(instance_type=instance.name).get("NetworkInterfaces", [{"NetworkCardIndex": 0}])
    taken = sum(one["NetworkCardIndex"] == 0 for one in found)
    assert taken + 1 <= card["MaximumNetworkInterfaces"]


@by_name
def test_the_security_group_is_named_in_one_place(instance: instances.Instance) -> None:
    """Batch refuses it in both: https://github.com/aws/aws-cdk/issues/21577"""
    found = made(instance_type=instance.name)
    interfaces = found["LaunchTemplate"]["LaunchTemplateData"].get("NetworkInterfaces", [])
    assert all(one["Groups"] == [GROUP_OF_NODES] for one in interfaces)
    groups = found["Environment"]["ComputeResources"].get("SecurityGroupIds", [])
    assert groups == ([] if interfaces else [GROUP_OF_NODES])


def test_a_first_card_without_efa_has_none() -> None:
    found = launched(instance_type="p6-b300.48xlarge")["NetworkInterfaces"]
    assert [one["InterfaceType"] for one in found] == ["interface", *["efa-only"] * 16]
    assert [one["InterfaceType"] for one in launched(instance_type="p5.48xlarge")["NetworkInterfaces"]][:2] == [
        "efa",
        "efa-only",
    ]


@by_name
def test_there_is_room_for_the_nodes_and_no_more(instance: instances.Instance) -> None:
    found = computed(instance_type=instance.name, at_least=2, at_most=5)
    assert (found["MinvCpus"], found["MaxvCpus"]) == (2 * instance.vcpus, 5 * instance.vcpus)
    assert (found["InstanceTypes"], found["Type"]) == ([instance.name], "EC2")


@pytest.mark.parametrize(
    ("params", "placed"),
    [
        ({"instance_type": "p5.48xlarge"}, True),
        ({"instance_type": "p5.48xlarge", **RESERVED}, False),
        ({"instance_type": "p5.48xlarge", **BOUGHT_AS_BLOCK}, False),
        ({"instance_type": "m5.8xlarge"}, False),
    ],
)
def test_a_placement_group_is_made_where_it_is_used(params: dict[str, Any], placed: bool) -> None:
    found = made(**params)
    assert ("PlacementGroup" in found) == placed
    used = found["Environment"]["ComputeResources"].get("PlacementGroup")
    assert used == ({"Ref": "PlacementGroup"} if placed else None)
    assert "Placement" not in found["LaunchTemplate"]["LaunchTemplateData"]


@pytest.mark.parametrize(
    ("params", "target", "market"),
    [
        ({}, None, None),
        (RESERVED, {"CapacityReservationId": RESERVATION}, None),
        (RESERVED | {"reservation": GROUP}, {"CapacityReservationResourceGroupArn": GROUP}, None),
        (BOUGHT_AS_BLOCK, {"CapacityReservationId": BLOCK}, {"MarketType": "capacity-block"}),
    ],
)
def test_capacity_and_reservation_go_together(params: dict[str, Any], target: Any, market: Any) -> None:
    found = launched(instance_type="p5.48xlarge", **params)
    specification = {"CapacityReservationTarget": target} if target else None
    assert (found.get("CapacityReservationSpecification"), found.get("InstanceMarketOptions")) == (
        specification,
        market,
    )


@pytest.mark.parametrize(
    ("instance_type", "kind", "image"),
    [
        ("p5.48xlarge", "ECS_AL2023_NVIDIA", None),
        ("m5.8xlarge", "ECS_AL2023", None),
        ("trn1.32xlarge", "ECS_AL2023", "{{resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/neuron/"),
    ],
)
def test_nodes_start_from_an_ami_for_them(instance_type: str, kind: str, image: str | None) -> None:
    (found,) = computed(instance_type=instance_type)["Ec2Configuration"]
    assert found["ImageType"] == kind
    assert found.get("ImageIdOverride", "").startswith(image or "")
    assert ("ImageIdOverride" in found) == (image is not None)
    (own,) = computed(instance_type=instance_type, custom_ami="ami-0123456789abcdef0")["Ec2Configuration"]
    assert (own["ImageType"], own["ImageIdOverride"]) == (kind, "ami-0123456789abcdef0")


def test_the_environment_can_be_changed_in_place() -> None:
    """https://docs.aws.amazon.com/batch/latest/userguide/updating-compute-environments.html"""
    environment = made()["Environment"]
    assert environment["ReplaceComputeEnvironment"] is False and "ServiceRole" not in environment
    # By default Batch ends jobs after half an hour when their nodes are to be replaced.
    assert environment["UpdatePolicy"] == {"JobExecutionTimeoutMinutes": 7200, "TerminateJobsOnUpdate": False}
    resources = environment["ComputeResources"]
    assert resources["AllocationStrategy"] == "BEST_FIT_PROGRESSIVE"
    # "$Latest" would not tell CloudFormation that anything has changed.
    assert resources["LaunchTemplate"]["Version"] == {"Fn::GetAtt": ["LaunchTemplate", "LatestVersionNumber"]}


def test_nodes_are_closed_and_their_disks_encrypted() -> None:
    found = launched()
    assert found["MetadataOptions"] == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}
    (disk,) = found["BlockDeviceMappings"]
    assert disk["Ebs"]["Encrypted"] is True
    assert "KeyName" not in found and "UserData" not in found
    repository = made()["Repository"]
    assert repository["ImageTagMutability"] == "IMMUTABLE" and repository["ImageScanningConfiguration"]["ScanOnPush"]


def test_a_share_of_more_parts_weighs_less() -> None:
    found = made(shares={"research": 3, "product": 1})
    weights = found["Shares"]["FairsharePolicy"]["ShareDistribution"]
    assert {one["ShareIdentifier"]: one["WeightFactor"] for one in weights} == {"research": 0.3333, "product": 1.0}
    assert found["Queue"]["SchedulingPolicyArn"] == {"Ref": "Shares"}
    assert "SchedulingPolicyArn" not in made()["Queue"]


def _allowed(role: dict[str, Any]) -> dict[str, Any]:
    statements = [one for policy in role.get("Policies", []) for one in policy["PolicyDocument"]["Statement"]]
    return {action: one["Resource"] for one in statements for action in one["Action"]}


def test_jobs_reach_the_bucket_and_nothing_else() -> None:
    actions = {*_allowed(made()["JobRole"])}
    assert {"s3:GetObject", "s3:PutObject", "s3:ListBucket"} <= actions
    assert {action.partition(":")[0] for action in actions} == {"s3"}
    assert _allowed(made(bucket=None)["JobRole"]) == {}


def test_only_the_secrets_that_are_named_are_read_and_not_by_nodes() -> None:
    found = made(secrets={"HF_TOKEN": SECRET, "OTHER": PARAMETER})
    allowed = _allowed(found["ExecutionRole"])
    assert allowed["secretsmanager:GetSecretValue"] == [SECRET]
    assert allowed["ssm:GetParameters"] == [PARAMETER]
    assert SECRET not in json.dumps(found["InstanceRole"]) + json.dumps(found["JobRole"])
    assert {"secretsmanager:GetSecretValue", "ssm:GetParameters"} & {*_allowed(made()["ExecutionRole"])} == set()
