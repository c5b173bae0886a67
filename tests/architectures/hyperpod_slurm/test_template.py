"""The template of a HyperPod cluster, and what its nodes read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from seatrial.architectures._hyperpod import Group
from seatrial.architectures.hyperpod_slurm import User, provisioning
from seatrial.architectures.hyperpod_slurm.bundle import bundle, digest
from tests.architectures.deployments import body, deployment, shapes
from tests.architectures.shapes.hyperpod_slurm import AMI, KEY, PLANNED


def resources(**params: Any) -> dict[str, Any]:
    found: dict[str, Any] = body(deployment("hyperpod-slurm", params))["Resources"]
    return found


def groups(**params: Any) -> dict[str, dict[str, Any]]:
    listed = resources(**params)["Cluster"]["Properties"]["InstanceGroups"]
    return {group["InstanceGroupName"]: group for group in listed}


def files(**params: Any) -> dict[str, Any]:
    one = deployment("hyperpod-slurm", params)
    return {name: json.loads(text) for name, text in provisioning.files(one.params, one.facts).items()}


def test_names_of_groups_are_those_of_hyperpods_form() -> None:
    for params in shapes("hyperpod-slurm").values():
        form = files(**params)["provisioning_parameters.json"]
        workers = [group["instance_group_name"] for group in form["worker_groups"]]
        heads = [form[key] for key in ("controller_group", "login_group") if key in form]
        assert [*heads, *workers] == [*groups(**params)]


def test_hyperpods_form_has_its_own_keys_alone() -> None:
    """https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-ref.html"""
    form = files(login_nodes=1)["provisioning_parameters.json"]
    assert {*form} == {"version", "workload_manager", "controller_group", "login_group", "worker_groups"}
    assert (form["version"], form["workload_manager"]) == ("1.0.0", "slurm")
    assert form["worker_groups"] == [{"instance_group_name": "gpu", "partition_name": "gpu"}]
    assert "login_group" not in files()["provisioning_parameters.json"]


def test_what_nodes_do_follows_from_the_parameters() -> None:
    ann = User(name="ann", uid=10001, ssh_keys=(KEY,))
    more = {"slurm": {"KillOnBadExit": "1"}, "package": "seatrial==1.0", "health_checks": True, "containers": False}
    found = files(workers=PLANNED, users=(ann,), ssh_keys=(KEY,), **more)["seatrial.json"]
    assert found["partitions"] == [
        {"name": "gpu", "gpus": 8, "default": True},
        {"name": "cpu", "gpus": 0, "default": False},
    ]
    assert found["users"] == [{"name": "ann", "uid": 10001, "ssh_keys": [KEY]}]
    assert (found["default_user"], found["ssh_keys"]) == ("ubuntu", [KEY])
    assert {key: found[key] for key in more} == more
    assert (found["observability"], found["region"]) == (False, "us-west-2")


@pytest.mark.parametrize("shape", ["small", "large"])
def test_where_things_are_is_json_of_what_other_stacks_export(shape: str) -> None:
    made = resources(**shapes("hyperpod-slurm")[shape])
    text, values = made["Places"]["Properties"]["Value"]["Fn::Sub"]
    assert {*re.findall(r"\$\{(\w+)\}", text)} == {*values}
    exported = {name: value["Fn::ImportValue"].rpartition("-")[2] for name, value in values.items()}
    found = json.loads(re.sub(r"\$\{(\w+)\}", lambda match: exported[match[1]], text))
    assert found["lustre"] == {"dns_name": "LustreDnsName", "mount_name": "LustreMountName"}
    assert found["home"] == {"dns_name": "HomeDnsName"}
    assert ("accounting" in found) is ("directory" in found) is (shape == "large")
    if shape == "large":
        assert found["accounting"]["secret_arn"] == "DatabaseSecretArn"
        assert found["directory"]["certificate_parameter"] == "DirectoryCertificateParameter"


def test_nodes_read_the_parameter_that_their_settings_name() -> None:
    made = resources()
    name = made["Places"]["Properties"]["Name"]
    assert files()["seatrial.json"]["parameter"] == name == "/seatrial/hyperpod-slurm/places"
    assert any(str(one["Resource"]).endswith(f"parameter{name}'}}]") for one in allowed(made, "ssm:GetParameter"))
    assert made["Cluster"]["DependsOn"] == "Places"


def test_a_change_of_what_nodes_run_is_a_change_of_the_template() -> None:
    one, other = (deployment("hyperpod-slurm", params) for params in ({}, {"slurm": {"KillOnBadExit": "1"}}))
    names = [digest(bundle(each.params, each.facts)) for each in (one, other)]
    assert len({*names}) == 2 and all(re.fullmatch("[0-9a-f]{16}", name) for name in names)
    for each, name in zip((one, other), names, strict=True):
        published = [path for path in each.render().files if path.startswith("bucket/")]
        assert {path.rpartition("/")[0] for path in published if path.count("/") == 4} == {
            f"bucket/seatrial/lifecycle/{name}"
        }
        assert all(path.startswith(f"bucket/seatrial/lifecycle/{name}/") for path in published)
        sources = {
            group["LifeCycleConfig"]["SourceS3Uri"]["Fn::Sub"][0]
            for group in body(each)["Resources"]["Cluster"]["Properties"]["InstanceGroups"]
        }
        assert sources == {f"s3://${{Bucket}}/seatrial/lifecycle/{name}"}


def test_a_group_is_what_its_parameters_say() -> None:
    found = groups(workers=PLANNED)
    gpu, cpu = found["gpu"], found["cpu"]
    assert (gpu["InstanceType"], gpu["InstanceCount"], gpu["ThreadsPerCore"]) == ("ml.p5.48xlarge", 16, 1)
    assert gpu["TrainingPlanArn"] == PLANNED[0].training_plan
    assert gpu["OnStartDeepHealthChecks"] == ["InstanceStress", "InstanceConnectivity"]
    assert cpu["InstanceStorageConfigs"] == [{"EbsVolumeConfig": {"VolumeSizeInGB": 1000}}]
    assert cpu["ThreadsPerCore"] == 2
    assert {"TrainingPlanArn", "OnStartDeepHealthChecks", "ImageId"}.isdisjoint(cpu)
    trainium = Group(name="trn", instance_type="trn1.32xlarge", count=1, custom_ami=AMI)
    assert groups(workers=(trainium,))["trn"]["ImageId"] == AMI


def allowed(made: dict[str, Any], action: str, role: str = "NodeRole") -> Iterator[dict[str, Any]]:
    for policy in made[role]["Properties"]["Policies"]:
        for one in policy["PolicyDocument"]["Statement"]:
            if one["Effect"] == "Allow" and action in one["Action"]:
                yield one


def test_only_the_controller_knows_and_reaches_the_database() -> None:
    made = resources(accounting="accounting-db", login_nodes=1)
    secret = {"Fn::ImportValue": "seatrial-accounting-db-DatabaseSecretArn"}
    read = "secretsmanager:GetSecretValue"
    assert [one["Resource"] for one in allowed(made, read, "ControllerRole")] == [secret]
    assert [*allowed(made, read)] == []
    client = {"Fn::ImportValue": "seatrial-accounting-db-DatabaseClientSecurityGroup"}
    found = groups(accounting="accounting-db", login_nodes=1)
    assert [name for name, group in found.items() if client in group_of(group)] == ["controller"]
    assert {name: group["ExecutionRole"]["Fn::GetAtt"][0] for name, group in found.items()} == {
        "controller": "ControllerRole",
        "login": "NodeRole",
        "gpu": "NodeRole",
    }
    assert "ControllerRole" not in resources()


def group_of(group: dict[str, Any]) -> list[Any]:
    found: list[Any] = group.get("OverrideVpcConfig", {}).get("SecurityGroupIds", [])
    return found


def test_all_nodes_reach_the_directory() -> None:
    for params in ({}, {"accounting": "accounting-db"}):
        made = resources(directory="directory", **params)
        client = {"Fn::ImportValue": "seatrial-directory-DirectoryClientSecurityGroup"}
        cluster = made["Cluster"]["Properties"]
        overridden = [group["OverrideVpcConfig"] for group in cluster["InstanceGroups"] if "OverrideVpcConfig" in group]
        assert len(overridden) == len(params)
        for network in (cluster["VpcConfig"], *overridden):
            assert client in network["SecurityGroupIds"]
            assert {"Fn::ImportValue": "seatrial-vpc-SecurityGroup"} in network["SecurityGroupIds"]


def test_nodes_cannot_write_what_they_run_as_root() -> None:
    for params in ({}, {"accounting": "accounting-db"}):
        made = resources(**params)
        for role in ("NodeRole", "ControllerRole")[: len(params) + 1]:
            statements = made[role]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
            (denied,) = (one for one in statements if one["Effect"] == "Deny")
            assert {*denied["Action"]} == {"s3:PutObject", "s3:DeleteObject"}
            assert denied["Resource"]["Fn::Join"][1][1] == "/seatrial/*"


def test_node_recovery_is_hyperpods_own() -> None:
    assert resources()["Cluster"]["Properties"]["NodeRecovery"] == "Automatic"
    assert resources(node_recovery="None")["Cluster"]["Properties"]["NodeRecovery"] == "None"


def test_what_a_stack_puts_into_a_parameter_fits() -> None:
    """A standard parameter has 4 KB: https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"""
    text, values = resources(**shapes("hyperpod-slurm")["large"])["Places"]["Properties"]["Value"]["Fn::Sub"]
    longest = 255  # of an ARN of a secret, or a host name
    assert len(text) + len(values) * longest <= 4096
