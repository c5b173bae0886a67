"""Which subnet has which addresses. It does not depend on how many zones there are: another zone moves nothing.

The first half is the private subnet of the first zone, for compute: of a /16 it has 32763 addresses, and a
p5.48xlarge takes one for each of its 32 EFA interfaces. The other half is cut into eight. Five are the private
subnets of the other zones, and the last one is cut into sixteen, of which six are the public subnets.
"""

from __future__ import annotations

from ipaddress import IPv4Network

LARGEST, SMALLEST = 16, 20
"""Prefixes of a VPC: it has at most a /16, and a public subnet, 1/256 of it, at least a /28.
https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html"""

ZONES = 6
"""Zones that there is room for: no region has more."""


def private(cidr: IPv4Network, zone: int) -> IPv4Network:
    """Addresses of the private subnet of a zone, the first of which is 0."""
    first, *_ = cidr.subnets(1)
    return first if zone == 0 else [*cidr.subnets(4)][7 + zone]


def public(cidr: IPv4Network, zone: int) -> IPv4Network:
    """Addresses of the public subnet of a zone."""
    return [*cidr.subnets(8)][240 + zone]
