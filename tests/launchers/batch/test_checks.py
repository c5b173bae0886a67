"""What is seen of an account without starting anything, in moto."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from seatrial.aws.quotas import quota_of
from seatrial.findings import Finding, Severity, Verdict
from seatrial.hardware import instances
from seatrial.launchers import batch
from seatrial.launchers.batch.checks import unusable
from tests.launchers.batch import aws
from tests.launchers.batch.aws import Account, cluster


def found(check: str, **changes: Any) -> Finding:
    (finding,) = [finding for finding in batch.check(cluster(**changes)) if finding.check == check]
    return finding


def test_a_cluster_as_it_should_be(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    aws.set_quota(monkeypatch, "L-417A185B", 768.0)
    account.set_resources(placementGroup="near", launchTemplate=account.launch_template("efa", 32))
    verdicts = {finding.check: finding.verdict for finding in batch.check(cluster())}
    assert verdicts == dict.fromkeys(
        [
            "cluster.credentials",
            "cluster.queue",
            "cluster.compute-environment",
            "cluster.instance-type",
            "cluster.capacity",
            "cluster.quota",
            "cluster.efa",
            "cluster.placement-group",
            "cluster.log-group",
        ],
        Verdict.PASS,
    )


def test_without_credentials_nothing_else_is_asked(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    (finding,) = batch.check(cluster())
    assert (finding.check, finding.verdict, finding.severity) == ("cluster.credentials", Verdict.FAIL, Severity.MONITOR)
    assert "aws sts get-caller-identity" in finding.remedy


def test_out_of_reach_is_a_finding(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    (finding,) = batch.check(cluster())
    assert finding.verdict is Verdict.FAIL and "cannot be reached" in finding.observed


def test_what_may_not_be_looked_at_is_unknown(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    aws.refuse(monkeypatch, "AccessDeniedException", "no", but="GetCallerIdentity")
    verdicts = [finding.verdict for finding in batch.check(cluster())]
    assert verdicts == [Verdict.PASS, Verdict.FAIL] + 7 * [Verdict.UNKNOWN]  # a job needs to see the queue


def test_a_queue_that_does_not_exist(account: Account) -> None:
    finding = found("cluster.queue", options={"queue": "trainig"})
    assert (finding.verdict, finding.remedy) == (Verdict.FAIL, "did you mean training?")
    assert found("cluster.capacity", options={"queue": "trainig"}).verdict is Verdict.UNKNOWN


def test_a_queue_that_is_disabled(account: Account) -> None:
    account.client("batch").update_job_queue(jobQueue="training", state="DISABLED")
    finding = found("cluster.queue")
    assert (finding.verdict, finding.observed) == (Verdict.FAIL, "job queue training is DISABLED")


@pytest.mark.parametrize(
    ("described", "expected"),
    [
        ({}, []),
        ({"state": "DISABLED"}, ["compute environment c is DISABLED"]),
        ({"status": "INVALID", "statusReason": "no role"}, ["compute environment c is INVALID: no role"]),
        ({"type": "UNMANAGED", "computeResources": {}}, ["compute environment c is unmanaged"]),
        ({"containerOrchestrationType": "EKS"}, ["compute environment c runs on EKS"]),
        ({"computeResources": {"type": "SPOT"}}, ["compute environment c is of type SPOT"]),
        ({"computeResources": {"type": "FARGATE"}}, ["compute environment c is of type FARGATE"]),
    ],
)
def test_compute_environments_that_take_no_multi_node_job(described: dict[str, Any], expected: list[str]) -> None:
    sound = {"type": "MANAGED", "state": "ENABLED", "status": "VALID", "computeResources": {"type": "EC2"}}
    reasons = list(unusable({"computeEnvironmentName": "c"} | sound | described))
    assert len(reasons) == len(expected)
    assert all(reason.startswith(begin) for reason, begin in zip(reasons, expected, strict=True))


def test_a_disabled_compute_environment(account: Account) -> None:
    account.client("batch").update_compute_environment(computeEnvironment="training-nodes", state="DISABLED")
    assert found("cluster.compute-environment").verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("offered", "verdict"),
    [
        (["p5.48xlarge"], Verdict.PASS),
        (["p5"], Verdict.PASS),
        (["p4d.24xlarge", "p5e"], Verdict.FAIL),
        (["optimal"], Verdict.FAIL),
    ],
)
def test_instance_types(account: Account, offered: list[str], verdict: Verdict) -> None:
    account.set_resources(instanceTypes=offered)
    finding = found("cluster.instance-type")
    assert (finding.verdict, finding.expected) == (verdict, "p5.48xlarge")


@pytest.mark.parametrize(("most", "verdict"), [(768, Verdict.PASS), (767, Verdict.FAIL)])
def test_capacity(account: Account, most: int, verdict: Verdict) -> None:
    account.set_resources(maxvCpus=most)
    finding = found("cluster.capacity")
    assert (finding.verdict, finding.expected) == (verdict, "768: 4 x p5.48xlarge")


@pytest.mark.parametrize(("vcpus", "verdict"), [(768.0, Verdict.PASS), (767.0, Verdict.WARN), (0.0, Verdict.WARN)])
def test_the_accounts_quota(account: Account, monkeypatch: pytest.MonkeyPatch, vcpus: float, verdict: Verdict) -> None:
    aws.set_quota(monkeypatch, "L-417A185B", vcpus)
    finding = found("cluster.quota")
    assert (finding.verdict, finding.expected) == (verdict, "768: 4 x p5.48xlarge")
    assert finding.observed == f"Running On-Demand P instances: {vcpus:g} vCPUs"
    assert verdict is Verdict.PASS or "--quota-code L-417A185B --desired-value 768" in finding.remedy


def test_a_quota_that_cannot_be_seen_is_unknown(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    aws.refuse(monkeypatch, "AccessDeniedException", "not allowed", only="GetServiceQuota")
    finding = found("cluster.quota")
    assert finding.verdict is Verdict.UNKNOWN and "not allowed" in finding.observed and finding.remedy


def test_a_quota_that_is_not_there_is_unknown(account: Account) -> None:
    assert found("cluster.quota").verdict is Verdict.UNKNOWN, "moto knows none of EC2"


def test_every_instance_type_has_a_quota() -> None:
    quotas = {item.name: quota_of(item.name) for item in instances.INSTANCES}
    assert all(quotas.values())
    assert quotas["p6-b200.48xlarge"] == quotas["p4d.24xlarge"] != quotas["g6e.48xlarge"]
    assert "Trn" in str(quotas["trn1n.32xlarge"]) and "HPC" in str(quotas["hpc6a.48xlarge"])
    assert "Standard" in str(quotas["t3a.micro"])
    assert quota_of("u-6tb1.metal") is None and quota_of("") is None


class TestEfa:
    def test_no_launch_template(self, account: Account) -> None:
        finding = found("cluster.efa")
        assert finding.verdict is Verdict.FAIL
        assert finding.remedy == "attach 32 in the launch template, or set options.efa_interfaces = 0"

    @pytest.mark.parametrize(("attached", "verdict"), [(31, Verdict.FAIL), (32, Verdict.PASS)])
    def test_a_launch_template(self, account: Account, attached: int, verdict: Verdict) -> None:
        account.set_resources(launchTemplate=account.launch_template("efa", attached))
        assert found("cluster.efa").verdict is verdict

    def test_efa_only_counts_and_ena_does_not(self, account: Account) -> None:
        account.set_resources(launchTemplate=account.launch_template("efa-only", 4))
        assert found("cluster.efa", options={"efa_interfaces": 4}).verdict is Verdict.PASS
        account.set_resources(launchTemplate=account.launch_template("interface", 4))
        assert found("cluster.efa", options={"efa_interfaces": 4}).verdict is Verdict.FAIL

    def test_a_cluster_without_efa_needs_none(self, account: Account) -> None:
        where = replace(cluster(), instance_type="g5.xlarge")
        assert "cluster.efa" not in [finding.check for finding in batch.check(where)]


def test_placement_groups(account: Account) -> None:
    assert found("cluster.placement-group").verdict is Verdict.WARN
    account.set_resources(launchTemplate=account.launch_template("efa", 1, group="near"))
    assert found("cluster.placement-group").observed == "training-nodes starts instances in near"
    assert "cluster.placement-group" not in [finding.check for finding in batch.check(cluster(nodes=1))]


def test_log_groups(account: Account) -> None:
    assert found("cluster.log-group").verdict is Verdict.PASS  # Batch makes its own
    missing = found("cluster.log-group", options={"log_group": "/ours"})
    assert (missing.verdict, missing.remedy) == (
        Verdict.FAIL,
        "aws logs create-log-group --log-group-name /ours",
    )
    account.client("logs").create_log_group(logGroupName="/ours/too")
    assert found("cluster.log-group", options={"log_group": "/ours"}).verdict is Verdict.FAIL
    account.client("logs").create_log_group(logGroupName="/ours")
    assert found("cluster.log-group", options={"log_group": "/ours"}).verdict is Verdict.PASS
