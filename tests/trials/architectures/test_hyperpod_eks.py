"""`hyperpod-eks` in moto's account: on which cluster it stands, what its nodes find, what its jobs become; changed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from seatrial import config, deploying, launchers
from seatrial.architectures import Deployment
from seatrial.architectures._hyperpod import Group
from seatrial.architectures.hyperpod_eks.template import SCRIPT
from seatrial.binding import bind
from seatrial.cases import cpu_ddp
from seatrial.config import handing_over
from seatrial.errors import UserError
from tests.architectures.deployments import deployment, shapes
from tests.architectures.shapes.hyperpod_eks import EKS, OPERATOR
from tests.launchers.kubernetes import schemas
from tests.trials.architectures.account import REGION, Account
from tests.trials.architectures.deployments import Told, deployed

GPU = Group(name="gpu", instance_type="g5.8xlarge", count=2)
CPU = Group(name="cpu", instance_type="m5.8xlarge", count=3)


def wanted(params: Mapping[str, Any]) -> Deployment:
    return deployment("hyperpod-eks", {**EKS, **params}, REGION)


def there(**params: Any) -> Deployment:
    """A deployment that is really there."""
    one = wanted(params)
    deployed(one)
    return one


def described(aws: Account, one: Deployment) -> dict[str, Any]:
    found: dict[str, Any] = aws.client("sagemaker").describe_cluster(ClusterName=deploying.outputs(one)["ClusterName"])
    return found


def test_it_is_in_the_network_of_its_cluster_and_nodes_find_what_they_run(aws: Account) -> None:
    """That the cluster of EKS is there, too, is looked at by the stand-in for SageMaker."""
    one = there()
    made = described(aws, one)
    groups = aws.client("ec2").describe_security_groups(GroupIds=made["VpcConfig"]["SecurityGroupIds"])
    vpc = deploying.outputs(one.needs["cluster"].needs["network"])["VpcId"]
    assert {group["VpcId"] for group in groups["SecurityGroups"]} == {vpc}
    names = {group["GroupName"] for group in groups["SecurityGroups"]}
    assert f"eks-cluster-sg-{deploying.outputs(one)['EksClusterName']}" in names and len(names) == 2
    source = made["InstanceGroups"][0]["LifeCycleConfig"]
    bucket, _, folder = source["SourceS3Uri"].removeprefix("s3://").partition("/")
    found = aws.client("s3").get_object(Bucket=bucket, Key=f"{folder}/{source['OnCreate']}")["Body"].read().decode()
    assert found == SCRIPT.read_text() and bucket.startswith("sagemaker-")


def test_groups_and_addons_come_and_go_in_place(aws: Account) -> None:
    arn = deploying.outputs(there(groups=(GPU,)))["ClusterArn"]
    after = wanted({"groups": (GPU, CPU), "training_operator": OPERATOR})
    assert rows(after) == {
        "Cluster": ("Modify", "False"),
        "OperatorRole": ("Add", "False"),
        "TrainingOperator": ("Add", "False"),
    }
    assert deploying.outputs(after)["ClusterArn"] == arn
    assert {one["InstanceGroupName"] for one in described(aws, after)["InstanceGroups"]} == {"gpu", "cpu"}
    fewer = rows(wanted({"groups": (GPU, CPU), "task_governance": False}))
    assert {name: action for name, (action, _) in fewer.items()} == dict.fromkeys(
        ("OperatorRole", "TaskGovernance", "TrainingOperator"), "Remove"
    )


def rows(one: Deployment) -> dict[str, tuple[str, str]]:
    """What a deployment changes: resource -> what is done with it, and whether another one takes its place."""
    (change,) = (each for each in deployed(one).changes if each.anything)
    return {row.logical_id: (row.action, row.replacement) for row in change.rows}


@pytest.mark.parametrize("shape", ["small", "large"])
def test_a_job_of_two_nodes_is_rendered_for_each_cluster(
    aws: Account, shape: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    one = there(**shapes("hyperpod-eks")[shape])
    outputs = deploying.outputs(one)
    clusters = handing_over.yielded(one, outputs)
    handing_over.hand_over(clusters, replace=False)
    assert {each.name: each for each in clusters}.items() <= config.clusters().items()
    installed = one.installs(outputs).text()
    made = {each["InstanceGroupName"]: each for each in described(aws, one)["InstanceGroups"]}
    assert len(clusters) == len(made)
    kind = {"small": "JobSet", "large": "HyperPodPyTorchJob"}[shape]
    for cluster in clusters:
        where = config.clusters()[cluster.name]
        job = bind(cpu_ddp.CASE, cpu_ddp.CASE.recipe("two-node"), where, nodes=2, processes_per_node=1)
        (text, *_) = launchers.find("kubernetes").render(job, where, f"run-{cluster.name}").files.values()
        documents = [*yaml.safe_load_all(text)]
        for document in documents:
            schemas.validate(document, EKS["cluster.version"])
        assert kind in {document["kind"] for document in documents}
        group = made[where.options.node_selector["sagemaker.amazonaws.com/instance-group-name"]]
        assert where.instance_type == group["InstanceType"] and f"instance-type: {group['InstanceType']}" in text
        assert where.options.kueue_queue in installed and f"namespace: {where.options.namespace}" in text
    assert ("LustreId" in outputs) is (shape == "large") is (outputs.get("LustreId", "no volume") in installed)


def test_nothing_stays_of_it(aws: Account) -> None:
    one = there(**shapes("hyperpod-eks")["large"])
    Told().delete(one, unprotect=True)
    assert aws.client("sagemaker").list_clusters()["ClusterSummaries"] == []
    assert aws.client("eks").list_clusters()["clusters"] == ["seatrial-eks"]


def test_what_sagemaker_would_refuse_fails_here(aws: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in holds every cluster against SageMaker's own model."""
    from seatrial.architectures.hyperpod_eks import template

    made = template.restricted_group

    def spoilt(*argv: Any) -> Any:
        one = made(*argv)
        one.EnvironmentConfig.FSxLustreConfig.SizeInGiB = 1000
        return one

    monkeypatch.setattr(template, "restricted_group", spoilt)
    with pytest.raises(UserError, match="SizeInGiB is 1000"):
        deployed(wanted(shapes("hyperpod-eks")["large"]))
