"""Whether the account may run so many vCPUs, so many nodes of HyperPod, and have so many VPCs and addresses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from seatrial import aws
from seatrial.aws.quotas import Quota, quota_of
from seatrial.findings import Finding, judged
from seatrial.hardware import instances
from seatrial.preflight.site import UNKNOWN, Group, Site, rule

VCPUS = rule(
    "quota-vcpus",
    reads="service-quotas get-service-quota",
    expected="vCPUs for all on-demand instances that run at most; others in the account count, too",
    why="EC2 starts no instance beyond the quota: a queue stops growing with VcpuLimitExceeded",
    remedy="aws service-quotas request-service-quota-increase",
    source="https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html",
    good="Running On-Demand P instances: 768 vCPUs, 768 are needed",
    bad="Running On-Demand P instances: 192 vCPUs, 768 are needed",
)
NODES = rule(
    "quota-nodes",
    reads="service-quotas list-service-quotas, list-aws-default-service-quotas",
    expected="the nodes of each instance type that HyperPod runs; other clusters in the account count, too",
    why="SageMaker makes no cluster beyond the quota, which is 0 for most instance types in a new account",
    remedy="aws service-quotas request-service-quota-increase",
    source="https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-prerequisites.html",
    good="ml.p5.48xlarge for cluster usage: 4, 4 are needed",
    bad="ml.p5.48xlarge for cluster usage: 0, 4 are needed",
)
COUNTS = rule(
    "quota-counts",
    reads="service-quotas get-service-quota; the templates; ec2 describe-vpcs, describe-addresses",
    expected="room for what the templates make",
    why="the stack fails in the middle, and rolls back",
    remedy="delete what nobody needs, or: aws service-quotas request-service-quota-increase",
    source="https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html",
    good="VPCs: 3 of 5 are there, 1 is made",
    bad="VPCs: 5 of 5 are there, 1 is made",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Counted:
    """A quota of things that templates make."""

    kind: str
    """Resource type."""
    name: str
    service: str
    code: str
    there: Callable[[Any], int]
    """How many a client of EC2 finds."""


def _pages(ec2: Any, operation: str, key: str) -> int:
    return sum(len(page[key]) for page in ec2.get_paginator(operation).paginate())


# https://docs.aws.amazon.com/general/latest/gr/vpc-service.html, .../ec2-service.html
COUNTED = (
    Counted(
        kind="AWS::EC2::VPC",
        name="VPCs",
        service="vpc",
        code="L-F678F1CE",
        there=lambda ec2: _pages(ec2, "describe_vpcs", "Vpcs"),
    ),
    Counted(
        kind="AWS::EC2::EIP",
        name="Elastic IP addresses",
        service="ec2",
        code="L-0263D0A3",
        there=lambda ec2: len(ec2.describe_addresses()["Addresses"]),
    ),
)


def needed_vcpus(groups: Iterable[Group]) -> tuple[dict[Quota, int], list[str]]:
    """Quota -> vCPUs of the on-demand instances that it counts, and what cannot be counted, with its reason."""
    needed: dict[Quota, int] = defaultdict(int)
    unknown = []
    vcpus = {kind.name: kind.vcpus for kind in instances.INSTANCES}
    for group in groups:
        one = group.instances
        quota = quota_of(one.instance_type)
        if one.service != "ec2":
            continue
        if one.capacity == "spot":
            unknown.append(f"{group.what}: spot instances have quotas of their own, which are not looked at")
        elif one.capacity != "on-demand":
            continue  # a reservation counts in the quota already, and a Capacity Block has one of its own
        elif quota is None or one.instance_type not in vcpus:
            unknown.append(f"{group.what}: which quota counts {one.instance_type} is not known")
        else:
            needed[quota] += one.at_most * vcpus[one.instance_type]
    return needed, unknown


def judge_vcpus(quota: Quota, needed: int, value: float) -> Finding:
    """About one of EC2's quotas."""
    remedy = "aws service-quotas request-service-quota-increase --service-code ec2 "
    remedy += f"--quota-code {quota.code} --desired-value {needed}"
    told = f"{quota.name}: {value:g} vCPUs, {needed} are needed"
    return VCPUS.finding(judged(value >= needed), told, remedy=remedy)


