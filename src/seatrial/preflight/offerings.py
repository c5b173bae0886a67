"""Whether the region and the zone have the instance types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from seatrial.findings import Finding
from seatrial.preflight.site import FAIL, PASS, UNKNOWN, WARN, Group, Site, rule

OFFERED = rule(
    "offered",
    (PASS, WARN, FAIL, UNKNOWN),
    reads="ec2 describe-instance-type-offerings",
    expected="the instance type is offered in the zone",
    why="a type that the zone does not have never starts, in no capacity",
    remedy="name a zone that has it first in zones, or another region",
    source="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-discovery.html",
    good="p5.48xlarge in us-west-2b",
    bad="p5.48xlarge only in us-west-2a, us-west-2c",
)

Offerings = Mapping[str, Mapping[str, str]]
"""Instance type -> names of the zones that have it -> their ids."""


def judge(group: Group, zones: frozenset[str], offerings: Offerings, all_zones: int) -> Finding:
    """About one kind of instances; `zones` is the name or id of theirs, empty where it is left to AWS."""
    kind = group.instances.instance_type
    there = offerings.get(kind, {})
    if not there:
        return OFFERED.finding(FAIL, f"{group.what}: {kind} is not offered in the region", remedy="name another region")
    if group.instances.service == "sagemaker":
        return OFFERED.finding(UNKNOWN, f"{group.what}: EC2 has {kind}, SageMaker does not say where it has it")
    names = ", ".join(f"{name} ({zone_id})" for name, zone_id in sorted(there.items()))
    remedy = f"name one of these first in zones: {names}"
    if zones:
        fine = bool(zones & {*there, *there.values()})
        told = f"{kind} in {' '.join(sorted(zones))}" if fine else f"{kind} only in {names}"
        return OFFERED.finding(PASS if fine else FAIL, f"{group.what}: {told}", remedy=remedy)
    if len(there) == all_zones:
        return OFFERED.finding(PASS, f"{group.what}: {kind} in every zone")
    return OFFERED.finding(WARN, f"{group.what}: no zone is named, and {kind} is only in {names}", remedy=remedy)


def look(site: Site) -> Iterator[Finding]:
    """What the region offers."""
    ec2 = site.client("ec2")
    zones = {one["ZoneName"]: one["ZoneId"] for one in ec2.describe_availability_zones()["AvailabilityZones"]}
    kinds = sorted({group.instances.instance_type for group in site.groups})
    pages = ec2.get_paginator("describe_instance_type_offerings").paginate(
        LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": kinds}]
    )
    offerings: dict[str, dict[str, str]] = {}
    for page in pages:
        for one in page["InstanceTypeOfferings"]:
            offerings.setdefault(one["InstanceType"], {})[one["Location"]] = zones.get(one["Location"], "?")
    for group in site.groups:
        yield judge(group, site.zones(group), offerings, len(zones))
