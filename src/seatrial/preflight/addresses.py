"""Whether a subnet has addresses for the interfaces of all nodes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

from seatrial.architectures import Instances
from seatrial.findings import Finding
from seatrial.hardware import instances
from seatrial.preflight.site import FAIL, PASS, RESERVED, UNKNOWN, WARN, Group, Site, rule

ADDRESSES = rule(
    "addresses",
    (PASS, WARN, FAIL, UNKNOWN),
    reads="ec2 describe-subnets; the network's parameters",
    expected="a free address for each interface of all instances that run at most",
    why="an EFA interface with an IP address takes one of the subnet: a p5.48xlarge takes 32, so that a /24 is full"
    " with 7 of them, and the next one does not start",
    remedy="take a larger subnet, or fewer instances",
    source="https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html, "
    "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-acc-inst-types.html",
    good="subnet-0123456789abcdef0 has 4091 free addresses, 129 are needed",
    bad="subnet-0123456789abcdef0 has 100 free addresses, 129 are needed",
)


def interfaces(one: Instances) -> int | None:
    """Addresses that one instance takes; None: not known."""
    if one.addresses is not None or not one.efa:
        return one.addresses or 1
    found = {kind.name: kind for kind in instances.INSTANCES}.get(one.instance_type)
    return None if found is None else max(found.efa_interfaces, found.network_cards or 0)


def judge(where: str, groups: list[Group], free: int | None, *, there: bool = False) -> Finding:
    """About one subnet and the instances in it; `there`: some of them may run already, and have their addresses."""
    needs = {group.what: interfaces(group.instances) for group in groups}
    unknown = [what for what, count in needs.items() if count is None]
    if free is None or unknown:
        why = f"how many interfaces {', '.join(unknown)} has is not known" if unknown else "its size is not known"
        return ADDRESSES.finding(UNKNOWN, f"{where}: {why}")
    needed = sum((needs[group.what] or 0) * group.instances.at_most for group in groups)
    told = f"{where} has {free} free addresses, {needed} are needed"
    detail = ", ".join(f"{one.what}: {one.instances.at_most} x {needs[one.what]}" for one in groups)
    verdict = PASS if needed <= free else WARN if there else FAIL
    return ADDRESSES.finding(verdict, told, expected=f"{needed}: {detail}")


def concerns(site: Site) -> bool:
    """Whether instances name a subnet."""
    return any(group.instances.subnet for group in site.groups)


def look(site: Site) -> Iterator[Finding]:
    """Subnets that are there."""
    for subnet, groups in _by(site.groups, lambda group: group.instances.subnet).items():
        if subnet in site.subnets:
            there = not all(site.is_new(group.deployment) for group in groups)
            yield judge(subnet, groups, site.subnets[subnet].free, there=there)
        else:
            remedy = "name a subnet of the region and account, or leave it out"
            yield ADDRESSES.finding(FAIL, f"there is no subnet {subnet}", remedy=remedy)


def new(site: Site) -> Iterator[Finding]:
    """Subnets that a network will have. Nothing is asked."""
    for network, groups in _by(site.groups, lambda group: group.network).items():
        block = site.new_subnet(network)
        free = None if block is None else block.num_addresses - RESERVED
        yield judge(f"the first private subnet of {network}", groups, free)


def _by(groups: Iterable[Group], key: Callable[[Group], str | None]) -> dict[str, list[Group]]:
    found: dict[str, list[Group]] = defaultdict(list)
    for group in groups:
        if name := key(group):
            found[name].append(group)
    return found
