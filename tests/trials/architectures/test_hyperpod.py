"""`hyperpod-slurm` in moto's account: what SageMaker has, what its nodes find in the bucket, changed and deleted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from seatrial import config, deploying, launchers
from seatrial.architectures import Deployment
from seatrial.architectures._hyperpod import Group
from seatrial.architectures.hyperpod_slurm.bundle import bundle
from seatrial.binding import bind
from seatrial.cases import cpu_ddp
from seatrial.config import handing_over
from seatrial.errors import UserError
from tests.architectures.deployments import deployment, shapes
from tests.architectures.shapes.hyperpod_slurm import LARGE
from tests.trials.architectures.account import REGION, Account
from tests.trials.architectures.deployments import Told, deployed

GPU = Group(name="gpu", instance_type="g5.8xlarge", count=2)
CPU = Group(name="cpu", instance_type="m5.8xlarge", count=3)


def there(**params: Any) -> Deployment:
    """A deployment that is really there."""
    wanted = deployment("hyperpod-slurm", params, REGION)
    deployed(wanted)
    return wanted


def described(aws: Account, wanted: Deployment) -> dict[str, Any]:
    found: dict[str, Any] = aws.client("sagemaker").describe_cluster(
        ClusterName=deploying.outputs(wanted)["ClusterName"]
    )
    return found


def objects(aws: Account, wanted: Deployment) -> dict[str, str]:
    """What a node of the cluster gets: path below its folder -> text."""
    source = described(aws, wanted)["InstanceGroups"][0]["LifeCycleConfig"]["SourceS3Uri"]
    bucket, _, folder = source.removeprefix("s3://").partition("/")
    s3 = aws.client("s3")
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket, Prefix=f"{folder}/")["Contents"]]
    return {
        key.removeprefix(f"{folder}/"): s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode() for key in keys
    }


def test_nodes_find_what_they_run_and_where_things_are(aws: Account) -> None:
    wanted = there(accounting="accounting-db", directory="directory", workers=LARGE)
    assert objects(aws, wanted) == bundle(wanted.params, wanted.facts)
    settings = json.loads(objects(aws, wanted)["seatrial.json"])
    places = json.loads(aws.client("ssm").get_parameter(Name=settings["parameter"])["Parameter"]["Value"])
    storage, database, directory = (
        deploying.outputs(wanted.needs[need]) for need in ("storage", "accounting", "directory")
    )
    assert places == {
        "lustre": {"dns_name": storage["LustreDnsName"], "mount_name": storage["LustreMountName"]},
        "home": {"dns_name": storage["HomeDnsName"]},
        "accounting": {
            "host": database["DatabaseHost"],
            "port": database["DatabasePort"],
            "user": database["DatabaseUser"],
            "secret_arn": database["DatabaseSecretArn"],
        },
        "directory": {
            "uri": directory["DirectoryUri"],
            "domain": directory["DirectoryDomain"],
            "reader": directory["DirectoryReadOnlyUser"],
            "secret_arn": directory["DirectoryPasswordSecretArn"],
            "certificate_parameter": directory["DirectoryCertificateParameter"],
        },
    }


def test_groups_are_added_changed_and_removed_in_place(aws: Account) -> None:
    before = there(workers=(GPU,))
    arn = deploying.outputs(before)["ClusterArn"]
    after = deployment("hyperpod-slurm", {"workers": (GPU, CPU)}, REGION)
    told = deployed(after)
    (change,) = (one for one in told.changes if one.deployment == "hyperpod-slurm" and one.anything)
    assert [(row.logical_id, row.replacement) for row in change.rows] == [("Cluster", "False")]
    assert deploying.outputs(after)["ClusterArn"] == arn
    assert nodes(aws, after) == {"controller": 1, "gpu": 2, "cpu": 3}
    form = json.loads(objects(aws, after)["provisioning_parameters.json"])
    assert [one["instance_group_name"] for one in form["worker_groups"]] == ["gpu", "cpu"]
    deployed(before)
    assert nodes(aws, before) == {"controller": 1, "gpu": 2}


def nodes(aws: Account, wanted: Deployment) -> dict[str, int]:
    name = deploying.outputs(wanted)["ClusterName"]
    found = aws.client("sagemaker").list_cluster_nodes(ClusterName=name, MaxResults=100)["ClusterNodeSummaries"]
    counts: dict[str, int] = {}
    for one in found:
        counts[one["InstanceGroupName"]] = counts.get(one["InstanceGroupName"], 0) + 1
    return counts


@pytest.mark.parametrize("shape", ["small", "large", "bare"])
def test_a_job_of_two_nodes_is_rendered(
    aws: Account, shape: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    wanted = there(**shapes("hyperpod-slurm")[shape])
    clusters = handing_over.yielded(wanted, deploying.outputs(wanted))
    handing_over.hand_over(clusters, replace=False)
    assert {one.name: one for one in clusters}.items() <= config.clusters().items()
    slurm = launchers.find("slurm")
    for cluster in clusters:
        where = config.clusters()[cluster.name]
        job = bind(cpu_ddp.CASE, cpu_ddp.CASE.recipe("two-node"), where, nodes=2, processes_per_node=1)
        script = "\n".join(slurm.render(job, where, f"run-{cluster.name}").files.values())
        assert f"#SBATCH --partition={where.options.partition}" in script
        assert ("--auto-resume=1" in script) is (wanted.params.node_recovery == "Automatic")


def test_all_goes_but_the_data(aws: Account) -> None:
    wanted = there()
    Told().delete(wanted, unprotect=True)
    assert aws.client("sagemaker").list_clusters()["ClusterSummaries"] == []
    assert aws.client("ssm").describe_parameters()["Parameters"] == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"instance_type": "g5.9xlarge"}, "InstanceType is ml.g5.9xlarge"), ({"count": 7000}, "InstanceCount is 7000")],
)
def test_what_sagemaker_would_refuse_fails_here(
    aws: Account, monkeypatch: pytest.MonkeyPatch, changes: Mapping[str, Any], said: str
) -> None:
    """The stand-in holds every cluster against SageMaker's own model."""
    from seatrial.architectures.hyperpod_slurm import template

    made = template.instance_group

    def spoilt(group: Group, *rest: Any, **more: Any) -> Any:
        one = made(group, *rest, **more)
        if group.name == "gpu":
            one.InstanceType = f"ml.{changes.get('instance_type', group.instance_type)}"
            one.InstanceCount = changes.get("count", group.count)
        return one

    monkeypatch.setattr(template, "instance_group", spoilt)
    with pytest.raises(UserError, match=said):
        deployed(deployment("hyperpod-slurm", {}, REGION))
