"""Whether subnets, security groups and file systems that are there already are as nodes need them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seatrial import aws
from seatrial.architectures import Deployment
from seatrial.findings import Finding, judged
from seatrial.preflight.site import FAIL, PASS, UNKNOWN, WARN, Site, rule

SUBNET = rule(
    "subnet",
    reads="ec2 describe-subnets, describe-route-tables",
    expected="in the VPC that is named, with no route to an internet gateway",
    why="nodes have no public address: in a public subnet they reach neither packages nor AWS's services",
    remedy="name private subnets of that VPC as private_subnets",
    source="https://docs.aws.amazon.com/vpc/latest/userguide/configure-subnets.html",
    good="subnet-0123456789abcdef0 is private, in vpc-0123456789abcdef0",
    bad="subnet-0123456789abcdef0 is public: it has a route to igw-0123456789abcdef0",
)
GROUP = rule(
    "security-group",
    reads="ec2 describe-security-groups",
    expected="in the VPC that is named, all traffic from and to itself",
    why="EFA works only with rules in both directions that name the group itself, and Slurm's nodes talk on many ports",
    remedy="aws ec2 authorize-security-group-ingress and -egress, for all protocols, with the group as its own source",
    source="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-start.html",
    good="sg-0123456789abcdef0: all traffic from and to itself",
    bad="sg-0123456789abcdef0: no rule lets out all traffic to itself",
)
FILE_SYSTEM = rule(
    "file-system",
    (PASS, WARN, FAIL, UNKNOWN),
    reads="fsx describe-file-systems; ec2 describe-subnets; the parameters",
    expected="available, of its kind, in the network, in the zone of the nodes, with the mount name that is given",
    why="a node that cannot mount it fails in its set-up, after minutes; in another zone it is slower and costs more",
    remedy="name another file system, or the network and the zone that it is in",
    source="https://docs.aws.amazon.com/fsx/latest/LustreGuide/limit-access-security-groups.html",
    good="fs-0123456789abcdef0: AVAILABLE, LUSTRE, in vpc-0123456789abcdef0",
    bad="fs-0123456789abcdef0: it is in vpc-0123456789abcdef1, the nodes are in vpc-0123456789abcdef0",
)
NAMED = {"lustre_id": "LUSTRE", "home_id": "OPENZFS"}
"""Parameter of `storage` that names a file system -> its kind."""

Answer = Mapping[str, Any]
"""Something as its service describes it."""


def judge_subnet(subnet: str, found: Answer | None, routes: Sequence[Answer], vpc: str) -> Finding:
    """About a subnet by its id; None: it is not there."""
    if found is None:
        return SUBNET.finding(FAIL, f"there is no {subnet} in the region")
    if found["VpcId"] != vpc:
        return SUBNET.finding(FAIL, f"{subnet} is in {found['VpcId']}, not in {vpc}")
    out = [one["GatewayId"] for one in routes if str(one.get("GatewayId", "")).startswith("igw-")]
    told = f"public: it has a route to {out[0]}" if out else f"private, in {vpc}"
    return SUBNET.finding(judged(not out), f"{subnet} is {told}")


def judge_group(group: str, found: Answer | None, vpc: str) -> Finding:
    """About a security group by its id; None: it is not there."""
    if found is None:
        return GROUP.finding(FAIL, f"there is no {group} in the region")
    wrong = [] if found["VpcId"] == vpc else [f"it is in {found['VpcId']}, not in {vpc}"]
    for key, way in (("IpPermissions", "lets in all traffic from"), ("IpPermissionsEgress", "lets out all traffic to")):
        own = (pair["GroupId"] for one in found[key] if one["IpProtocol"] == "-1" for pair in one["UserIdGroupPairs"])
        wrong += [] if group in own else [f"no rule {way} itself"]
    return GROUP.finding(judged(not wrong), f"{group}: {'; '.join(wrong) or 'all traffic from and to itself'}")


def judge_file_system(
    found: Answer, kind: str, mount_name: str | None, vpc: str | None, zones: tuple[frozenset[str], frozenset[str]]
) -> Finding:
    """About a file system. `vpc`: None, it is to be made; `zones`: names and ids of its zones, of the nodes' one."""
    wrong, slow = [], []
    if found["Lifecycle"] not in ("AVAILABLE", "UPDATING"):
        wrong.append(f"it is {found['Lifecycle']}")
    if found["FileSystemType"] != kind:
        wrong.append(f"it is {found['FileSystemType']}, not {kind}")
    if found["VpcId"] != vpc:
        wrong.append(f"it is in {found['VpcId']}, the nodes are in {vpc or 'a VPC that is made'}")
    there = found.get("LustreConfiguration", {}).get("MountName", mount_name)
    if there != mount_name:
        wrong.append(f"its mount name is {there}, not {mount_name}")
    theirs, nodes = zones
    if theirs and nodes and not theirs & nodes:
        slow.append(f"it is in {' '.join(sorted(theirs))}, the nodes are in {' '.join(sorted(nodes))}")
    told = "; ".join(wrong + slow) or f"{found['Lifecycle']}, {kind}, in {vpc}"
    verdict = FAIL if wrong else WARN if slow else PASS
    return FILE_SYSTEM.finding(verdict, f"{found['FileSystemId']}: {told}")


