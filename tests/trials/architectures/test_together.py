"""Architectures that need one another: in order, with what they export, and not away from under one another."""

from __future__ import annotations

from collections import Counter

import pytest

from seatrial import deploying
from seatrial.architectures import Deployment
from seatrial.errors import UserError
from tests.trials.architectures.account import Account
from tests.trials.architectures.deployments import Told, deployed, deployment, notes, quick


def storage() -> Deployment:
    needs = {"network": deployment("vpc", endpoints=("ssm",)), "bucket": deployment("s3")}
    return deployment("storage", needs=needs)


def test_all_that_storage_needs_is_deployed_first_and_is_really_there(aws: Account) -> None:
    told = deployed(storage())
    assert [change.deployment for change in told.changes] == ["vpc", "s3", "storage"]
    cloudformation = aws.client("cloudformation")
    for stack in ("seatrial-vpc", "seatrial-s3", "seatrial-storage"):
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
        resources = [one for page in pages for one in page["StackResourceSummaries"]]
        assert resources and all(one["PhysicalResourceId"] for one in resources)
        assert {one["ResourceStatus"] for one in resources} == {"CREATE_COMPLETE"}
    outputs = deploying.outputs(storage())
    known = {one["FileSystemId"] for one in aws.client("fsx").describe_file_systems()["FileSystems"]}
    assert outputs["LustreId"] in known and len(known) == 2
    network = deploying.outputs(storage().needs["network"])
    subnets = aws.client("ec2").describe_subnets(SubnetIds=network["PrivateSubnets"].split(","))["Subnets"]
    assert ",".join(one["AvailabilityZone"] for one in subnets) == network["Zones"]
    ((group),) = aws.client("ec2").describe_security_groups(GroupIds=[network["SecurityGroup"]])["SecurityGroups"]
    for rules in (group["IpPermissions"], group["IpPermissionsEgress"]):
        mine = [pair["GroupId"] for rule in rules if rule["IpProtocol"] == "-1" for pair in rule["UserIdGroupPairs"]]
        assert mine == [network["SecurityGroup"]]
    assert [event.status for event in deployed(storage()).events] == [deploying.UNCHANGED] * 3


def test_a_network_that_is_there_is_used(aws: Account) -> None:
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    asked = [("us-west-2a", "10.9.0.0/24"), ("us-west-2b", "10.9.1.0/24")]
    subnets = tuple(
        ec2.create_subnet(VpcId=vpc, AvailabilityZone=zone, CidrBlock=cidr)["Subnet"]["SubnetId"]
        for zone, cidr in asked
    )
    there = {"vpc_id": vpc, "cidr": "10.9.0.0/16", "private_subnets": subnets, "zones": ("us-west-2a", "us-west-2b")}
    network = deployment("vpc", **there)
    assert {row.type.rpartition("::")[2] for row in deployed(network).changes[0].rows} <= {
        "SecurityGroup",
        "SecurityGroupEgress",
        "SecurityGroupIngress",
    }
    outputs = deploying.outputs(network)
    assert (outputs["VpcId"], outputs["PrivateSubnets"]) == (vpc, ",".join(subnets))
    Told().delete(network)
    assert [one["SubnetId"] for one in ec2.describe_subnets(SubnetIds=[*subnets])["Subnets"]] == [*subnets]


def test_a_database_has_its_password_from_a_secret(aws: Account) -> None:
    database = deployment("accounting-db", needs={"network": deployment("vpc")})
    deployed(database)
    outputs = deploying.outputs(database)
    secret = aws.client("secretsmanager").get_secret_value(SecretId=outputs["DatabaseSecretArn"])["SecretString"]
    assert len(secret) == 40
    (cluster,) = aws.client("rds").describe_db_clusters()["DBClusters"]
    assert (cluster["Endpoint"], cluster["MasterUsername"]) == (outputs["DatabaseHost"], outputs["DatabaseUser"])
    told = aws.client("cloudformation").describe_stack_events(StackName=database.stack)
    assert secret not in str(told) + str(outputs)


def test_a_directory_has_its_volume_which_outlives_it(aws: Account) -> None:
    directory = deployment("directory", needs={"network": deployment("vpc")})
    deployed(directory)
    outputs = deploying.outputs(directory)
    ec2 = aws.client("ec2")
    ((server,),) = (one["Instances"] for one in ec2.describe_instances()["Reservations"])
    assert outputs["DirectoryUri"] == f"ldaps://{server['PrivateDnsName']}"
    disks = {one["DeviceName"]: one["Ebs"]["VolumeId"] for one in server["BlockDeviceMappings"]}
    secret = aws.client("secretsmanager").get_secret_value(SecretId=outputs["DirectoryPasswordSecretArn"])
    assert len(secret["SecretString"]) == 40
    Told().delete(directory, unprotect=True)
    assert disks["/dev/sdf"] in [one["VolumeId"] for one in ec2.describe_volumes()["Volumes"]]
    assert aws.client("secretsmanager").list_secrets()["SecretList"] == []


def test_nothing_is_deleted_from_under_another(aws: Account) -> None:
    base = notes("base")
    deployed(notes(needs={"base": base}))
    told = Told()
    with pytest.raises(UserError, match="what the stack seatrial-base exports is used by seatrial-notes"):
        told.delete(base)
    assert told.events == []
    told.delete(notes(needs={"base": base}), everything=True)
    ends = [
        event.deployment
        for event in told.events
        if event.status == "DELETE_COMPLETE" and "seatrial-" in event.logical_id
    ]
    assert ends == ["notes", "base"]
    assert aws.client("ssm").describe_parameters()["Parameters"] == []


def test_what_is_needed_and_not_there_is_named(aws: Account) -> None:
    with pytest.raises(UserError, match=r"No export named seatrial-base-Note found[^\n]*\n.*arch deploy base$"):
        deploying.changes(notes(needs={"base": notes("base")}), wait=quick)
    assert aws.client("cloudformation").describe_stacks()["Stacks"] == []


def test_a_large_template_goes_through_the_bucket(aws: Account) -> None:
    with pytest.raises(UserError, match=r"has [0-9,]+ bytes; CloudFormation takes more than 51,200 from a bucket only"):
        Told().deploy(notes(more=100))
    bucket = deployment("s3")
    wanted = notes(more=100, needs={"bucket_of": bucket}, file="what nodes run")
    deployed(wanted)
    assert (
        len(aws.client("ssm").get_paginator("describe_parameters").paginate().build_full_result()["Parameters"]) == 101
    )
    name = deploying.outputs(bucket)["Bucket"]

    def versions() -> Counter[str]:
        return Counter(one["Key"] for one in aws.client("s3").list_object_versions(Bucket=name)["Versions"])

    assert {key.rpartition("/")[0] for key in versions()} == {"seatrial/templates", "notes"}
    before = versions()
    deployed(wanted)
    assert versions() == before
    deployed(notes(more=100, needs={"bucket_of": bucket}, file="what they run now"))
    assert versions() == before + Counter(["notes/file"])
    read = aws.client("s3").get_object(Bucket=name, Key="notes/file")["Body"].read()
    assert read == b"what they run now"
