"""Pure judgement: every rule gives each of its verdicts, and names what is at odds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from seatrial.aws.quotas import QUOTAS
from seatrial.findings import Verdict
from seatrial.preflight import addresses, images, names, offerings, permissions, placement, quotas, reservations
from tests.preflight.conftest import group

FAIL, PASS, UNKNOWN, WARN = Verdict.FAIL, Verdict.PASS, Verdict.UNKNOWN, Verdict.WARN
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
BLOCK = {"capacity": "capacity-block", "reservation": "cr-1", "placement_group": False}


@pytest.mark.parametrize(
    ("changes", "verdict", "told"),
    [
        ({}, PASS, "4 x p5.48xlarge, on-demand"),
        (BLOCK, PASS, "4 x p5.48xlarge, capacity-block"),
        ({**BLOCK, "reservation": None}, FAIL, "capacity is capacity-block, but no reservation is named"),
        ({"reservation": "cr-1"}, FAIL, "capacity is on-demand, but reservation is cr-1"),
        ({**BLOCK, "placement_group": True}, FAIL, "starts nothing in a placement group"),
        ({"instance_type": "g5.xlarge"}, FAIL, "g5.xlarge has no EFA"),
        ({"at_least": 5}, FAIL, "at_least is 5, but at_most is 4"),
        ({"efa": False}, WARN, "p5.48xlarge has EFA, which is not used"),
        ({"placement_group": False}, WARN, "no placement group keeps them close together"),
        ({"capacity": "reservation", "reservation": "cr-1"}, WARN, "only what was reserved in that group"),
        ({"efa": False, "at_most": 1}, PASS, "1 x p5.48xlarge"),
        ({"instance_type": "p9.48xlarge"}, UNKNOWN, "no instance type is called 'p9.48xlarge'"),
    ],
)
def test_capacity_efa_and_placement(changes, verdict, told):
    [found] = placement.judge([group(**changes)])
    assert found.verdict is verdict and told in found.observed and found.check == "arch.placement"


def test_what_is_wrong_is_told_all_at_once():
    [found] = placement.judge([group(reservation="cr-1", instance_type="g5.xlarge")])
    assert "but reservation is cr-1; g5.xlarge has no EFA" in found.observed


RESERVATION = reservations.Reservation(
    id="cr-1", state="active", kind="capacity-block", instance_type="p5.48xlarge", total=4, free=4,
    zone="us-west-2a", zone_id="usw2-az1", start=NOW - timedelta(days=1), end=NOW + timedelta(days=5),
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "verdict", "told"),
    [
        ({}, PASS, "cr-1: active, 4 x p5.48xlarge"),
        ({"state": "cancelled"}, FAIL, "it is cancelled"),
        ({"end": NOW}, FAIL, "it ended 2026-11-29 12:00 UTC"),
        ({"kind": "default"}, FAIL, "it is no Capacity Block, but capacity is capacity-block"),
        ({"instance_type": "p5e.48xlarge"}, FAIL, "it is of p5e.48xlarge"),
        ({"total": 3, "free": 3}, FAIL, "it has 3 instances, 4 may run"),
        ({"free": 1}, WARN, "1 of its 4 instances are free"),
        ({"end": NOW + timedelta(hours=20)}, WARN, "it ends 2026-11-30 08:00 UTC"),
        ({"state": "scheduled", "free": 0, "start": NOW + timedelta(days=1)}, WARN, "starts 2026-11-30 12:00 UTC"),
    ],
)
def test_reservations(changes, verdict, told):
    found = reservations.judge(group(**BLOCK), replace(RESERVATION, **changes), NOW)
    assert found.verdict is verdict and told in found.observed


def test_a_block_is_no_reservation_and_none_is_none():
    found = reservations.judge(group(capacity="reservation", reservation="cr-1"), RESERVATION, NOW)
    assert found.verdict is FAIL and "it is a Capacity Block, but capacity is reservation" in found.observed
    found = reservations.judge(group(**BLOCK), None, NOW)
    assert found.verdict is FAIL and "there is no reservation cr-1" in found.observed


@pytest.mark.parametrize(
    ("zones", "verdict"),
    [
        ({"us-west-2a", "usw2-az1"}, PASS),
        ({"us-west-2a"}, PASS),
        ({"usw2-az1"}, PASS),
        ({"usw2-az2"}, FAIL),
        (set(), UNKNOWN),
    ],
)
def test_the_zone_of_a_reservation(zones, verdict):
    found = reservations.judge_zone(group(**BLOCK), RESERVATION, frozenset(zones))
    assert found.verdict is verdict and "us-west-2a (usw2-az1)" in found.observed
    assert verdict is PASS or 'name "usw2-az1" first in zones' in found.remedy


OFFERINGS = {"p5.48xlarge": {"us-west-2a": "usw2-az1", "us-west-2c": "usw2-az3"}}


@pytest.mark.parametrize(
    ("zones", "kind", "of", "verdict", "told"),
    [
        ({"usw2-az3"}, "p5.48xlarge", 4, PASS, "in usw2-az3"),
        ({"us-west-2a"}, "p5.48xlarge", 4, PASS, "in us-west-2a"),
        ({"us-west-2b"}, "p5.48xlarge", 4, FAIL, "only in us-west-2a (usw2-az1), us-west-2c (usw2-az3)"),
        (set(), "p5.48xlarge", 4, WARN, "no zone is named, and p5.48xlarge is only in us-west-2a"),
        (set(), "p5.48xlarge", 2, PASS, "in every zone"),
        (set(), "p4de.24xlarge", 4, FAIL, "p4de.24xlarge is not offered in the region"),
    ],
)
def test_offerings(zones, kind, of, verdict, told):
    found = offerings.judge(group(instance_type=kind), frozenset(zones), OFFERINGS, of)
    assert found.verdict is verdict and told in found.observed


@pytest.mark.parametrize(
    ("free", "there", "verdict"), [(128, False, PASS), (127, False, FAIL), (127, True, WARN), (None, False, UNKNOWN)]
)
def test_addresses(free, there, verdict):
    found = addresses.judge("subnet-1", [group()], free, there=there)  # 4 x 32 interfaces
    assert found.verdict is verdict
    assert free is None or f"subnet-1 has {free} free addresses, 128 are needed" in found.observed


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({}, 32),
        ({"efa": False}, 1),
        ({"instance_type": "p6-b300.48xlarge"}, 17),  # 16 EFA, and the first card without
        ({"instance_type": "p9.48xlarge"}, None),
    ],
)
def test_interfaces_of_a_node(changes, count):
    assert addresses.interfaces(group(**changes).instances) == count


def test_a_subnet_of_unknown_instances_is_unknown():
    found = addresses.judge("subnet-1", [group(), group(instance_type="p9.48xlarge")], 4000)
    assert found.verdict is UNKNOWN and "is not known" in found.observed


def test_vcpus_are_summed_by_quota():
    groups = [group(), group(instance_type="p4d.24xlarge"), group(instance_type="m5.2xlarge", at_most=1)]
    needed, unknown = quotas.needed_vcpus(groups)
    assert needed == {QUOTAS["p"]: 4 * 192 + 4 * 96, QUOTAS["m"]: 8} and not unknown


@pytest.mark.parametrize("changes", [BLOCK, {"capacity": "reservation", "reservation": "cr-1"}])
def test_what_is_reserved_counts_already(changes):
    assert quotas.needed_vcpus([group(**changes)]) == ({}, [])


@pytest.mark.parametrize(
    ("changes", "told"),
    [({"capacity": "spot"}, "quotas of their own"), ({"instance_type": "x9.large"}, "which quota counts x9.large")],
)
def test_vcpus_that_cannot_be_counted(changes, told):
    needed, [reason] = quotas.needed_vcpus([group(**changes)])
    assert not needed and told in reason


@pytest.mark.parametrize(("value", "verdict"), [(768.0, PASS), (767.0, FAIL)])
def test_vcpus_against_their_quota(value, verdict):
    found = quotas.judge_vcpus(QUOTAS["p"], 768, value)
    assert found.verdict is verdict and f"{value:g} vCPUs, 768 are needed" in found.observed
    assert verdict is PASS or "--quota-code L-417A185B --desired-value 768" in found.remedy


@pytest.mark.parametrize(("there", "verdict"), [(4, PASS), (5, FAIL)])
def test_counts_against_their_quota(there, verdict):
    found = quotas.judge_count(quotas.COUNTED[0], 1, there, 5.0)
    assert found.verdict is verdict and found.observed == f"VPCs: {there} of 5 are there, 1 is made"


WANTED = images.Wanted(what="mine", image="ami-1", architectures=frozenset({"x86_64"}), os="ubuntu2204")
IMAGE = images.Image(state="available", architecture="x86_64", os="ubuntu2204")


@pytest.mark.parametrize(
    ("image", "verdict", "told"),
    [
        (IMAGE, PASS, "ami-1: available, x86_64, ubuntu2204"),
        (replace(IMAGE, state="pending"), FAIL, "it is pending"),
        (replace(IMAGE, architecture="arm64"), FAIL, "it is for arm64, the instances are x86_64"),
        (replace(IMAGE, os="alinux2023"), FAIL, "it has alinux2023, os is ubuntu2204"),
        (replace(IMAGE, os=None), UNKNOWN, "does not say its operating system"),
        (None, FAIL, "there is no ami-1 in the region"),
    ],
)
def test_images(image, verdict, told):
    found = images.judge(WANTED, image)
    assert found.verdict is verdict and told in found.observed


def test_one_image_for_two_kinds_of_processors_fits_neither():
    both = replace(WANTED, architectures=frozenset({"x86_64", "arm64"}))
    assert images.judge(both, IMAGE).verdict is FAIL


def stack(**tags):
    return {"StackName": "seatrial-vpc", "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}


@pytest.mark.parametrize(
    ("there", "verdict"),
    [
        (None, PASS),
        (stack(**{"seatrial:deployment": "vpc"}), PASS),
        (stack(), FAIL),
        (stack(**{"seatrial:deployment": "other"}), FAIL),
    ],
)
def test_names_of_stacks(there, verdict):
    assert names.judge_stack("vpc", "seatrial-vpc", there).verdict is verdict


@pytest.mark.parametrize(
    ("there", "verdict", "told"),
    [
        ({}, PASS, "1 names of seatrial-vpc"),
        ({"seatrial-vpc-VpcId": "arn:aws:cloudformation:us-west-2:1:stack/seatrial-vpc/2"}, PASS, "1 names of"),
        ({"seatrial-vpc-VpcId": "arn:aws:cloudformation:us-west-2:1:stack/old/2"}, FAIL, "the stack old exports"),
        ({"other": "arn:aws:cloudformation:us-west-2:1:stack/old/2"}, PASS, "1 names of"),
    ],
)
def test_names_of_exports(there, verdict, told):
    found = names.judge_exports("seatrial-vpc", frozenset({"seatrial-vpc-VpcId"}), there)
    assert found.verdict is verdict and told in found.observed


@pytest.mark.parametrize(("status", "verdict"), [(404, PASS), (403, FAIL), (301, FAIL), (200, FAIL)])
def test_names_of_buckets(status, verdict):
    assert names.judge_bucket("mine", status).verdict is verdict


@pytest.mark.parametrize(
    ("decisions", "unknown", "verdicts", "told"),
    [
        ({"a:B": "allowed", "a:C": "allowed"}, [], [PASS], "all of 2 actions are allowed"),
        ({"a:B": "implicitDeny", "a:C": "explicitDeny"}, [], [FAIL], "not allowed: a:B, a:C"),
        ({"a:B": "allowed"}, [], [UNKNOWN], "IAM decided nothing about a:C"),
        ({"a:B": "allowed", "a:C": "allowed"}, ["AWS::X::Y"], [PASS, UNKNOWN], "all of 2"),
    ],
)
def test_permissions(decisions, unknown, verdicts, told):
    found = list(permissions.judge(["a:B", "a:C"], decisions, unknown))
    assert [one.verdict for one in found] == verdicts and told in found[0].observed
