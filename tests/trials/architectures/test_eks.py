"""What `eks` makes is what its launcher asks for; it is changed, moved to another version, and deleted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from seatrial import config, deploying, launchers
from seatrial.architectures import Deployment
from seatrial.binding import bind
from seatrial.cases import cpu_ddp
from seatrial.config import handing_over
from seatrial.errors import UserError
from seatrial.versions.eks import RELEASES
from tests.architectures.deployments import deployment, shapes
from tests.architectures.shapes.eks import group
from tests.launchers.kubernetes import schemas
from tests.trials.architectures import tools
from tests.trials.architectures.account import REGION, Account
from tests.trials.architectures.deployments import Told, deployed, quick


def there(params: Mapping[str, Any]) -> Deployment:
    """A deployment that is really there."""
    wanted = deployment("eks", params, REGION)
    deployed(wanted)
    return wanted


def groups(aws: Account) -> dict[str, Any]:
    """Label of each node group that EKS tells of -> the group."""
    eks = aws.client("eks")
    names = eks.list_nodegroups(clusterName="seatrial-eks")["nodegroups"]
    found = [eks.describe_nodegroup(clusterName="seatrial-eks", nodegroupName=name)["nodegroup"] for name in names]
    return {one["labels"]["seatrial.io/group"]: one for one in found}


@pytest.mark.parametrize("shape", ["small", "large"])
def test_a_job_of_two_nodes_is_rendered_for_each_cluster(
    aws: Account, shape: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    wanted = there(shapes("eks")[shape])
    outputs = deploying.outputs(wanted)
    clusters = handing_over.yielded(wanted, outputs)
    handing_over.hand_over(clusters, replace=False)
    assert {one.name: one for one in clusters}.items() <= config.clusters().items()
    installed = wanted.installs(outputs).text()
    for cluster in clusters:
        where = config.clusters()[cluster.name]
        job = bind(cpu_ddp.CASE, cpu_ddp.CASE.recipe("two-node"), where, nodes=2, processes_per_node=1)
        (name, text), *_ = launchers.find("kubernetes").render(job, where, f"run-{cluster.name}").files.items()
        documents = [*yaml.safe_load_all(text)]
        for document in documents:
            schemas.validate(document, wanted.params.version)
        assert {one["kind"] for one in documents} >= {"JobSet"}, name
        # A group's nodes have the label that its pods ask for, and their taint is tolerated.
        made = groups(aws)[where.options.node_selector["seatrial.io/group"]]
        assert f"seatrial.io/group: {made['labels']['seatrial.io/group']}" in text
        assert all(f"key: {one['key']}" in text for one in made.get("taints", ()))
        assert where.options.kueue_queue in installed and f"namespace: {where.options.namespace}" in text
    storage = wanted.needs.get("storage")
    assert (outputs.get("LustreDnsName", "no file system") in installed) == (storage is not None)


def test_what_belongs_into_the_cluster_is_installed_once_it_stands(aws: Account, tmp_path: Path) -> None:
    there({})
    called = tools.asked(tmp_path / "tools")
    first = called.index("aws eks update-kubeconfig --name seatrial-eks --alias seatrial-eks --region us-west-2")
    rest = called[first + 1 :]
    assert "namespaces" in rest[0]
    assert [one.split()[2] for one in rest if one.startswith("helm upgrade")] == ["jobset", "kueue"]
    # Nothing reaches another cluster that somebody's kubeconfig names.
    assert all(one.startswith("kubectl --context seatrial-eks ") for one in rest if one.startswith("kubectl"))
    assert all("--kube-context seatrial-eks " in one for one in rest if one.startswith("helm upgrade"))


def test_what_its_outputs_say_is_there(aws: Account) -> None:
    wanted = there({})
    outputs = deploying.outputs(wanted)
    cluster = aws.client("eks").describe_cluster(name=outputs["ClusterName"])["cluster"]
    assert (cluster["arn"], cluster["version"]) == (outputs["ClusterArn"], outputs["Version"])
    (found,) = aws.client("ec2").describe_security_groups(GroupIds=[outputs["ClusterSecurityGroup"]])["SecurityGroups"]
    assert found["GroupName"] == "eks-cluster-sg-seatrial-eks"
    assert {one["nodeRole"] for one in groups(aws).values()} == {outputs["NodeRoleArn"]}
    (logs,) = aws.client("logs").describe_log_groups(logGroupNamePrefix="/aws/eks/")["logGroups"]
    assert (logs["logGroupName"], logs["retentionInDays"]) == ("/aws/eks/seatrial-eks/cluster", 30)


def test_a_group_is_made_larger_in_place_and_others_come_and_go(aws: Account) -> None:
    there({"groups": (group("g5.8xlarge"), group("g6.12xlarge", "other"))})
    before = groups(aws)
    assert before["gpu"]["scalingConfig"] == {"minSize": 0, "desiredSize": 0, "maxSize": 4}
    wanted = deployment("eks", {"groups": (group("g5.8xlarge", at_least=2), group("trn1.32xlarge", "trn"))}, REGION)
    change = deploying.changes(wanted, wait=quick)
    rows = {row.logical_id: (row.action, row.replacement) for row in change.rows}
    assert rows["GroupGpuNodes"] == ("Modify", "False")
    assert (rows["GroupTrnNodes"][0], rows["GroupOtherNodes"][0]) == ("Add", "Remove")
    assert not {"Cluster", "SystemNodes", "GroupGpuLaunch"} & {*rows}
    told = deployed(wanted)
    assert told.changes == [change]
    after = groups(aws)
    assert after["gpu"]["scalingConfig"] == {"minSize": 2, "desiredSize": 2, "maxSize": 4}
    assert after["gpu"]["nodegroupName"] == before["gpu"]["nodegroupName"]
    assert {*after} == {"system", "gpu", "trn"}


def test_a_newer_version_moves_everything_in_place(aws: Account) -> None:
    older, newer = [*RELEASES][-2:]
    there({"version": older})
    before = groups(aws)
    wanted = deployment("eks", {"version": newer}, REGION)
    change = deploying.changes(wanted, wait=quick)
    pinned = [RELEASES[one].addons for one in (older, newer)]
    moved = [name for name in pinned[0] if pinned[0][name] != pinned[1][name]]
    addons = {"Addon" + "".join(part.capitalize() for part in name.split("-")) for name in moved}
    rows = {row.logical_id: (row.action, row.replacement, row.properties) for row in change.rows}
    assert {name for name in rows if name.startswith("Addon")} == addons
    assert {name: row[2] for name, row in rows.items() if not name.startswith("Addon")} == {
        "Cluster": ("Version",),
        "SystemNodes": ("Version",),
        "GroupGpuNodes": ("Version",),
    }
    assert {row[:2] for row in rows.values()} == {("Modify", "False")}
    told = deployed(wanted)
    assert told.changes == [change]
    assert deploying.outputs(wanted)["Version"] == newer
    assert aws.client("eks").describe_cluster(name="seatrial-eks")["cluster"]["version"] == newer
    assert {name: one["version"] for name, one in groups(aws).items()} == dict.fromkeys(before, newer)


def test_nothing_stays_of_it(aws: Account) -> None:
    wanted = there(shapes("eks")["large"])
    Told().delete(wanted, unprotect=True)
    assert aws.client("eks").list_clusters()["clusters"] == []
    assert aws.client("ec2").describe_launch_templates()["LaunchTemplates"] == []
    assert aws.client("logs").describe_log_groups(logGroupNamePrefix="/aws/eks/")["logGroups"] == []
    assert deploying.status(wanted.needs["storage"])[-1].state == "complete"


def test_nodes_without_a_network_are_found_out(aws: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    from seatrial.architectures.eks import template

    monkeypatch.setattr(template, "addons", lambda _: iter(()))
    with pytest.raises(UserError, match="nodes would never become ready without"):
        deployed(deployment("eks", {}, REGION))
