"""Nodes that SageMaker runs: its own quotas and training plans, and what EC2 does not know of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from seatrial.findings import Verdict
from seatrial.preflight import offerings, placement, quotas, reservations, training_plans
from tests.preflight.conftest import QUEUE, group, site

FAIL, PASS, UNKNOWN, WARN = Verdict.FAIL, Verdict.PASS, Verdict.UNKNOWN, Verdict.WARN
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
ARN = "arn:aws:sagemaker:us-west-2:111122223333:training-plan/ours"
NODES = {"service": "sagemaker", "placement_group": False, "at_least": 4}
PLANNED = {**NODES, "capacity": "training-plan", "reservation": ARN}


@pytest.mark.parametrize("changes", [NODES, PLANNED])
def test_sagemaker_places_nodes_itself(changes):
    [found] = placement.judge([group(**changes)])
    assert found.verdict is PASS


def test_they_count_in_no_quota_of_ec2():
    assert quotas.needed_vcpus([group(**NODES), group(**PLANNED)]) == ({}, [])


def test_nodes_are_summed_by_instance_type_without_those_of_training_plans():
    found = quotas.needed_nodes([group(**NODES), group(**NODES, at_most=2), group(**PLANNED), group()])
    assert found == {"ml.p5.48xlarge for cluster usage": 6}


def quota(name, code, value):
    return {"QuotaName": name, "QuotaCode": code, "Value": value}


@pytest.mark.parametrize(("own", "verdict"), [(4.0, PASS), (3.0, FAIL), (None, FAIL)])
def test_the_accounts_own_quota_counts_and_else_the_default(account, own, verdict):
    name = "ml.p5.48xlarge for cluster usage"
    defaults = [quota("ml.p5.48xlarge for endpoint usage", "L-1", 8.0), quota(name, "L-2", 0.0)]
    account.says(
        "service-quotas", "list_aws_default_service_quotas", {"Quotas": defaults}, {"ServiceCode": "sagemaker"}
    )
    account.says("service-quotas", "list_service_quotas", {"Quotas": [quota(name, "L-2", own)] if own else []})
    [found] = quotas.look_nodes(site(replace(QUEUE, **NODES)))
    assert (found.check, found.verdict) == ("arch.quota-nodes", verdict)
    assert found.observed == f"{name}: {own or 0:g}, 4 are needed"
    assert verdict is PASS or "--service-code sagemaker --quota-code L-2 --desired-value 4" in found.remedy


def test_a_quota_that_is_not_listed_is_unknown(account):
    for operation in ("list_aws_default_service_quotas", "list_service_quotas"):
        account.says("service-quotas", operation, {"Quotas": []})
    [found] = quotas.look_nodes(site(replace(QUEUE, **NODES)))
    assert found.verdict is UNKNOWN


def test_where_sagemaker_has_an_instance_type_is_unknown_unless_the_region_lacks_it():
    there = {"p5.48xlarge": {"us-west-2a": "usw2-az1"}}
    assert offerings.judge(group(**NODES), frozenset({"usw2-az1"}), there, 4).verdict is UNKNOWN
    assert offerings.judge(group(**NODES), frozenset({"usw2-az1"}), {}, 4).verdict is FAIL


def test_ec2_is_not_asked_for_a_training_plan():
    assert not reservations.concerns(site(replace(QUEUE, **PLANNED)))
    assert training_plans.concerns(site(replace(QUEUE, **PLANNED)))
    assert not training_plans.concerns(site(replace(QUEUE, **NODES)))


PLAN = training_plans.Plan(
    name="ours", status="Active", targets=frozenset({"hyperpod-cluster"}), instance_types=frozenset({"ml.p5.48xlarge"}),
    total=4, zones=frozenset({"us-west-2a", "usw2-az1"}), start=NOW - timedelta(days=1), end=NOW + timedelta(days=5),
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "zones", "verdict", "told"),
    [
        ({}, {"usw2-az1"}, PASS, "ours: Active, 4 x ml.p5.48xlarge in us-west-2a usw2-az1"),
        ({"status": "Expired"}, {"usw2-az1"}, FAIL, "it is Expired"),
        ({"end": NOW}, {"usw2-az1"}, FAIL, "it ended 2026-11-29 12:00 UTC"),
        ({"targets": frozenset({"training-job"})}, {"usw2-az1"}, FAIL, "it is for training-job, not for HyperPod"),
        ({"instance_types": frozenset({"ml.p5e.48xlarge"})}, {"usw2-az1"}, FAIL, "it is of ml.p5e.48xlarge"),
        ({"total": 3}, {"usw2-az1"}, FAIL, "it has 3 instances, 4 are wanted"),
        ({}, {"us-west-2b"}, FAIL, "it is in us-west-2a usw2-az1, the nodes are in us-west-2b"),
        ({}, set(), WARN, "no zone is named"),
        ({"status": "Scheduled", "start": NOW + timedelta(days=1)}, {"usw2-az1"}, WARN, "starts 2026-11-30 12:00 UTC"),
    ],
)
def test_training_plans(changes, zones, verdict, told):
    found = training_plans.judge(group(**PLANNED), replace(PLAN, **changes), frozenset(zones), NOW)
    assert found.verdict is verdict and told in found.observed


def test_a_training_plan_that_sagemaker_describes(account):
    capacity = {
        "ReservedCapacityArn": ARN.replace("training-plan", "reserved-capacity"), "InstanceType": "ml.p5.48xlarge",
        "TotalInstanceCount": 4, "Status": "Active", "AvailabilityZone": "us-west-2a",
    }  # fmt: skip
    answer = {
        "TrainingPlanArn": ARN, "TrainingPlanName": "ours", "Status": "Active", "TotalInstanceCount": 4,
        "TargetResources": ["hyperpod-cluster"], "ReservedCapacitySummaries": [capacity],
    }  # fmt: skip
    account.says("sagemaker", "describe_training_plan", answer, {"TrainingPlanName": "ours"})
    [found] = training_plans.look(site(replace(QUEUE, **PLANNED, zone="us-west-2a")))
    assert found.verdict is PASS


def test_a_training_plan_that_is_not_there(account):
    account.refuses("sagemaker", "describe_training_plan", "ResourceNotFound")
    [found] = training_plans.look(site(replace(QUEUE, **PLANNED)))
    assert found.verdict is FAIL and f"there is no training plan {ARN}" in found.observed