def needed_nodes(groups: Iterable[Group]) -> dict[str, int]:
    """Name of SageMaker's quota -> nodes that it counts. What a training plan holds has quotas of its own."""
    needed: dict[str, int] = defaultdict(int)
    for group in groups:
        one = group.instances
        if one.service == "sagemaker" and one.capacity == "on-demand":
            needed[f"ml.{one.instance_type} for cluster usage"] += one.at_most
    return needed


def judge_nodes(name: str, needed: int, quota: Mapping[str, Any] | None) -> Finding:
    """About one of SageMaker's quotas; None: there is none of that name."""
    if quota is None:
        return NODES.finding(UNKNOWN, f"there is no quota {name}, {needed} are needed")
    remedy = "aws service-quotas request-service-quota-increase --service-code sagemaker "
    remedy += f"--quota-code {quota['QuotaCode']} --desired-value {needed}"
    told = f"{name}: {quota['Value']:g}, {needed} are needed"
    return NODES.finding(judged(quota["Value"] >= needed), told, remedy=remedy)


def judge_count(quota: Counted, made: int, there: int, value: float) -> Finding:
    """About one quota of things."""
    told = f"{quota.name}: {there} of {value:g} are there, {made} {'is' if made == 1 else 'are'} made"
    remedy = "delete what nobody needs, or: aws service-quotas request-service-quota-increase "
    remedy += f"--service-code {quota.service} --quota-code {quota.code} --desired-value {there + made}"
    return COUNTS.finding(judged(there + made <= value), told, remedy=remedy)


def look(site: Site) -> Iterator[Finding]:
    """The quotas that instances and templates need."""
    quotas = site.client("service-quotas")
    needed, unknown = needed_vcpus(site.groups)
    for quota, vcpus in needed.items():
        yield judge_vcpus(quota, vcpus, _value(quotas, "ec2", quota.code))
    for reason in unknown:
        yield VCPUS.finding(UNKNOWN, reason)
    new = [name for name in site.templates if site.is_new(name)]
    for one in COUNTED:
        made = sum(1 for _ in site.resources(one.kind, new))
        if made:
            value = _value(quotas, one.service, one.code)
            yield judge_count(one, made, one.there(site.client("ec2")), value)


def concerns_nodes(site: Site) -> bool:
    """Whether there are nodes of HyperPod."""
    return bool(needed_nodes(site.groups))


def look_nodes(site: Site) -> Iterator[Finding]:
    """SageMaker's quotas, which have a code each, and are known by their names alone."""
    quotas = site.client("service-quotas")
    known: dict[str, Mapping[str, Any]] = {}
    for operation in ("list_aws_default_service_quotas", "list_service_quotas"):  # the account's own come last
        for page in quotas.get_paginator(operation).paginate(ServiceCode="sagemaker"):
            known |= {quota["QuotaName"]: quota for quota in page["Quotas"]}
    for name, needed in needed_nodes(site.groups).items():
        yield judge_nodes(name, needed, known.get(name))


def _value(quotas: Any, service: str, code: str) -> float:
    """That of the account, or AWS's default where nobody ever changed it."""
    from botocore.exceptions import ClientError

    asked: Mapping[str, str] = {"ServiceCode": service, "QuotaCode": code}
    try:
        return float(quotas.get_service_quota(**asked)["Quota"]["Value"])
    except ClientError as error:
        if aws.error_code(error) != "NoSuchResourceException":
            raise
        return float(quotas.get_aws_default_service_quota(**asked)["Quota"]["Value"])
