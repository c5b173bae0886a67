"""What EKS would refuse, most of it only after minutes, and what could not work."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from ipaddress import IPv4Network

from seatrial.architectures._architecture import Facts
from seatrial.architectures._instances import account, ami, capacity, instance
from seatrial.architectures.eks import SYSTEM, Group, Params
from seatrial.architectures.vpc.rules import PRIVATE
from seatrial.errors import Problem
from seatrial.image import mutable
from seatrial.versions.eks import RELEASES

NAME = re.compile(r"[a-z][a-z0-9-]{0,24}")
MOST_GROUPS = 29
"""30 managed node groups of a cluster, of which the system has one:
https://docs.aws.amazon.com/eks/latest/userguide/service-quotas.html, as is the next."""
MOST_ADDRESSES = 40
LARGEST = 8
"""Length of the prefix of the largest block that an organisation has."""
LEAST_SYSTEM_GIB = 8
"""What CoreDNS, the operators' controllers and Kueue fit into, with room for rolling updates. Our choice."""
PRINCIPAL = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/\S+")
SESSION = re.compile(r"arn:aws[a-z-]*:sts::([0-9]{12}):assumed-role/([^/\s]+)/\S+")


def check(params: Params, facts: Facts) -> Iterable[Problem]:
    """All that is wrong."""
    yield from _network(facts)
    yield from _system(params)
    yield from _groups(params)
    yield from _administrators(params)
    yield from _addresses(params)
    yield from _hyperpod(params)
    for where in ("image", "agent"):
        image: str | None = getattr(params, where)
        if image and (reason := mutable(image)):
            what = f"{image} {reason}: it may be another image tomorrow"
            yield Problem(what, where, "name it by a tag that nobody moves, or by its digest")


def _network(facts: Facts) -> Iterable[Problem]:
    network = facts.needs["network"]
    if network.params.zone_count < 2:
        # https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html
        what = f"EKS wants subnets in two zones, but {network.name} has one"
        yield Problem(what, "network", f"name a second one in zones of {network.name}: groups stay in the first")
    if network.params.nat == "none" and network.params.vpc_id is None:
        what = f"nodes must reach registries of images outside AWS, but nat of {network.name} is none"
        yield Problem(what, "network", f"set nat of {network.name} to one, or name another network")


def _hyperpod(params: Params) -> Iterable[Problem]:
    """Whether HyperPod takes the cluster."""
    if not params.hyperpod:
        return
    if RELEASES[params.version].hyperpod is None:
        known = ", ".join(name for name, release in RELEASES.items() if release.hyperpod is not None)
        what = f"whether HyperPod supports Kubernetes {params.version} is unknown"
        yield Problem(what, "version", f"set it to {known}, or hyperpod to false")
    if params.groups:
        what = "HyperPod makes the nodes that run jobs, and two of ours would both rule over the cluster's queue"
        yield Problem(what, "groups", "set it to [], and name groups in a deployment of hyperpod-eks")


def _system(params: Params) -> Iterable[Problem]:
    found = instance(params.system_instance_type)
    where = "system_instance_type"
    if isinstance(found, Problem):
        yield Problem(found.what, where, found.remedy)
    elif found.accelerator:
        what = f"{found.name} has accelerators, which nothing on system nodes uses"
        yield Problem(what, where, "choose a type without, such as m5.2xlarge")
    elif found.memory_mib < LEAST_SYSTEM_GIB * 1024:
        what = f"{found.name} has {found.memory_mib / 1024:.0f} GiB, but operators need {LEAST_SYSTEM_GIB} GiB"
        yield Problem(what, where, "choose a larger one, such as m5.2xlarge")


def _groups(params: Params) -> Iterable[Problem]:
    if len(params.groups) > MOST_GROUPS:
        what = f"{len(params.groups)} groups, but a cluster has {MOST_GROUPS} beside its system nodes"
        yield Problem(what, "groups", "name fewer")
    # Hyphens are no part of what CloudFormation calls a resource.
    for name, count in Counter(group.name.replace("-", "") for group in params.groups).items():
        if count > 1:
            what = f"{count} groups are called {name}, but for hyphens"
            yield Problem(what, "groups", "give each a name of its own")
    for place, group in enumerate(params.groups):
        for problem in (*_group(group), *capacity(group, params.region), *ami(group.custom_ami, "custom_ami")):
            yield Problem(problem.what, f"groups[{place}].{problem.where}", problem.remedy)


def _group(group: Group) -> Iterable[Problem]:
    if not NAME.fullmatch(group.name):
        remedy = "a small letter, then small letters, digits and hyphens, 25 at most together"
        yield Problem(f"{group.name!r} cannot name a group{account(group.name)}", "name", remedy)
    elif group.name == SYSTEM:
        yield Problem("system nodes are called system", "name", "choose another")
    found = instance(group.instance_type)
    if isinstance(found, Problem):
        yield Problem(found.what, "instance_type", found.remedy)
    if group.at_most < group.at_least:
        what = f"at_most {group.at_most} is less than at_least {group.at_least}"
        yield Problem(what, "at_most", "raise at_most, or lower at_least")


def _administrators(params: Params) -> Iterable[Problem]:
    for principal, count in Counter(params.administrators).items():
        if count > 1:
            yield Problem(f"{principal} is named {count} times", "administrators", "name it once")
        if session := SESSION.fullmatch(principal):
            what = f"{principal} is a session of a role, which ends"
            yield Problem(what, "administrators", f"name the role: arn:aws:iam::{session[1]}:role/{session[2]}")
        elif not PRINCIPAL.fullmatch(principal):
            what = f"{principal} is no ARN of a role or user{account(principal)}"
            yield Problem(what, "administrators", "it has the form arn:aws:iam::123456789012:role/NAME")


def _addresses(params: Params) -> Iterable[Problem]:
    where = "allowed_addresses"
    if len(params.allowed_addresses) > MOST_ADDRESSES:
        what = f"{len(params.allowed_addresses)} blocks, but EKS takes {MOST_ADDRESSES}"
        yield Problem(what, where, "name fewer, larger ones")
    for text in params.allowed_addresses:
        try:
            block = IPv4Network(text)
        except ValueError:
            yield Problem(f"{text} is no block of IPv4 addresses", where, "it has the form 203.0.113.0/24")
            continue
        if block.prefixlen < LARGEST:
            what = f"{text} is a large part of the internet"
            yield Problem(what, where, "name your own addresses: those of your office, say")
        elif any(block.overlaps(private) for private in PRIVATE):
            what = f"{text} has addresses that nobody has in the internet"
            yield Problem(what, where, "name those by which you are seen there: the VPC's own are let in anyway")
