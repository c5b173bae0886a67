"""What can be wrong with instances that parameters name: their type, their AMI, and how they are bought."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Protocol

from seatrial.architectures._architecture import Capacity
from seatrial.errors import Problem, UserError
from seatrial.hardware import instances

AMI = re.compile(r"ami-([0-9a-z]{8}|[0-9a-z]{17})")
RESERVATION = re.compile(r"cr-[0-9a-f]{17}")
GROUP = re.compile(r"arn:aws[a-z-]*:resource-groups:([a-z0-9-]+):[0-9]{12}:group/[A-Za-z0-9_.-]+")
GROUP_SHAPE = "arn:aws:resource-groups:REGION:ACCOUNT:group/NAME"


class Bought(Protocol):
    """Parameters that say how instances are bought."""

    @property
    def capacity(self) -> Capacity:
        """How."""

    @property
    def reservation(self) -> str | None:
        """Id of a reservation or Capacity Block, or the ARN of a resource group of reservations."""


def instance(name: str) -> instances.Instance | Problem:
    """The instance type of that name, or why there is none; the problem says no place."""
    if name.startswith("ml."):
        return Problem(f"{name} is a type of SageMaker", "", f"write {name.removeprefix('ml.')}")
    try:
        return instances.instance(name)
    except UserError as error:
        return error.problems[0]


def ami(image: str | None, where: str) -> Iterable[Problem]:
    """Whether it has the form of an id."""
    if image is not None and not AMI.fullmatch(image):
        yield Problem(f"{image} is no id of an AMI{account(image)}", where, "it has the form ami-0123456789abcdef0")


def account(text: str) -> str:
    """What else it may be: people mix ids up."""
    return ": it looks like that of an account" if re.fullmatch(r"[0-9]{12}", text) else ""


def capacity(one: Bought, region: str) -> Iterable[Problem]:
    """Whether capacity and reservation go together; places are their names."""
    reserved = one.capacity in ("reservation", "capacity-block")
    if one.reservation is None:
        if reserved:
            remedy = 'add reservation = "cr-...", or choose another capacity'
            yield Problem(f"capacity is {one.capacity}, but reservation names none", "reservation", remedy)
    elif not reserved:
        remedy = "leave it out, or set capacity to reservation or capacity-block"
        yield Problem(f"capacity is {one.capacity}, but reservation is {one.reservation}", "reservation", remedy)
    else:
        yield from _reservation(one.capacity, one.reservation, region)


def _reservation(capacity: Capacity, reservation: str, region: str) -> Iterable[Problem]:
    group = GROUP.fullmatch(reservation)
    if capacity == "capacity-block" and not RESERVATION.fullmatch(reservation):
        what = f"{reservation} is no id of a Capacity Block{account(reservation)}"
        yield Problem(what, "reservation", "it has the form cr-0123456789abcdef0")
    elif not (group or RESERVATION.fullmatch(reservation)):
        what = f"{reservation} is neither an id of a reservation nor the ARN of a resource group{account(reservation)}"
        yield Problem(what, "reservation", f"it has the form cr-0123456789abcdef0 or {GROUP_SHAPE}")
    elif group and group[1] != region:
        what = f"the resource group is in {group[1]}, but region is {region}"
        yield Problem(what, "reservation", "name one of the same region")
