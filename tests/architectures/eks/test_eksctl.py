"""eksctl's file is one that eksctl takes, and makes what the template makes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from seatrial.architectures import Deployment, parsed
from seatrial.architectures._literal import literal
from seatrial.architectures.eks.eksctl import variable
from tests.architectures.deployments import body, deployment, shapes
from tests.architectures.eks.eksctl_schema import SCHEMA
from tests.architectures.shapes.eks import BOUGHT, VALUES, group
from tests.architectures.shapes.vpc import EXISTING

DIFFERENT = ("p4d.24xlarge", "p6-b300.48xlarge", "p6e-gb200.36xlarge", "trn2.48xlarge", "m5.8xlarge", "c6in.32xlarge")
CHOICES = [
    *shapes("eks").values(),
    *({"groups": (group(name),)} for name in DIFFERENT),
    *({"groups": (one,)} for one in BOUGHT),
    {"version": "1.34", "storage": "storage", "bucket": None, "allowed_addresses": VALUES["allowed_addresses"][1]},
    {f"network.{name}": value for name, value in EXISTING.items()},
]
EFFECTS = {"NO_SCHEDULE": "NoSchedule"}


def written(one: Deployment) -> dict[str, Any]:
    return parsed(one.render().files["eksctl.yaml"])


def gap(name: str, place: int | None) -> str:
    return f"${{{variable(name, place)}}}"


def templated(one: Deployment) -> dict[str, dict[str, Any]]:
    """Logical id -> properties, with what comes from other stacks as in the file."""
    resources = literal(body(one)["Resources"], one.params.region, {}, gap)
    return {name: {"Type": each["Type"], **each.get("Properties", {})} for name, each in resources.items()}


def of(resources: dict[str, dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [one for one in resources.values() if one["Type"] == f"AWS::EKS::{kind}"]


def rights(resources: dict[str, dict[str, Any]], role: Any) -> tuple[list[str], list[Any]]:
    """AWS's own policies, and statements of ours, of a role that a template names."""
    one = resources[role["Fn::GetAtt"][0]]
    return one.get("ManagedPolicyArns", []), [
        statement for policy in one.get("Policies", []) for statement in policy["PolicyDocument"]["Statement"]
    ]


@pytest.mark.parametrize("params", CHOICES, ids=map(str, range(len(CHOICES))))
def test_it_is_taken_and_makes_the_same(params: dict[str, Any]) -> None:
    one = deployment("eks", params)
    file, resources = written(one), templated(one)
    jsonschema.validate(file, SCHEMA)
    cluster(file, resources)
    access(file, resources)
    addons(file, resources)
    nodes(file, resources)


def cluster(file: dict[str, Any], resources: dict[str, dict[str, Any]]) -> None:
    made, network = resources["Cluster"], resources["Cluster"]["ResourcesVpcConfig"]
    assert (file["metadata"]["name"], file["metadata"]["version"]) == (made["Name"], made["Version"])
    assert file["upgradePolicy"]["supportType"] == made["UpgradePolicy"]["SupportType"]
    assert file["kubernetesNetworkConfig"]["serviceIPv4CIDR"] == made["KubernetesNetworkConfig"]["ServiceIpv4Cidr"]
    assert file["vpc"]["clusterEndpoints"] == {
        "privateAccess": network["EndpointPrivateAccess"],
        "publicAccess": network["EndpointPublicAccess"],
    }
    assert file["vpc"].get("publicAccessCIDRs") == network.get("PublicAccessCidrs")
    assert file["addonsConfig"]["disableDefaultAddons"] is not made["BootstrapSelfManagedAddons"]
    logging = file["cloudWatch"]["clusterLogging"]
    assert logging["enableTypes"] == [one["Type"] for one in made["Logging"]["ClusterLogging"]["EnabledTypes"]]
    assert logging["logRetentionInDays"] == resources["LogGroup"]["RetentionInDays"]


