"""What is put into the cluster of EKS: before HyperPod makes nodes, and once they are there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from seatrial.plan import Plan
from tests.architectures.deployments import deployment
from tests.architectures.hyperpod_eks.test_clusters import OUTPUTS, STORAGE
from tests.architectures.shapes.hyperpod_eks import EKS, LARGE, OPERATOR, RESTRICTED

LUSTRE = {
    "LustreId": "fs-0123456789abcdef0",
    "LustreDnsName": "fs-0123456789abcdef0.fsx.us-west-2.amazonaws.com",
    "LustreMountName": "abcdefgh",
}


def plan(**params: Any) -> Plan:
    return deployment("hyperpod-eks", {**EKS, **params}).installs({**OUTPUTS, **LUSTRE})


def before(**params: Any) -> Plan:
    """What the cluster of EKS has before."""
    return deployment("hyperpod-eks", {**EKS, **params}).needs["cluster"].installs({"ClusterName": "seatrial-eks"})


def objects(files: Mapping[str, str]) -> dict[tuple[str, str], dict[str, Any]]:
    """Kind and name -> object, of all files."""
    found = [one for name, text in files.items() if name.endswith(".yaml") for one in yaml.safe_load_all(text)]
    return {(one["kind"], one["metadata"]["name"]): one for one in found if one and "kind" in one}


def test_hyperpod_finds_what_it_wants_before_it_makes_nodes() -> None:
    made = before()
    told = [command.argv for command in made.commands]
    charts = [argv for argv in told if argv[:2] == ("sh", "git_chart.sh")]
    assert [argv[2] for argv in charts] == [
        "deep-health-check",  # makes the namespace that the next one is in
        "health-monitoring-agent",
        "job-auto-restart",
        "hyperpod-patching",
    ]
    assert all(re.fullmatch("[0-9a-f]{40}", argv[4]) for argv in charts)
    assert all(argv[5].endswith(f"/charts/{argv[2]}") and argv[-1] == "seatrial-eks" for argv in charts)
    assert {f"{argv[2]}.yaml" for argv in charts} < {*made.files}
    assert yaml.safe_load(made.files["health-monitoring-agent.yaml"]) == {"region": "us-west-2"}
    assert told[0][:3] == ("aws", "eks", "update-kubeconfig")
    assert ("sh", "chart.sh", "cert-manager") in [argv[:3] for argv in told]
    assert all(command.programs == ("git", "helm") for command in made.commands if "git_chart.sh" in command.argv)


def test_nodes_of_hyperpod_are_known_by_its_names() -> None:
    found = objects(plan(groups=LARGE).files)
    flavour = found["ResourceFlavor", "p5.48xlarge"]["spec"]
    assert flavour["nodeLabels"] == {"node.kubernetes.io/instance-type": "ml.p5.48xlarge"}
    plugin = yaml.safe_dump(found["DaemonSet", "nvidia-device-plugin-daemonset"])
    assert "ml.p5.48xlarge" in plugin and "m5.8xlarge" not in plugin


@pytest.mark.parametrize("governed", [True, False])
def test_there_is_one_kueue(governed: bool) -> None:
    made = plan(task_governance=governed)
    charts = [command.argv[2] for command in made.commands if command.argv[:2] == ("sh", "chart.sh")]
    assert ("kueue" in charts) is not governed
    assert ("LocalQueue", "seatrial") in objects(made.files)
    assert "kueue" not in before().text()


def test_jobs_find_what_their_cluster_names() -> None:
    params = {**EKS, **STORAGE}
    (cluster,) = deployment("hyperpod-eks", params).clusters({**OUTPUTS, **LUSTRE})
    found = objects(plan(**STORAGE).files)
    namespace, queue = cluster.options["namespace"], cluster.options["kueue_queue"]
    assert found["LocalQueue", queue]["metadata"]["namespace"] == namespace
    (mount,) = cluster.mounts
    assert found["PersistentVolumeClaim", mount.source]["metadata"]["namespace"] == namespace
    assert found["PersistentVolume", "fsx"]["spec"]["csi"]["volumeHandle"] == LUSTRE["LustreId"]
    assert ("PersistentVolume", "fsx") not in objects(plan().files)


def test_the_training_operator_is_an_addon_and_others_come_as_charts() -> None:
    assert "chart.sh jobset" in plan().text()
    assert not any(name in plan(training_operator=OPERATOR).text() for name in ("chart.sh jobset", "training-operator"))


def test_the_agent_may_ask_for_what_the_parameters_say() -> None:
    image = "123456789012.dkr.ecr.us-west-2.amazonaws.com/seatrial:1"
    plain, asking = (plan(agent=image, repair=repair).files["agent.yaml"] for repair in ("none", "replace"))
    assert image in plain and plain != asking and "replace" in asking


def test_without_groups_there_is_nothing_to_run() -> None:
    assert plan(groups=(), restricted=RESTRICTED) == Plan()
