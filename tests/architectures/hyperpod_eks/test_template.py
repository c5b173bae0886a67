"""The template of a HyperPod cluster on EKS, held against SageMaker's own model, and what its nodes may do."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.session import get_session
from botocore.validate import ParamValidator

from seatrial.versions.eks import RELEASES
from tests.architectures.deployments import body, combinations, deployment, shapes
from tests.architectures.shapes.hyperpod_eks import EKS, OPERATOR, RESTRICTED
from tests.architectures.shapes.hyperpod_slurm import AMI, PLAN, PLANNED

REQUEST = get_session().get_service_model("sagemaker").operation_model("CreateCluster").input_shape
SUFFIX = {"Arn": "arn:aws:iam::123456789012:role/node", "ClusterArn": "arn:aws:eks:us-west-2:123456789012:cluster/eks"}


def resources(**params: Any) -> dict[str, Any]:
    found: dict[str, Any] = body(deployment("hyperpod-eks", {**EKS, **params}))["Resources"]
    return found


def literal(value: Any) -> Any:
    """A value with something in the place of each function of CloudFormation's."""
    if isinstance(value, dict):
        if "Fn::GetAtt" in value:
            return SUFFIX[value["Fn::GetAtt"][1]]
        if "Fn::ImportValue" in value:
            return SUFFIX.get(value["Fn::ImportValue"].rpartition("-")[2], "sg-0123456789abcdef0")
        if "Fn::Sub" in value:
            return value["Fn::Sub"][0].replace("${Bucket}", "sagemaker-ours")
        if "Fn::Select" in value:
            return "subnet-0123456789abcdef0"
        return {key: literal(one) for key, one in value.items()}
    return [*map(literal, value)] if isinstance(value, list) else value


def test_sagemaker_takes_every_combination() -> None:
    tried = 0
    for choice, one in combinations("hyperpod-eks"):
        asked = literal(body(one)["Resources"]["Cluster"]["Properties"])
        report = ParamValidator().validate(asked, REQUEST)
        assert not report.has_errors(), (choice, report.generate_report())
        tried += 1
    assert tried > 5


def test_it_stands_on_the_cluster_and_in_its_network() -> None:
    cluster = resources()["Cluster"]["Properties"]
    assert cluster["Orchestrator"] == {"Eks": {"ClusterArn": {"Fn::ImportValue": "seatrial-eks-ClusterArn"}}}
    assert cluster["VpcConfig"]["SecurityGroupIds"] == [
        {"Fn::ImportValue": "seatrial-vpc-SecurityGroup"},
        {"Fn::ImportValue": "seatrial-eks-ClusterSecurityGroup"},
    ]
    assert {"Key": "SageMaker", "Value": "true"} in cluster["Tags"]
    assert "RestrictedInstanceGroups" not in cluster
    assert "InstanceGroups" not in resources(groups=(), restricted=RESTRICTED)["Cluster"]["Properties"]


def test_a_group_is_what_its_parameters_say() -> None:
    cluster = resources(groups=PLANNED, restricted=RESTRICTED)["Cluster"]["Properties"]
    gpu, cpu = cluster["InstanceGroups"]
    assert (gpu["InstanceType"], gpu["InstanceCount"], gpu["TrainingPlanArn"]) == ("ml.p5.48xlarge", 16, PLAN)
    assert gpu["OnStartDeepHealthChecks"] == ["InstanceStress", "InstanceConnectivity"]
    assert {"TrainingPlanArn", "OnStartDeepHealthChecks", "ImageId"}.isdisjoint(cpu)
    (nova,) = cluster["RestrictedInstanceGroups"]
    assert nova["EnvironmentConfig"] == {"FSxLustreConfig": {"SizeInGiB": 4800, "PerUnitStorageThroughput": 500}}
    assert {"LifeCycleConfig", "ImageId"}.isdisjoint(nova)
    trainium = resources(**shapes("hyperpod-eks")["large"])["Cluster"]["Properties"]["InstanceGroups"][2]
    assert trainium["ImageId"] == AMI


def test_nodes_run_what_the_bucket_has() -> None:
    one = deployment("hyperpod-eks", EKS)
    (path,) = [path for path in one.render().files if path.startswith("bucket/")]
    source = body(one)["Resources"]["Cluster"]["Properties"]["InstanceGroups"][0]["LifeCycleConfig"]
    folder = source["SourceS3Uri"]["Fn::Sub"][0].removeprefix("s3://${Bucket}/")
    assert path == f"bucket/{folder}/{source['OnCreate']}"


def test_addons_are_those_that_are_asked_for() -> None:
    version = EKS["cluster.version"]
    found = resources()
    assert found["TaskGovernance"]["Properties"]["AddonVersion"] in (RELEASES[version].hyperpod or {}).values()
    assert "TrainingOperator" not in found and "OperatorRole" not in found
    assert "TaskGovernance" not in resources(task_governance=False)
    made = resources(training_operator=OPERATOR)
    operator = made["TrainingOperator"]["Properties"]
    assert (operator["AddonVersion"], made["TrainingOperator"]["DependsOn"]) == (OPERATOR, ["Cluster"])
    (identity,) = operator["PodIdentityAssociations"]
    assert identity["RoleArn"] == {"Fn::GetAtt": ["OperatorRole", "Arn"]}
    trust = made["OperatorRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert [one["Principal"] for one in trust] == [{"Service": "pods.eks.amazonaws.com"}]


def test_the_training_operator_takes_no_node_of_jobs() -> None:
    values = json.loads(resources(training_operator=OPERATOR)["TrainingOperator"]["Properties"]["ConfigurationValues"])
    system = body(deployment("eks", {**{key[8:]: value for key, value in EKS.items()}}))["Resources"]["SystemNodes"]
    selector = values["hpTrainingControllerManager"]["nodeSelector"]
    assert selector.items() <= system["Properties"]["Labels"].items()


@pytest.mark.parametrize("action", ["s3:PutObject", "s3:DeleteObject"])
def test_nodes_cannot_write_what_they_run_as_root(action: str) -> None:
    (policy,) = resources()["NodeRole"]["Properties"]["Policies"]
    denied = [one for one in policy["PolicyDocument"]["Statement"] if one["Effect"] == "Deny"]
    assert [action in one["Action"] for one in denied] == [True]
    assert "/seatrial/*" in json.dumps(denied[0]["Resource"])


def test_nodes_may_give_pods_their_roles_in_this_cluster_alone() -> None:
    node = resources()["NodeRole"]["Properties"]
    assert any("AmazonEKS_CNI_Policy" in json.dumps(arn) for arn in node["ManagedPolicyArns"])
    statements = node["Policies"][0]["PolicyDocument"]["Statement"]
    (identity,) = [one for one in statements if "eks-auth:AssumeRoleForPodIdentity" in one["Action"]]
    assert identity["Resource"] == {"Fn::ImportValue": "seatrial-eks-ClusterArn"}
