"""What is asked of AWS, and what is made of its answers, of its refusals, and of its silence."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from seatrial.findings import Finding, Verdict
from seatrial.preflight import (
    addresses,
    credentials,
    images,
    look,
    names,
    offerings,
    permissions,
    quotas,
    reservations,
)
from tests.preflight.conftest import QUEUE, site

FAIL, PASS, UNKNOWN, WARN = Verdict.FAIL, Verdict.PASS, Verdict.UNKNOWN, Verdict.WARN
IN_SUBNET = replace(QUEUE, subnet="subnet-1")
USER = "arn:aws:iam::111122223333:user/alice"


def told(findings: list[Finding]) -> list[tuple[str, Verdict]]:
    return [(finding.check, finding.verdict) for finding in findings]


def caller(account, arn=USER):
    account.says("sts", "get_caller_identity", {"Account": "111122223333", "Arn": arn, "UserId": "x"})


def subnet(account, free=4000, zone="a", number=1):
    one = {
        "SubnetId": "subnet-1",
        "AvailabilityZone": f"us-west-2{zone}",
        "AvailabilityZoneId": f"usw2-az{number}",
        "AvailableIpAddressCount": free,
    }
    asked = {"Filters": [{"Name": "subnet-id", "Values": ["subnet-1"]}]}
    account.says("ec2", "describe_subnets", {"Subnets": [one] if free else []}, asked)


# --- everything


def test_without_credentials_all_that_aws_says_is_unknown_for_one_reason(account):
    account.refuses("sts", "get_caller_identity", "ExpiredToken", 403)
    found = look(site(QUEUE, BLOCK, custom_ami="ami-1", template=BUCKET).deployment)
    assert told(found[:3]) == [("arch.placement", PASS), ("arch.placement", PASS), ("arch.addresses", PASS)]
    asked = found[3:]
    assert len({one.check for one in asked}) == len(asked) == 12
    assert {one.verdict for one in asked} == {UNKNOWN}
    [reason] = {one.observed for one in asked}
    [remedy] = {one.remedy for one in asked}
    assert reason.startswith("AWS was not asked: AWS does not accept the credentials") and "aws sso login" in remedy


def test_nothing_is_unknown_that_is_not_there(account):
    account.refuses("sts", "get_caller_identity", "ExpiredToken", 403)
    assert [one.check for one in look(site().deployment)] == [
        "arch.credentials", "arch.quota-vcpus", "arch.quota-counts", "arch.stack-name", "arch.export-name",
        "arch.permissions",
    ]  # fmt: skip


def test_what_one_look_is_refused_leaves_the_others(account):
    caller(account)
    account.refuses("ec2", "describe_availability_zones", "UnauthorizedOperation", 403)
    account.has()
    account.refuses("service-quotas", "get_service_quota", "AccessDeniedException")
    account.says("cloudformation", "list_exports", {"Exports": []})
    allowed = {"EvalDecision": "allowed"}
    wanted = [*permissions.actions(["AWS::EC2::VPC", "AWS::EC2::Subnet"])[0]]
    stack = [action for action in wanted if action.startswith("cloudformation:")]
    for part in (stack, [action for action in wanted if action not in stack]):
        results = [{"EvalActionName": action, **allowed} for action in part]
        account.says("iam", "simulate_principal_policy", {"EvaluationResults": results})
    found = dict(told(look(site(QUEUE).deployment)))
    assert found == {
        "arch.placement": PASS,
        "arch.credentials": PASS,
        "arch.offered": UNKNOWN,
        "arch.addresses": PASS,
        "arch.quota-vcpus": UNKNOWN,
        "arch.quota-counts": UNKNOWN,
        "arch.stack-name": PASS,
        "arch.export-name": PASS,
        "arch.permissions": PASS,
    }


def test_the_caller_is_told(account):
    caller(account)
    [found] = credentials.look(site())
    assert (found.verdict, found.observed) == (PASS, USER)


# --- reservations


BLOCK = replace(IN_SUBNET, capacity="capacity-block", reservation="cr-1", placement_group=False)


def reservation(account, **changes):
    one = {
        "CapacityReservationId": "cr-1", "State": "active", "ReservationType": "capacity-block",
        "InstanceType": "p5.48xlarge", "TotalInstanceCount": 4, "AvailableInstanceCount": 4,
        "AvailabilityZone": "us-west-2a", "AvailabilityZoneId": "usw2-az1",
        "EndDate": datetime(2100, 1, 1, tzinfo=UTC),
    } | changes  # fmt: skip
    asked = {"CapacityReservationIds": ["cr-1"]}
    account.says("ec2", "describe_capacity_reservations", {"CapacityReservations": [one]}, asked)


def test_a_reservation_and_the_zone_of_its_subnet(account):
    reservation(account)
    subnet(account)
    assert told([*reservations.look(site(BLOCK))]) == [("arch.reservation", PASS), ("arch.reservation-zone", PASS)]


def test_a_reservation_in_another_zone_than_its_subnet(account):
    reservation(account)
    subnet(account, zone="b", number=2)
    [_, found] = reservations.look(site(BLOCK))
    assert found.verdict is FAIL and "cr-1 is in us-west-2a (usw2-az1)" in found.observed


def test_a_reservation_that_is_not_there(account):
    account.refuses("ec2", "describe_capacity_reservations", "InvalidCapacityReservationId.NotFound")
    [found] = reservations.look(site(BLOCK))
    assert found.verdict is FAIL and "there is no reservation cr-1" in found.observed


def test_a_group_of_reservations_is_not_judged(account):
    arn = "arn:aws:resource-groups:us-west-2:111122223333:group/mine"
    [found] = reservations.look(site(replace(BLOCK, capacity="reservation", reservation=arn)))
    assert found.verdict is UNKNOWN and arn in found.observed


# --- offerings


def test_offerings_are_asked_for_the_types_alone(account):
    zones = [{"ZoneName": f"us-west-2{name}", "ZoneId": f"usw2-az{number}"} for number, name in enumerate("ab", 1)]
    account.says("ec2", "describe_availability_zones", {"AvailabilityZones": zones})
    offered = {"InstanceType": "p5.48xlarge", "LocationType": "availability-zone", "Location": "us-west-2b"}
    asked = {"LocationType": "availability-zone", "Filters": [{"Name": "instance-type", "Values": ["p5.48xlarge"]}]}
    account.says("ec2", "describe_instance_type_offerings", {"InstanceTypeOfferings": [offered]}, asked)
    subnet(account)
    by_id, by_subnet = replace(QUEUE, zone="usw2-az2"), IN_SUBNET
    assert [one.verdict for one in offerings.look(site(by_id, by_subnet, QUEUE))] == [PASS, FAIL, WARN]


# --- addresses


def test_addresses_of_a_subnet_that_is_there(account):
    subnet(account, free=200)
    account.has()
    [found] = addresses.look(site(IN_SUBNET, replace(IN_SUBNET, what="more", efa=False)))
    assert found.verdict is PASS and found.observed == "subnet-1 has 200 free addresses, 132 are needed"


def test_nodes_that_run_already_have_their_addresses(account):
    subnet(account, free=100)
    account.has("seatrial-mine")
    [found] = addresses.look(site(IN_SUBNET))
    assert found.verdict is WARN


def test_a_subnet_that_is_not_there(account):
    subnet(account, free=0)
    [found] = addresses.look(site(IN_SUBNET))
    assert found.verdict is FAIL and found.observed == "there is no subnet subnet-1"


def test_addresses_of_a_subnet_that_will_be_there():
    [fits] = addresses.new(site(QUEUE))
    assert fits.verdict is PASS
    assert fits.observed == "the first private subnet of net has 251 free addresses, 128 are needed"
    [full] = addresses.new(site(replace(QUEUE, at_most=8)))
    assert full.verdict is FAIL


@pytest.mark.parametrize(
    "outputs",
    [
        "",
        'Outputs: {PrivateSubnets: {Value: "subnet-1"}}',
        "Outputs: {PrivateSubnets: {Value: {Ref: First}}}",
    ],
)
def test_a_network_that_does_not_say_its_size(outputs):
    template = 'Resources: {First: {Type: "AWS::EC2::Subnet", Properties: {Ipv4NetmaskLength: 24}}}\n' + outputs
    [found] = addresses.new(site(QUEUE, network=template))
    assert found.verdict is UNKNOWN and "its size is not known" in found.observed


# --- quotas


def quota(account, service, code, value):
    asked = {"ServiceCode": service, "QuotaCode": code}
    account.says("service-quotas", "get_service_quota", {"Quota": {"Value": value}}, asked)


def test_quotas_of_vcpus_and_of_what_templates_make(account):
    quota(account, "ec2", "L-417A185B", 192.0)
    account.has()
    quota(account, "vpc", "L-F678F1CE", 5.0)
    account.says("ec2", "describe_vpcs", {"Vpcs": [{"VpcId": f"vpc-{number}"} for number in range(5)]})
    found = list(quotas.look(site(QUEUE)))
    assert told(found) == [("arch.quota-vcpus", FAIL), ("arch.quota-counts", FAIL)]


def test_a_vpc_of_ours_that_is_there_is_not_made_again(account):
    account.has("seatrial-net")
    assert list(quotas.look(site())) == []


def test_a_quota_that_nobody_changed_is_the_default(account):
    account.refuses("service-quotas", "get_service_quota", "NoSuchResourceException")
    account.says("service-quotas", "get_aws_default_service_quota", {"Quota": {"Value": 768.0}})
    account.has("seatrial-net")
    assert told([*quotas.look(site(QUEUE))]) == [("arch.quota-vcpus", PASS)]


# --- images


@dataclass(frozen=True)
class Queue:
    name: str
    instance_type: str
    custom_ami: str | None = None


def test_images_of_a_cluster_and_of_a_queue(account):
    answer: Any = [
        {"ImageId": "ami-1", "State": "available", "Architecture": "x86_64",
         "Tags": [{"Key": "parallelcluster:os", "Value": "ubuntu2204"}]},
        {"ImageId": "ami-2", "State": "available", "Architecture": "x86_64"},
    ]  # fmt: skip
    asked = {"Filters": [{"Name": "image-id", "Values": ["ami-1", "ami-2"]}]}
    account.says("ec2", "describe_images", {"Images": answer}, asked)
    arm = replace(QUEUE, what="queue arm", instance_type="p6e-gb200.36xlarge")
    queues = (Queue("gpu", "p5.48xlarge"), Queue("arm", "p6e-gb200.36xlarge", "ami-2"))
    found = list(images.look(site(QUEUE, arm, custom_ami="ami-1", os="ubuntu2204", queues=queues)))
    assert [(one.verdict, one.observed.partition(":")[0]) for one in found] == [
        (PASS, "mine.custom_ami"),
        (FAIL, "mine"),
    ]
    assert "it is for x86_64, the instances are arm64" in found[1].observed


def test_only_an_image_of_ones_own_is_looked_at():
    assert not images.concerns(site(QUEUE)) and images.concerns(site(QUEUE, custom_ami="ami-1"))


# --- names


def test_names_of_stacks_and_exports(account):
    account.has("seatrial-mine")
    owner = "arn:aws:cloudformation:us-west-2:111122223333:stack/old/1"
    export = {"Name": "seatrial-net-PrivateSubnets", "ExportingStackId": owner, "Value": "x"}
    account.says("cloudformation", "list_exports", {"Exports": [export]})
    template = "Resources: {}\nOutputs: {PrivateSubnets: {Value: x, Export: {Name: seatrial-net-PrivateSubnets}}}"
    found = list(names.look(site(network=template)))
    assert told(found) == [
        ("arch.stack-name", PASS),
        ("arch.stack-name", FAIL),  # there, and not ours
        ("arch.export-name", FAIL),
        ("arch.export-name", PASS),
    ]


BUCKET = 'Resources: {B: {Type: "AWS::S3::Bucket", Properties: {BucketName: checkpoints}}}'


@pytest.mark.parametrize(("code", "verdict"), [(404, PASS), (403, FAIL)])
def test_a_bucket_that_is_to_be_made(account, code, verdict):
    account.has()
    account.refuses("s3", "head_bucket", str(code), code)
    assert told([*names.look_buckets(site(network=BUCKET))]) == [("arch.bucket-name", verdict)]


def test_a_bucket_of_ours_that_is_there(account):
    account.has("seatrial-net")
    assert list(names.look_buckets(site(network=BUCKET))) == []


# --- permissions


TOPIC = 'Resources: {T: {Type: "AWS::SNS::Topic"}, R: {Type: "AWS::IAM::Role"}, X: {Type: "AWS::X::Y"}}'


def test_permissions_of_a_session_are_those_of_its_role(account):
    caller(account, "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin/alice")
    role = "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin"
    described = {"Path": "/", "RoleName": "AWSReservedSSO_Admin", "RoleId": "A" * 16, "Arn": role}
    described["CreateDate"] = "2026-01-01T00:00:00Z"
    account.says("iam", "get_role", {"Role": described}, {"RoleName": "AWSReservedSSO_Admin"})
    wanted, unknown = permissions.actions(["AWS::SNS::Topic", "AWS::IAM::Role"])
    assert not unknown
    for service, resource in (
        ("cloudformation", "arn:aws:cloudformation:us-west-2:111122223333:stack/seatrial-mine/x"),
        ("iam", "arn:aws:iam::111122223333:role/seatrial-mine-x"),
        ("sns", "*"),
    ):
        part = [action for action in wanted if action.startswith(f"{service}:")]
        results = [
            {"EvalActionName": one, "EvalDecision": "implicitDeny" if one == "iam:CreateRole" else "allowed"}
            for one in part
        ]
        asked = {"PolicySourceArn": role, "ActionNames": part, "ResourceArns": [resource]}
        account.says("iam", "simulate_principal_policy", {"EvaluationResults": results}, asked)
    found = list(permissions.look(site(network=TOPIC)))
    assert [one.verdict for one in found] == [FAIL, UNKNOWN]
    assert found[0].observed == "not allowed: iam:CreateRole" and "AWS::X::Y" in found[1].observed


def test_who_may_not_ask_is_told_that_it_is_unknown(account):
    caller(account)
    account.refuses("iam", "simulate_principal_policy", "AccessDenied", 403)
    [found] = permissions.look(site())
    assert found.verdict is UNKNOWN and "may not ask IAM" in found.observed


@pytest.mark.parametrize(
    ("arn", "verdict"),
    [
        ("arn:aws:iam::111122223333:root", PASS),
        ("arn:aws:sts::111122223333:federated-user/alice", UNKNOWN),
    ],
)
def test_callers_that_iam_cannot_simulate(account, arn, verdict):
    caller(account, arn)
    [found] = permissions.look(site())
    assert found.verdict is verdict
