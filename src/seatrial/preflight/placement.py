"""Whether capacity, reservation, EFA and placement group of instances go together. Nothing is asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from seatrial.architectures import Instances
from seatrial.errors import UserError
from seatrial.findings import Finding
from seatrial.hardware import instances
from seatrial.preflight.site import FAIL, PASS, UNKNOWN, WARN, Group, rule

PLACEMENT = rule(
    "placement",
    (PASS, WARN, FAIL, UNKNOWN),
    reads="the deployment's parameters",
    expected="a reservation where capacity says so; EFA where the type has it; a placement group outside reservations",
    why="instances outside their reservation are paid twice, or do not start; far from each other, or without EFA, jobs"
    " of several nodes are slow",
    remedy="change capacity, reservation or instance type",
    source="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/capacity-blocks-using.html, "
    "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa.html, "
    "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/cr-cpg.html",
    good='capacity = "capacity-block", reservation = "cr-0123456789abcdef0"',
    bad='capacity = "capacity-block", no reservation',
)

RESERVED = ("reservation", "capacity-block", "training-plan")


def judge(groups: Iterable[Group]) -> Iterator[Finding]:
    """A finding for each kind of instances."""
    for group in groups:
        one = group.instances
        try:
            kind = instances.instance(one.instance_type)
        except UserError as error:
            yield PLACEMENT.finding(UNKNOWN, f"{group.what}: {error.problems[0].what}", remedy=error.problems[0].remedy)
            continue
        wrong = list(_wrong(one, kind))
        slow = [] if wrong else list(_slow(one, kind))
        verdict = FAIL if wrong else WARN if slow else PASS
        told = "; ".join(wrong or slow) or f"{one.at_most} x {kind.name}, {one.capacity}"
        yield PLACEMENT.finding(verdict, f"{group.what}: {told}")


def _wrong(one: Instances, kind: instances.Instance) -> Iterator[str]:
    if one.capacity in RESERVED and not one.reservation:
        yield f"capacity is {one.capacity}, but no reservation is named"
    if one.capacity not in RESERVED and one.reservation:
        yield f"capacity is {one.capacity}, but reservation is {one.reservation}"
    if one.capacity == "capacity-block" and one.placement_group:
        yield "a Capacity Block is one place already, and starts nothing in a placement group"
    if one.efa and not kind.efa_interfaces:
        yield f"{kind.name} has no EFA"
    if one.at_least > one.at_most:
        yield f"at_least is {one.at_least}, but at_most is {one.at_most}"


def _slow(one: Instances, kind: instances.Instance) -> Iterator[str]:
    if one.at_most == 1 or not kind.accelerators:
        return
    if kind.efa_interfaces and not one.efa:
        yield f"{kind.name} has EFA, which is not used"
    # SageMaker places nodes itself, and takes no placement group.
    if one.service == "ec2" and one.efa and one.capacity not in RESERVED and not one.placement_group:
        yield "no placement group keeps them close together"
    if one.capacity == "reservation" and one.placement_group:
        yield "a placement group leaves of a reservation only what was reserved in that group"