def _of(site: Site, architecture: str) -> Iterator[Deployment]:
    yield from (one for one in site.deployment.order() if one.architecture.name == architecture)


def concerns_networks(site: Site) -> bool:
    """Whether a VPC is there already."""
    return any(one.params.vpc_id for one in _of(site, "vpc"))


def look_networks(site: Site) -> Iterator[Finding]:
    """Subnets and security groups that are named."""
    ec2 = site.client("ec2")
    for one in _of(site, "vpc"):
        vpc, subnets, group = one.params.vpc_id, one.params.private_subnets, one.params.security_group
        found = _subnets(ec2, subnets)
        for subnet in subnets:
            yield judge_subnet(subnet, found.get(subnet), _routes(ec2, subnet, vpc), vpc)
        if group:
            answer = ec2.describe_security_groups(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroups"]
            yield judge_group(group, next(iter(answer), None), vpc)


def _subnets(ec2: Any, ids: Sequence[str]) -> dict[str, Answer]:
    if not ids:
        return {}
    answer = ec2.describe_subnets(Filters=[{"Name": "subnet-id", "Values": sorted(ids)}])["Subnets"]
    return {one["SubnetId"]: one for one in answer}


def _routes(ec2: Any, subnet: str, vpc: str) -> Sequence[Answer]:
    """Routes of the table of a subnet, which is the VPC's main one where it has none of its own."""
    main = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "association.main", "Values": ["true"]}]
    for filters in ([{"Name": "association.subnet-id", "Values": [subnet]}], main):
        if tables := ec2.describe_route_tables(Filters=filters)["RouteTables"]:
            return [route for table in tables for route in table["Routes"]]
    return []


def concerns_file_systems(site: Site) -> bool:
    """Whether file systems are there already."""
    return any(getattr(one.params, name) for one in _of(site, "storage") for name in NAMED)


def look_file_systems(site: Site) -> Iterator[Finding]:
    """File systems that are named."""
    for one in _of(site, "storage"):
        network = site.outputs(one.needs["network"]) or _named(one.needs["network"].params)
        ec2, vpc = site.client("ec2"), network.get("VpcId")
        nodes = _zones(_subnets(ec2, [one for one in network.get("PrivateSubnets", "").split(",")[:1] if one]).values())
        for name, kind in NAMED.items():
            if not (id_ := getattr(one.params, name)):
                continue
            found = _file_system(site, id_)
            if found is None:
                yield FILE_SYSTEM.finding(FAIL, f"there is no {id_} in the region")
                continue
            theirs = _zones(_subnets(ec2, found["SubnetIds"]).values())
            mount_name = one.params.lustre_mount_name if kind == "LUSTRE" else None
            yield judge_file_system(found, kind, mount_name, vpc, (theirs, nodes))


def _named(network: Any) -> dict[str, str]:
    """What a network that is not deployed yet will export of what is there already."""
    return {"VpcId": network.vpc_id, "PrivateSubnets": ",".join(network.private_subnets)} if network.vpc_id else {}


def _zones(subnets: Any) -> frozenset[str]:
    return frozenset(one[key] for one in subnets for key in ("AvailabilityZone", "AvailabilityZoneId"))


def _file_system(site: Site, id_: str) -> Answer | None:
    from botocore.exceptions import ClientError

    try:
        found: list[Answer] = site.client("fsx").describe_file_systems(FileSystemIds=[id_])["FileSystems"]
    except ClientError as error:
        if aws.error_code(error) != "FileSystemNotFound":
            raise
        return None
    return next(iter(found), None)
