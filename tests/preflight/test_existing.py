"""What is there already, as nodes need it: subnets, security groups, file systems, and files in the bucket."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from seatrial.findings import Verdict
from seatrial.preflight import existing, published
from seatrial.preflight.site import Site
from tests.architectures.deployments import deployment

FAIL, PASS, UNKNOWN, WARN = Verdict.FAIL, Verdict.PASS, Verdict.UNKNOWN, Verdict.WARN
VPC, SUBNET, GROUP = "vpc-0123456789abcdef0", "subnet-0123456789abcdef0", "sg-0123456789abcdef0"
LUSTRE, HOME = "fs-0123456789abcdef0", "fs-0123456789abcdef1"
THERE = {
    "network.vpc_id": VPC,
    "network.cidr": "10.0.0.0/16",
    "network.zones": ("us-west-2a",),
    "network.private_subnets": (SUBNET,),
    "network.security_group": GROUP,
    "storage.lustre_id": LUSTRE,
    "storage.lustre_mount_name": "abcdefgh",
    "storage.home_id": HOME,
    "storage.home_volume_id": "fsvol-0123456789abcdef0",
    "storage.bucket": None,
}


def site(**params: Any) -> Site:
    return Site(deployment("hyperpod-slurm", params))


def route(gateway: str) -> dict[str, str]:
    return {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": gateway}


@pytest.mark.parametrize(
    ("found", "routes", "verdict", "told"),
    [
        ({"VpcId": VPC}, [route("local"), {"NatGatewayId": "nat-1"}], PASS, "is private"),
        ({"VpcId": VPC}, [route("local"), route("igw-1")], FAIL, "is public: it has a route to igw-1"),
        ({"VpcId": "vpc-1"}, [], FAIL, f"is in vpc-1, not in {VPC}"),
        (None, [], FAIL, f"there is no {SUBNET}"),
    ],
)
def test_subnets(found, routes, verdict, told):
    finding = existing.judge_subnet(SUBNET, found, routes, VPC)
    assert finding.verdict is verdict and told in finding.observed


OWN = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": GROUP}]}
OTHERS = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-1"}]}
TCP = {"IpProtocol": "tcp", "UserIdGroupPairs": [{"GroupId": GROUP}]}
ANYWHERE = {"IpProtocol": "-1", "UserIdGroupPairs": [], "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


def security_group(inwards: list[Any], outwards: list[Any], vpc: str = VPC) -> dict[str, Any]:
    return {"GroupId": GROUP, "VpcId": vpc, "IpPermissions": inwards, "IpPermissionsEgress": outwards}


@pytest.mark.parametrize(
    ("found", "verdict", "told"),
    [
        (security_group([OWN], [OWN, ANYWHERE]), PASS, "all traffic from and to itself"),
        (security_group([], [OWN]), FAIL, "no rule lets in all traffic from itself"),
        (security_group([OTHERS], [OWN]), FAIL, "no rule lets in all traffic from itself"),
        (security_group([TCP], [OWN]), FAIL, "no rule lets in all traffic from itself"),
        (security_group([OWN], [ANYWHERE]), FAIL, "no rule lets out all traffic to itself"),
        (security_group([OWN], [OWN], "vpc-1"), FAIL, f"it is in vpc-1, not in {VPC}"),
        (None, FAIL, f"there is no {GROUP}"),
    ],
)
def test_security_groups(found, verdict, told):
    finding = existing.judge_group(GROUP, found, VPC)
    assert finding.verdict is verdict and told in finding.observed


FOUND = {
    "FileSystemId": LUSTRE, "Lifecycle": "AVAILABLE", "FileSystemType": "LUSTRE", "VpcId": VPC,
    "SubnetIds": [SUBNET], "LustreConfiguration": {"MountName": "abcdefgh"},
}  # fmt: skip
HERE = frozenset({"us-west-2a", "usw2-az1"})


@pytest.mark.parametrize(
    ("changes", "zones", "verdict", "told"),
    [
        ({}, (HERE, HERE), PASS, f"AVAILABLE, LUSTRE, in {VPC}"),
        ({}, (HERE, frozenset({"usw2-az1"})), PASS, "AVAILABLE"),
        ({"Lifecycle": "FAILED"}, (HERE, HERE), FAIL, "it is FAILED"),
        ({"FileSystemType": "OPENZFS"}, (HERE, HERE), FAIL, "it is OPENZFS, not LUSTRE"),
        ({"VpcId": "vpc-1"}, (HERE, HERE), FAIL, f"it is in vpc-1, the nodes are in {VPC}"),
        ({"LustreConfiguration": {"MountName": "other"}}, (HERE, HERE), FAIL, "its mount name is other, not abcdefgh"),
        ({}, (HERE, frozenset({"us-west-2b"})), WARN, "the nodes are in us-west-2b"),
    ],
)
def test_file_systems(changes, zones, verdict, told):
    finding = existing.judge_file_system({**FOUND, **changes}, "LUSTRE", "abcdefgh", VPC, zones)
    assert finding.verdict is verdict and told in finding.observed


def test_no_file_system_that_is_there_is_in_a_network_that_is_made():
    finding = existing.judge_file_system(FOUND, "LUSTRE", "abcdefgh", None, (HERE, HERE))
    assert finding.verdict is FAIL and "the nodes are in a VPC that is made" in finding.observed


def subnet(account, id_=SUBNET):
    one = {"SubnetId": id_, "VpcId": VPC, "AvailabilityZone": "us-west-2a", "AvailabilityZoneId": "usw2-az1"}
    account.says("ec2", "describe_subnets", {"Subnets": [one]}, {"Filters": [{"Name": "subnet-id", "Values": [id_]}]})


def test_a_network_that_is_there(account):
    subnet(account)
    asked = {"Filters": [{"Name": "association.subnet-id", "Values": [SUBNET]}]}
    account.says("ec2", "describe_route_tables", {"RouteTables": []}, asked)
    main = [{"Name": "vpc-id", "Values": [VPC]}, {"Name": "association.main", "Values": ["true"]}]
    tables = [{"Routes": [route("igw-1")]}]
    account.says("ec2", "describe_route_tables", {"RouteTables": tables}, {"Filters": main})
    account.says("ec2", "describe_security_groups", {"SecurityGroups": [security_group([OWN], [OWN])]})
    found = [*existing.look_networks(site(**THERE))]
    assert [(one.check, one.verdict) for one in found] == [("arch.subnet", FAIL), ("arch.security-group", PASS)]


def test_file_systems_that_are_there(account):
    account.has()
    subnet(account)
    account.says("fsx", "describe_file_systems", {"FileSystems": [FOUND]}, {"FileSystemIds": [LUSTRE]})
    subnet(account)
    account.refuses("fsx", "describe_file_systems", "FileSystemNotFound")
    found = [*existing.look_file_systems(site(**THERE))]
    assert [one.verdict for one in found] == [PASS, FAIL]
    assert found[1].observed == f"there is no {HOME} in the region"


@pytest.mark.parametrize(("deployed", "verdict"), [(True, PASS), (False, FAIL)])
def test_a_file_system_of_a_network_that_was_made_before(account, deployed, verdict):
    kept = {name: value for name, value in THERE.items() if name.startswith("storage.lustre")}
    stacks(account, *(["seatrial-vpc"] if deployed else []), VpcId=VPC, PrivateSubnets=f"{SUBNET},subnet-1")
    if deployed:
        subnet(account)
    account.says("fsx", "describe_file_systems", {"FileSystems": [FOUND]})
    subnet(account)
    [found] = existing.look_file_systems(site(**kept))
    assert found.verdict is verdict


def test_nothing_is_asked_of_what_is_made():
    assert not existing.concerns_networks(site()) and not existing.concerns_file_systems(site())
    assert existing.concerns_networks(site(**THERE)) and existing.concerns_file_systems(site(**THERE))


# --- files in the bucket


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@pytest.mark.parametrize(
    ("there", "verdict", "told"),
    [
        ({"a": "1", "b": "2", "older/a": "0"}, PASS, "mine: 2 files as they were put there"),
        ({"a": "1", "b": "3"}, FAIL, "mine: b: not what was put there"),
        ({"b": "3"}, FAIL, "mine: b: not what was put there"),
        ({"a": "1"}, WARN, "1 of 2 files are not there"),
        ({}, WARN, "2 of 2 files are not there"),
    ],
)
def test_files_in_the_bucket(there, verdict, told):
    finding = published.judge("mine", {"a": "1", "b": "2"}, there)
    assert finding.verdict is verdict and told in finding.observed


def stacks(account, *names, **outputs):
    listed = [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()]
    made = {"StackStatus": "CREATE_COMPLETE", "CreationTime": "2026-11-01T00:00:00Z", "Outputs": listed}
    account.says("cloudformation", "describe_stacks", {"Stacks": [{"StackName": name, **made} for name in names]})


@pytest.mark.parametrize(
    ("changed", "verdict"), [(None, PASS), ("provisioning_parameters.json", FAIL), ("seatrial.json", FAIL)]
)
def test_what_nodes_run_is_what_was_put_there(account, changed, verdict):
    mine = site()
    stacks(account, "seatrial-hyperpod-slurm", "seatrial-s3", Bucket="sagemaker-ours")
    files = {path.removeprefix("bucket/"): text for path, text in mine.plans["hyperpod-slurm"].files.items()}
    (folder,) = {"/".join(key.split("/")[:3]) for key in files if key.startswith("seatrial/lifecycle/")}
    listed = [
        {"Key": key, "ETag": f'"{md5(text if key != f"{folder}/{changed}" else "rm -rf /")}"'}
        for key, text in files.items()
        if key.startswith(folder)
    ]
    asked = {"Bucket": "sagemaker-ours", "Prefix": folder}
    account.says("s3", "list_objects_v2", {"Contents": listed, "IsTruncated": False}, asked)
    [found] = published.look(mine)
    assert (found.check, found.verdict) == ("arch.bucket-files", verdict)
    assert changed is None or changed in found.observed


def test_nothing_is_looked_for_before_it_is_put_there(account):
    mine = site()
    assert published.concerns(mine)
    stacks(account, "seatrial-s3", Bucket="sagemaker-ours")
    assert [*published.look(mine)] == []