def access(file: dict[str, Any], resources: dict[str, dict[str, Any]]) -> None:
    config, made = file["accessConfig"], resources["Cluster"]["AccessConfig"]
    assert config["authenticationMode"] == made["AuthenticationMode"]
    assert config["bootstrapClusterCreatorAdminPermissions"] == made["BootstrapClusterCreatorAdminPermissions"]
    theirs = {
        entry["PrincipalArn"]: [(one["PolicyArn"], one["AccessScope"]["Type"]) for one in entry["AccessPolicies"]]
        for entry in of(resources, "AccessEntry")
    }
    assert theirs == {
        entry["principalARN"]: [(one["policyARN"], one["accessScope"]["type"]) for one in entry["accessPolicies"]]
        for entry in config["accessEntries"]
    }
    jobs = {
        (one["Namespace"], one["ServiceAccount"]): rights(resources, one["RoleArn"])
        for one in of(resources, "PodIdentityAssociation")
    }
    assert jobs == {
        (one["namespace"], one["serviceAccountName"]): asked(one) for one in file["iam"]["podIdentityAssociations"]
    }


def asked(identity: dict[str, Any]) -> tuple[list[str], list[Any]]:
    """The same of a role that eksctl makes."""
    return identity.get("permissionPolicyARNs", []), identity.get("permissionPolicy", {}).get("Statement", [])


def addons(file: dict[str, Any], resources: dict[str, dict[str, Any]]) -> None:
    theirs = {
        one["AddonName"]: (
            one["AddonVersion"],
            one["ResolveConflicts"].lower(),
            one.get("ConfigurationValues"),
            {
                each["ServiceAccount"]: rights(resources, each["RoleArn"])
                for each in one.get("PodIdentityAssociations", [])
            },
        )
        for one in of(resources, "Addon")
    }
    assert theirs == {
        one["name"]: (
            one["version"],
            one["resolveConflicts"],
            one.get("configurationValues"),
            {each["serviceAccountName"]: asked(each) for each in one.get("podIdentityAssociations", [])},
        )
        for one in file["addons"]
    }


def nodes(file: dict[str, Any], resources: dict[str, dict[str, Any]]) -> None:
    theirs = {one["Labels"]["seatrial.io/group"]: one for one in of(resources, "Nodegroup")}
    assert {*theirs} == {one["name"] for one in file["managedNodeGroups"]}
    for mine in file["managedNodeGroups"]:
        made = theirs[mine["name"]]
        data = resources[made["LaunchTemplate"]["Id"].strip("${}")]["LaunchTemplateData"]
        assert (mine["minSize"], mine["desiredCapacity"], mine["maxSize"]) == tuple(
            made["ScalingConfig"][key] for key in ("MinSize", "DesiredSize", "MaxSize")
        )
        assert [mine["instanceType"]] == made["InstanceTypes"]
        assert (mine["labels"], mine["nodeRepairConfig"]["enabled"]) == (
            made["Labels"],
            made["NodeRepairConfig"]["Enabled"],
        )
        assert mine.get("taints", []) == [
            {"key": one["Key"], "value": one["Value"], "effect": EFFECTS[one["Effect"]]}
            for one in made.get("Taints", [])
        ]
        bought(mine, made, data)
        started(mine, made, data)
        placed(mine, made, file)
        assert (mine["iam"]["attachPolicyARNs"], mine["iam"]["attachPolicy"]["Statement"]) == rights(
            resources, made["NodeRole"]
        )


def bought(mine: dict[str, Any], made: dict[str, Any], data: dict[str, Any]) -> None:
    target = mine.get("capacityReservation", {}).get("capacityReservationTarget", {})
    theirs = data.get("CapacityReservationSpecification", {}).get("CapacityReservationTarget", {})
    assert {key.lower(): value for key, value in target.items()} == {
        key.lower(): value for key, value in theirs.items()
    }
    block = mine.get("instanceMarketOptions") == {"marketType": "capacity-block"}
    assert block == ("InstanceMarketOptions" in data)
    kind = "CAPACITY_BLOCK" if block else "SPOT" if mine.get("spot") else "ON_DEMAND"
    assert made["CapacityType"] == kind


