"""Whether a reservation or Capacity Block is what instances want, where they are, and when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from seatrial import aws
from seatrial.findings import Finding, judged
from seatrial.preflight.site import FAIL, PASS, UNKNOWN, WARN, Group, Site, rule

_EC2 = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide"
_VERDICTS = (PASS, WARN, FAIL, UNKNOWN)

RESERVATION = rule(
    "reservation",
    _VERDICTS,
    reads="ec2 describe-capacity-reservations",
    expected="active, of the instance type and kind, with as many instances as run at most",
    why="instances that ask for a reservation without room for them do not start",
    remedy="name another reservation, or change instance type, capacity or number",
    source=f"{_EC2}/capacity-reservations-viewing.html, {_EC2}/capacity-blocks-using.html",
    good="cr-0123456789abcdef0: active, 4 x p5.48xlarge",
    bad="cr-0123456789abcdef0: expired, 4 x p5.48xlarge",
)
ZONE = rule(
    "reservation-zone",
    reads="ec2 describe-capacity-reservations, describe-subnets",
    expected="the zone of the reservation is that of the subnet",
    why="a reservation serves its own zone alone, and a subnet is in one zone",
    remedy="name the reservation's zone first in zones, or a subnet of that zone",
    source=f"{_EC2}/ec2-capacity-reservations.html",
    good="reservation and subnet are in usw2-az1",
    bad="the reservation is in usw2-az1, the subnet in usw2-az2",
)

WAITING = ("scheduled", "pending", "payment-pending", "assessing", "delayed")
"""States in which a reservation is not yet what it will be: the API's CapacityReservation, field state."""
SOON = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reservation:
    """A reservation as EC2 describes it."""

    id: str
    state: str
    kind: str
    """``default``, or ``capacity-block``."""
    instance_type: str
    total: int
    free: int
    zone: str
    zone_id: str
    start: datetime | None = None
    end: datetime | None = None

    @classmethod
    def of(cls, described: dict[str, Any]) -> Reservation:
        """Of an answer of EC2."""
        return cls(
            id=described["CapacityReservationId"],
            state=described["State"],
            kind=described.get("ReservationType", "default"),
            instance_type=described["InstanceType"],
            total=described["TotalInstanceCount"],
            free=described["AvailableInstanceCount"],
            zone=described["AvailabilityZone"],
            zone_id=described.get("AvailabilityZoneId", "?"),
            start=described.get("StartDate"),
            end=described.get("EndDate"),
        )


def judge(group: Group, found: Reservation | None, now: datetime) -> Finding:
    """State, kind, type, number and dates of the reservation that instances name; None: there is none of that id."""
    one = group.instances
    if found is None:
        return RESERVATION.finding(FAIL, f"{group.what}: there is no reservation {one.reservation} in the region")
    wrong, doubtful = list(_wrong(group, found, now)), list(_doubtful(group, found, now))
    told = "; ".join(wrong + doubtful) or f"{found.state}, {found.total} x {found.instance_type}"
    verdict = FAIL if wrong else WARN if doubtful else PASS
    expected = f"active, {one.at_most} x {one.instance_type}, {one.capacity}"
    return RESERVATION.finding(verdict, f"{group.what}: {found.id}: {told}", expected=expected)


def _wrong(group: Group, found: Reservation, now: datetime) -> Iterator[str]:
    one = group.instances
    if found.state != "active" and found.state not in WAITING:
        yield f"it is {found.state}"
    elif found.end and found.end <= now:
        yield f"it ended {found.end:%Y-%m-%d %H:%M} UTC"
    block = found.kind == "capacity-block"
    if block != (one.capacity == "capacity-block"):
        yield f"it is {'a Capacity Block' if block else 'no Capacity Block'}, but capacity is {one.capacity}"
    if found.instance_type != one.instance_type:
        yield f"it is of {found.instance_type}"
    if found.total < one.at_most:
        yield f"it has {found.total} instances, {one.at_most} may run"


def _doubtful(group: Group, found: Reservation, now: datetime) -> Iterator[str]:
    if found.state in WAITING:
        begin = f" and starts {found.start:%Y-%m-%d %H:%M} UTC" if found.start else ""
        yield f"it is {found.state}{begin}: nothing runs in it before"
    elif found.state == "active" and found.total >= group.instances.at_most > found.free:
        yield f"{found.free} of its {found.total} instances are free"
    if found.end and now < found.end <= now + SOON:
        yield f"it ends {found.end:%Y-%m-%d %H:%M} UTC"


def judge_zone(group: Group, found: Reservation, zones: frozenset[str]) -> Finding:
    """Where the reservation is and where the instances are: `zones` has name or id of theirs, or nothing."""
    theirs = f"{found.zone} ({found.zone_id})"
    remedy = f'name "{found.zone_id}" first in zones, or a subnet in {theirs}'
    if not zones:
        observed = f"{group.what}: {found.id} is in {theirs}, and no zone is named"
        return ZONE.finding(UNKNOWN, observed, remedy=remedy)
    fine = bool(zones & {found.zone, found.zone_id})
    observed = f"{group.what}: {found.id} is in {theirs}, the instances are in {' '.join(sorted(zones))}"
    return ZONE.finding(judged(fine), observed, remedy=remedy)


def concerns(site: Site) -> bool:
    """Whether instances name a reservation of EC2."""
    return bool(_reserved(site))


def _reserved(site: Site) -> list[Group]:
    return [group for group in site.groups if group.instances.reservation and group.instances.service == "ec2"]


def look(site: Site) -> Iterator[Finding]:
    """Each reservation that instances name."""
    for group in _reserved(site):
        named = str(group.instances.reservation)
        if not named.startswith("cr-"):
            observed = f"{group.what}: what is in {named} is not looked at: it is no single reservation"
            yield RESERVATION.finding(UNKNOWN, observed, remedy="look at each of its reservations")
            continue
        found = _described(site, named)
        yield judge(group, found, datetime.now(UTC))
        if found:
            yield judge_zone(group, found, site.zones(group))


def _described(site: Site, named: str) -> Reservation | None:
    from botocore.exceptions import ClientError

    try:
        answer = site.client("ec2").describe_capacity_reservations(CapacityReservationIds=[named])
    except ClientError as error:
        if aws.error_code(error).startswith("InvalidCapacityReservationId"):
            return None
        raise
    found = answer["CapacityReservations"]
    return Reservation.of(found[0]) if found else None
