"""What `batch` makes is what its launcher asks for: its checks pass there, and a job of two nodes is taken."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from seatrial import config, deploying, launchers
from seatrial.binding import bind
from seatrial.cases import cpu_ddp
from seatrial.cluster import Cluster
from seatrial.config import handing_over
from seatrial.errors import UserError
from seatrial.findings import Verdict
from seatrial.launchers import batch
from tests.architectures.deployments import deployment, shapes
from tests.architectures.shapes.batch import RESERVATION
from tests.trials.architectures.account import REGION, Account
from tests.trials.architectures.deployments import Told, deployed

RESERVED = {"capacity": "reservation", "reservation": RESERVATION}

KNOWN = {
    "quota": Verdict.UNKNOWN,  # moto has no quotas in the region
    "credentials": Verdict.PASS,
    "queue": Verdict.PASS,
    "compute-environment": Verdict.PASS,
    "instance-type": Verdict.PASS,
    "capacity": Verdict.PASS,
    "placement-group": Verdict.PASS,
    "log-group": Verdict.PASS,
}


def yielded(params: Mapping[str, Any]) -> list[Cluster]:
    """The clusters of a deployment that is really there."""
    wanted = deployment("batch", params, REGION)
    deployed(wanted)
    return handing_over.yielded(wanted, deploying.outputs(wanted))


def verdicts(cluster: Cluster) -> dict[str, Verdict]:
    return {one.check.rpartition(".")[2]: one.verdict for one in batch.LAUNCHER.check(cluster)}


@pytest.mark.parametrize(
    "instance_type", ["p4d.24xlarge", "p5.48xlarge", "g5.8xlarge", "trn1.32xlarge", "trn1n.32xlarge"]
)
def test_the_checks_of_the_launcher_pass(aws: Account, instance_type: str) -> None:
    (cluster,) = yielded({"instance_type": instance_type})
    assert verdicts(cluster) == KNOWN | {"efa": Verdict.PASS}


def test_a_reservation_is_a_place_already(aws: Account) -> None:
    (cluster,) = yielded({"instance_type": "p5.48xlarge", **RESERVED})
    assert verdicts(cluster) == KNOWN | {"efa": Verdict.PASS, "placement-group": Verdict.WARN}


@pytest.mark.parametrize("shape", ["small", "large", "bare"])
def test_a_job_of_two_nodes_is_taken(aws: Account, shape: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    clusters = yielded(shapes("batch")[shape])
    handing_over.hand_over(clusters, replace=False)
    assert {one.name: one for one in clusters}.items() <= config.clusters().items()
    service = aws.client("batch")
    for cluster in clusters:
        where = config.clusters()[cluster.name]
        job = bind(cpu_ddp.CASE, cpu_ddp.CASE.recipe("two-node"), where, nodes=2, processes_per_node=1)
        files = launchers.find("batch").render(job, where, f"run-{cluster.name}").files
        definition, request = (json.loads(files[name]) for name in ("job-definition.json", "submit-job.json"))
        made = service.register_job_definition(**definition)["jobDefinitionArn"]
        (found,) = service.describe_job_definitions(jobDefinitions=[made])["jobDefinitions"]
        assert (found["type"], found["status"], definition["nodeProperties"]["numNodes"]) == ("multinode", "ACTIVE", 2)
        (queue,) = service.describe_job_queues(jobQueues=[request["jobQueue"]])["jobQueues"]
        # A queue with shares takes no job without one, and one without takes no job with one.
        policy = queue.get("schedulingPolicyArn")
        shares = service.describe_scheduling_policies(arns=[policy])["schedulingPolicies"] if policy else []
        known = [one["shareIdentifier"] for each in shares for one in each["fairsharePolicy"]["shareDistribution"]]
        assert request.get("shareIdentifier") in (known or [None])


def test_images_stay_and_the_rest_goes(aws: Account) -> None:
    wanted = deployment("batch", {}, REGION)
    deployed(wanted)
    repository = deploying.outputs(wanted)["Repository"]
    Told().delete(wanted, unprotect=True)
    assert [one["repositoryUri"] for one in aws.client("ecr").describe_repositories()["repositories"]] == [repository]
    service = aws.client("batch")
    assert service.describe_job_queues()["jobQueues"] == []
    assert service.describe_compute_environments()["computeEnvironments"] == []
    assert aws.client("ec2").describe_launch_templates()["LaunchTemplates"] == []


def test_groups_in_two_places_are_refused_as_by_batch(aws: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    from seatrial.architectures.batch import template

    monkeypatch.setattr(template, "interfaces", lambda *_: [])
    with pytest.raises(UserError, match="are exclusively allowed"):
        deployed(deployment("batch", {}, REGION))