def started(mine: dict[str, Any], made: dict[str, Any], data: dict[str, Any]) -> None:
    (disk,) = data["BlockDeviceMappings"]
    assert (mine["volumeSize"], mine["volumeType"], mine["volumeEncrypted"]) == (
        disk["Ebs"]["VolumeSize"],
        disk["Ebs"]["VolumeType"],
        disk["Ebs"]["Encrypted"],
    )
    assert mine["disableIMDSv1"] and data["MetadataOptions"]["HttpTokens"] == "required"
    assert mine["disablePodIMDS"] and data["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
    # eksctl chooses EKS's AMI by the type, as is the template's.
    assert mine["amiFamily"] == "AmazonLinux2023"
    assert made.get("AmiType", "AL2023").startswith("AL2023")
    assert mine.get("ami") == data.get("ImageId")
    assert mine.get("efaEnabled", False) == any(
        one["InterfaceType"].startswith("efa") for one in data.get("NetworkInterfaces", [])
    )
    text = str(data.get("UserData", ""))
    assert ("RAID0" in mine.get("overrideBootstrapCommand", "")) == ("RAID0" in text)


def placed(mine: dict[str, Any], made: dict[str, Any], file: dict[str, Any]) -> None:
    subnets = file["vpc"]["subnets"]["private"]
    if isinstance(made["Subnets"], list):
        assert mine["subnets"] == [next(iter(subnets))]
    else:
        assert mine["subnets"] == [*subnets]


def test_what_is_there_already_is_named() -> None:
    known = deployment("eks", {f"network.{name}": value for name, value in EXISTING.items()})
    vpc = written(known)["vpc"]
    assert vpc["id"] == EXISTING["vpc_id"]
    assert [one["id"] for one in vpc["subnets"]["private"].values()] == [*EXISTING["private_subnets"]]
    assert "seatrial-vpc-VpcId" not in known.render().files["eksctl.sh"]


@pytest.fixture
def made(tmp_path: Path) -> Callable[[Deployment, dict[str, str]], subprocess.CompletedProcess[str]]:
    """Runs the script of a deployment, where AWS exports this and eksctl prints what it gets."""

    def run(one: Deployment, exports: dict[str, str]) -> subprocess.CompletedProcess[str]:
        one.render().write(tmp_path / "plan")
        cases = "".join(f"*\"'{name}'\"*) printf '\\n{value}\\n' ;;\n" for name, value in exports.items())
        programs = {
            "aws": f'case "$*" in\n*get-caller-identity*) echo 123456789012 ;;\n{cases}esac\n',
            "eksctl": 'echo "$*" >&2; cat\n',
        }
        for name, code in programs.items():
            (tmp_path / name).write_text(f"#!/bin/bash\n{code}")
            (tmp_path / name).chmod(0o755)
        path = f"{tmp_path}:{os.environ['PATH']}"
        script = tmp_path / "plan" / "eksctl.sh"
        return subprocess.run(["bash", script], env={"PATH": path}, capture_output=True, text=True, check=False)

    return run


def test_the_script_fills_in_what_other_stacks_export(made) -> None:
    one = deployment("eks", {"storage": "storage"})
    names = {one["Export"]["Name"] for need in one.needs.values() for one in body(need)["Outputs"].values()}
    exports = {name: f"{name}-a,{name}-b" if name.endswith("Subnets") else f"arn:aws:x/{name}" for name in names}
    done = made(one, exports)
    assert (done.returncode, done.stderr) == (0, "create cluster -f -\n")
    filled = parsed(done.stdout)
    assert "$" not in done.stdout.split("\n", 1)[1]
    assert [part["id"] for part in filled["vpc"]["subnets"]["private"].values()] == [
        "seatrial-vpc-PrivateSubnets-a",
        "seatrial-vpc-PrivateSubnets-b",
    ]
    assert filled["vpc"]["id"] == "arn:aws:x/seatrial-vpc-VpcId"
    assert ":123456789012:file-system/arn:aws:x/seatrial-storage-LustreId" in done.stdout


def test_the_script_refuses_where_a_stack_is_missing(made) -> None:
    done = made(deployment("eks"), {"seatrial-s3-BucketArn": "arn:aws:s3:::mine"})
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == "nothing exports seatrial-vpc-VpcId: deploy its stack first\n"
