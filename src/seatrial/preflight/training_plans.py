"""Whether a training plan of SageMaker is what a HyperPod cluster's nodes want, where they are, and when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from seatrial import aws
from seatrial.findings import Finding
from seatrial.preflight.site import FAIL, PASS, UNKNOWN, WARN, Group, Site, rule

PLAN = rule(
    "training-plan",
    (PASS, WARN, FAIL, UNKNOWN),
    reads="sagemaker describe-training-plan; the network's parameters",
    expected="active, for HyperPod, of the instance type, with as many instances, in the zone of the subnet",
    why="a cluster whose nodes ask for a plan without room for them is not made, which SageMaker says after minutes",
    remedy="name another plan, change instance type or number, or name the plan's zone first in zones",
    source="https://docs.aws.amazon.com/sagemaker/latest/dg/reserve-capacity-with-training-plans.html",
    good="ours: Active, 4 x ml.p5.48xlarge in usw2-az1",
    bad="ours: Expired, 4 x ml.p5.48xlarge in usw2-az1",
)
TARGET = "hyperpod-cluster"


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A training plan as SageMaker describes it."""

    name: str
    status: str
    targets: frozenset[str]
    instance_types: frozenset[str]
    total: int
    zones: frozenset[str]
    """Names and ids of the zones of its capacity."""
    start: datetime | None = None
    end: datetime | None = None

    @classmethod
    def of(cls, described: dict[str, Any]) -> Plan:
        """Of an answer of SageMaker."""
        parts = described.get("ReservedCapacitySummaries", ())
        places = (part.get(key) for part in parts for key in ("AvailabilityZone", "AvailabilityZoneId"))
        return cls(
            name=described["TrainingPlanName"],
            status=described["Status"],
            targets=frozenset(described.get("TargetResources", ())),
            instance_types=frozenset(part["InstanceType"] for part in parts),
            total=described.get("TotalInstanceCount", 0),
            zones=frozenset(place for place in places if place),
            start=described.get("StartTime"),
            end=described.get("EndTime"),
        )


def judge(group: Group, found: Plan | None, zones: frozenset[str], now: datetime) -> Finding:
    """About the plan of one kind of nodes, None if there is none; `zones`: name or id of theirs, or nothing."""
    one = group.instances
    if found is None:
        return PLAN.finding(FAIL, f"{group.what}: there is no training plan {one.reservation}")
    wrong, doubtful = list(_wrong(group, found, zones, now)), list(_doubtful(found, zones))
    where = f" in {' '.join(sorted(found.zones))}" if found.zones else ""
    told = "; ".join(wrong + doubtful) or f"{found.status}, {found.total} x {' '.join(found.instance_types)}{where}"
    verdict = FAIL if wrong else WARN if doubtful else PASS
    return PLAN.finding(verdict, f"{group.what}: {found.name}: {told}")


def _wrong(group: Group, found: Plan, zones: frozenset[str], now: datetime) -> Iterator[str]:
    one = group.instances
    if found.status not in ("Active", "Scheduled", "Pending"):
        yield f"it is {found.status}"
    elif found.end and found.end <= now:
        yield f"it ended {found.end:%Y-%m-%d %H:%M} UTC"
    if TARGET not in found.targets:
        yield f"it is for {', '.join(sorted(found.targets)) or 'nothing'}, not for HyperPod"
    if f"ml.{one.instance_type}" not in found.instance_types:
        yield f"it is of {', '.join(sorted(found.instance_types)) or 'no instances'}"
    if found.total < one.at_most:
        yield f"it has {found.total} instances, {one.at_most} are wanted"
    if zones and found.zones and not zones & found.zones:
        yield f"it is in {' '.join(sorted(found.zones))}, the nodes are in {' '.join(sorted(zones))}"


def _doubtful(found: Plan, zones: frozenset[str]) -> Iterator[str]:
    if found.status in ("Scheduled", "Pending"):
        begin = f" and starts {found.start:%Y-%m-%d %H:%M} UTC" if found.start else ""
        yield f"it is {found.status}{begin}: nothing runs in it before"
    if found.zones and not zones:
        yield f"it is in {' '.join(sorted(found.zones))}, and no zone is named"


def _planned(site: Site) -> list[Group]:
    return [group for group in site.groups if group.instances.capacity == "training-plan"]


def concerns(site: Site) -> bool:
    """Whether nodes name a training plan."""
    return bool(_planned(site))


def look(site: Site) -> Iterator[Finding]:
    """Each plan that nodes name."""
    for group in _planned(site):
        found = _described(site, str(group.instances.reservation).rpartition("/")[2])
        yield judge(group, found, site.zones(group), datetime.now(UTC))


def _described(site: Site, name: str) -> Plan | None:
    from botocore.exceptions import ClientError

    try:
        return Plan.of(site.client("sagemaker").describe_training_plan(TrainingPlanName=name))
    except ClientError as error:
        if aws.error_code(error) != "ResourceNotFound":
            raise
        return None
