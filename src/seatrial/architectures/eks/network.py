"""Addresses of services inside the cluster, which must not be those of the VPC."""

from __future__ import annotations

from ipaddress import IPv4Network

from seatrial.architectures._architecture import Facts
from seatrial.architectures.vpc import NEW_CIDR

SERVICES = ("172.20.0.0/16", "10.100.0.0/16")
"""EKS takes one of these by itself: https://docs.aws.amazon.com/eks/latest/userguide/create-cluster.html. What it took
would be known only afterwards, and custom AMIs must know it."""


def service_addresses(facts: Facts) -> str:
    """The first of the two that is free: no VPC is as large as to overlap with both."""
    vpc = IPv4Network(facts.needs["network"].params.cidr or NEW_CIDR, strict=False)
    return next(one for one in SERVICES if not vpc.overlaps(IPv4Network(one)))
