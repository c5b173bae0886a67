"""What a deployment costs an hour: a line for each thing, and a sum that says what it lacks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from seatrial.architectures import Deployment, Instances, Usage
from seatrial.prices.entry import Price
from seatrial.prices.refreshing import WANTED
from seatrial.prices.table import price

VARIES = {
    "spot": "spot prices change by the hour",
    "capacity-block": "a Capacity Block is paid in advance, at the price it was bought for",
    "training-plan": "a training plan is paid in advance, at the price it was bought for",
}
"""Capacity that has no list price -> why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One thing on a bill."""

    what: str
    """For people: ``queue gpu``."""
    item: str
    """Key in the table of prices."""
    at_least: float
    """Quantity in the unit of the item, always."""
    at_most: float
    """Quantity at times."""
    price: Price | None
    """Of one; None: unknown."""
    why: str = ""
    """Why it is unknown."""

    @property
    def hourly_at_least(self) -> float | None:
        """USD an hour, always; None: unknown."""
        return _times(self.at_least, self.price)

    @property
    def hourly_at_most(self) -> float | None:
        """USD an hour with everything running; None: unknown."""
        return _times(self.at_most, self.price)


@dataclass(frozen=True, kw_only=True, slots=True)
class Bill:
    """What something costs an hour. What is billed by use, such as traffic, is in none of the lines."""

    region: str
    lines: tuple[Line, ...]

    @property
    def at_least(self) -> float:
        """USD an hour of what is known and always runs."""
        return sum(line.hourly_at_least or 0.0 for line in self.lines)

    @property
    def at_most(self) -> float:
        """USD an hour of what is known, with everything running."""
        return sum(line.hourly_at_most or 0.0 for line in self.lines)

    @property
    def unknown(self) -> tuple[Line, ...]:
        """What has a price that is not known."""
        return tuple(line for line in self.lines if line.hourly_at_most is None)

    @property
    def complete(self) -> bool:
        """Whether the sums hold everything."""
        return not self.unknown

    def __str__(self) -> str:
        """``$1.94/h idle, $222.10/h with everything running``, and what is unknown."""
        plus = "" if self.complete else "at least "
        sums = f"{plus}{dollars(self.at_least)}/h"
        if any(line.at_least != line.at_most for line in self.lines):
            sums += f" idle, {plus}{dollars(self.at_most)}/h with everything running"
        missing = "; ".join(f"{line.what} ({line.why})" for line in self.unknown)
        return f"{sums}; unknown: {missing}" if missing else sums


def bill(deployment: Deployment) -> Bill:
    """That of a deployment and of what it needs."""
    lines = [
        line
        for one in deployment.order()
        for line in hourly(
            deployment.params.region,
            one.architecture.instances(one.params, one.facts),
            one.architecture.usage(one.params, one.facts),
            prefix=f"{one.name}: ",
        ).lines
    ]
    return Bill(region=deployment.params.region, lines=tuple(lines))


def hourly(region: str, instances: Iterable[Instances] = (), usages: Iterable[Usage] = (), prefix: str = "") -> Bill:
    """That of instances and whatever else is used, in a region."""
    lines = (*(_instances(one, region) for one in instances), *(_usage(one, region) for one in usages))
    return Bill(region=region, lines=tuple(replace(line, what=prefix + line.what) for line in lines))


def dollars(usd: float) -> str:
    """``$55.04``; what is less than a dollar to a hundredth of a cent."""
    return f"${usd:,.2f}" if usd >= 1 or not usd else f"${usd:.4f}"


def no_price(item: str, region: str) -> str:
    """Why a price is unknown that could be known."""
    can = item.startswith("ec2/") or item in {one.item for one in WANTED}
    remedy = f": seatrial prices refresh --region {region}" if can else ""
    return f"no price of {item} in {region} is known{remedy}"


def _instances(one: Instances, region: str) -> Line:
    item = f"ec2/{one.instance_type}" if one.service == "ec2" else f"sagemaker/ml.{one.instance_type}"
    why = VARIES.get(one.capacity, "")
    # An On-Demand Capacity Reservation costs as much as what would run in it, and idle as well: nothing on top.
    found = None if why else price(item, region)
    return Line(
        what=one.what,
        item=item,
        at_least=one.at_least,
        at_most=one.at_most,
        price=found,
        why="" if found else why or no_price(item, region),
    )


def _usage(one: Usage, region: str) -> Line:
    found = price(one.item, region)
    why = "" if found else no_price(one.item, region)
    return Line(what=one.what, item=one.item, at_least=one.quantity, at_most=one.quantity, price=found, why=why)


def _times(quantity: float, one: Price | None) -> float | None:
    if not quantity:
        return 0.0
    return None if one is None else quantity * one.hourly
