"""What can be wrong with the parameters, found without asking AWS."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from ipaddress import IPv4Network, ip_network

from seatrial.architectures.vpc import NEW_CIDR, Params
from seatrial.architectures.vpc.layout import LARGEST, SMALLEST, ZONES
from seatrial.errors import Problem

PRIVATE = tuple(IPv4Network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"))
"""RFC 1918 and RFC 6598: addresses that nobody has in the internet, where nodes could not reach them any more."""

DOCKER = IPv4Network("172.17.0.0/16")
"""Docker's bridge on every node, and what AWS advises against for a VPC, since some of its services use it:
https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html"""

IDS = {"vpc": "VPC", "subnet": "subnet", "sg": "security group"}
"""What ids begin with -> what they are of."""

ABBREVIATIONS = {"northeast": "ne", "northwest": "nw", "southeast": "se", "southwest": "sw"}
"""Of words in a region's name, in the ids of its zones. Of all others it is the first letter."""


def problems(params: Params) -> Iterator[Problem]:
    """Everything that is wrong."""
    yield from _zones(params)
    yield from _addresses(params)
    if params.nat != "none" and not params.public and not params.vpc_id:
        what = f'nat is "{params.nat}", but public is false: a NAT gateway is in a public subnet'
        yield Problem(what, "nat", 'give nat = "none", or public = true')
    yield from _twice("endpoints", params.endpoints)
    yield from _existing(params)
    yield from _ids(params)


def zone_ids(region: str) -> str:
    """What the ids of a region's zones begin with: ``usw2`` of us-west-2."""
    area, *words, number = region.split("-")
    return area + "".join(ABBREVIATIONS.get(word, word[0]) for word in words) + number


def _zones(params: Params) -> Iterator[Problem]:
    if len(params.zones) > ZONES:
        yield Problem(f"{len(params.zones)} zones: there is room for {ZONES}", "zones", f"name {ZONES} at most")
    yield from _twice("zones", params.zones)
    ids = zone_ids(params.region)
    for zone in params.zones:
        if not re.fullmatch(f"{params.region}[a-z]|{ids}-az[0-9]+", zone):
            what = f"{zone} is no availability zone of region {params.region}"
            yield Problem(what, "zones", f"name it as {params.region}a, or by its id as {ids}-az1; or change region")


def _addresses(params: Params) -> Iterator[Problem]:
    text = params.cidr or NEW_CIDR
    try:
        cidr = ip_network(text, strict=False)
    except ValueError:
        yield Problem(f"{text} is no range of IPv4 addresses", "cidr", f"write it as {NEW_CIDR}")
        return
    if str(cidr) != text or not isinstance(cidr, IPv4Network):
        meant = cidr if isinstance(cidr, IPv4Network) else NEW_CIDR
        yield Problem(f"{text} is no range of IPv4 addresses", "cidr", f"did you mean {meant}?")
        return
    if params.vpc_id:  # it is as it is
        return
    if not LARGEST <= cidr.prefixlen <= SMALLEST:
        size = "small" if cidr.prefixlen > SMALLEST else "large"
        what = f"{text} has {cidr.num_addresses} addresses: too {size} for a VPC with its subnets"
        yield Problem(what, "cidr", f"give a range of /{LARGEST} to /{SMALLEST}, such as {NEW_CIDR}")
    if not any(cidr.subnet_of(block) for block in PRIVATE):
        allowed = ", ".join(map(str, PRIVATE))
        yield Problem(f"{text} is not private: others have these addresses", "cidr", f"choose from {allowed}")
    if cidr.overlaps(DOCKER):
        yield Problem(f"{text} overlaps {DOCKER}, which Docker takes on every node", "cidr", "give another range")


def _existing(params: Params) -> Iterator[Problem]:
    """A VPC that is there is described in full; without one there is nothing to describe."""
    if not params.vpc_id:
        for name in ("private_subnets", "public_subnets", "security_group"):
            if getattr(params, name):
                what = f"{name} names what is there already, but vpc_id does not say in which VPC"
                yield Problem(what, name, f"give vpc_id too, or leave {name} out")
        return
    for name in ("cidr", "zones", "private_subnets"):
        if not getattr(params, name):
            what = f"vpc_id names a VPC that is there already, and {name} is missing"
            yield Problem(what, name, f"give its {name} too, or leave vpc_id out for a new one")
    defaults = {one.name: one.default for one in fields(Params)}
    for name in ("public", "nat", "flow_log_days"):
        if getattr(params, name) != defaults[name]:
            what = f"{name} is of a new VPC, but vpc_id names one that is there already"
            yield Problem(what, name, f"leave {name} out, or vpc_id")
    if params.zones and params.private_subnets and len(params.zones) != len(params.private_subnets):
        what = f"zones are {len(params.zones)}, but private_subnets are {len(params.private_subnets)}"
        yield Problem(what, "zones", "name one zone for each private subnet, in the same order")


def _ids(params: Params) -> Iterator[Problem]:
    yield from _wrong_ids("vpc_id", "vpc", [params.vpc_id] if params.vpc_id else [])
    yield from _wrong_ids("private_subnets", "subnet", params.private_subnets)
    yield from _wrong_ids("public_subnets", "subnet", params.public_subnets)
    yield from _wrong_ids("security_group", "sg", [params.security_group] if params.security_group else [])
    yield from _twice("private_subnets", params.private_subnets)
    yield from _twice("public_subnets", params.public_subnets)
    for both in sorted({*params.private_subnets} & {*params.public_subnets}):
        what = f"{both} is among private_subnets and among public_subnets"
        yield Problem(what, "public_subnets", "a subnet is one or the other: leave it out of one")


def _wrong_ids(name: str, kind: str, given: Iterable[str]) -> Iterator[Problem]:
    for one in given:
        if not re.fullmatch(rf"{kind}-([0-9a-f]{{8}}|[0-9a-f]{{17}})", one):
            account = ", but looks like that of an account" if re.fullmatch(r"[0-9]{12}", one) else ""
            yield Problem(f"{one} is no id of a {IDS[kind]}{account}", name, f"write it as {kind}-0123456789abcdef0")


def _twice(name: str, given: Sequence[str]) -> Iterator[Problem]:
    for one, times in Counter(given).items():
        if times > 1:
            yield Problem(f"{one} is named {times} times", name, "name it once")
