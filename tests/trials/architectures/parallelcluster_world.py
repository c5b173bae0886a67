"""moto's server as an account with all that a cluster needs, and the answers that moto does not have."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seatrial.versions import PARALLELCLUSTER
from tests.architectures.shapes.parallelcluster import AMI, BLOCK, RESERVATION, TRAINIUM
from tests.waiting import poll

REGION = "us-west-2"
ZONE = "us-west-2a"
MOTO_CANNOT = ("HeadNodeLaunchTemplateValidator", "ComputeResourceLaunchTemplateValidator", "KeyPairValidator")
"""Validators that ask for what moto does not do: a dry run of run-instances with block devices, and a key's type."""

OFFICIAL = {
    "ubuntu2204": "ubuntu-2204-lts-hvm",
    "ubuntu2404": "ubuntu-2404-lts-hvm",
    "alinux2023": "amzn2023-hvm",
}
"""Operating system -> how the names of ParallelCluster's own AMIs spell it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """Where the package finds AWS, and what is there."""

    environment: Mapping[str, str]
    values: Mapping[str, str]
    """Name of an output -> what a stack would export as it."""
    answers: Mapping[str, Any]
    """Operation -> resources, of what moto does not have."""


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """An account that lives as long as this does."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "amis.json").write_text(json.dumps(_amis()), encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))} | {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "MOTO_AMIS_PATH": str(folder / "amis.json"),
        "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
        "HOME": str(folder),  # the package writes its log there
    }
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with (
        (folder / "moto.log").open("w") as log,
        subprocess.Popen(command, env=environment, stdout=log, stderr=log) as up,
    ):
        try:
            poll(lambda: _listens(port), 60, "moto's server")
            yield _filled(environment)
        finally:
            up.terminate()


def _listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def _amis() -> list[dict[str, Any]]:
    version = f"aws-parallelcluster-{PARALLELCLUSTER.version}"
    names = [f"{version}-{part}-x86_64-202609010000 2026-09-01T00-00-00.000Z" for part in OFFICIAL.values()]
    ids = [AMI, *(f"ami-{number:017x}" for number in range(1, len(names) + 1))]
    return [
        {
            "ami_id": ami,
            "name": name,
            "state": "available",
            "public": True,
            "owner_id": "247102896272",
            "owner_alias": "amazon",
            "image_location": "amazon/parallelcluster",
            "sriov": "simple",
            "root_device_type": "ebs",
            "root_device_name": "/dev/sda1",
            "description": "",
            "image_type": "machine",
            "platform": None,
            "architecture": "x86_64",
            "virtualization_type": "hvm",
            "hypervisor": "xen",
        }
        for ami, name in zip(ids, ["ours", *names], strict=True)
    ]


def _filled(environment: Mapping[str, str]) -> World:
    import boto3

    session = boto3.Session("testing", "testing", region_name=REGION)
    ec2, iam, secrets = (
        session.client(name, endpoint_url=environment["AWS_ENDPOINT_URL"]) for name in ("ec2", "iam", "secretsmanager")
    )
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    for attribute in ("EnableDnsSupport", "EnableDnsHostnames"):
        ec2.modify_vpc_attribute(VpcId=vpc, **{attribute: {"Value": True}})
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/17", AvailabilityZone=ZONE)["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="nodes", Description="nodes", VpcId=vpc)["GroupId"]
    itself = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=itself)
    ec2.create_key_pair(KeyName="ours", KeyType="ed25519")
    allowed = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    policy = iam.create_policy(PolicyName="ours", Path="/parallelcluster/", PolicyDocument=document)["Policy"]["Arn"]
    secret = secrets.create_secret(Name="ours", SecretString="not told")["ARN"]
    values = {
        "NodePolicy": policy,
        "Bucket": "datasets",
        "PrivateSubnets": f"{subnet},subnet-0123456789abcdef0",
        "SecurityGroup": group,
        "Cidr": "10.0.0.0/16",
        "LustreId": "fs-0123456789abcdef0",
        "HomeVolumeId": "fsvol-0123456789abcdef0",
        "DirectoryClientSecurityGroup": group,
        "DirectoryCertificateParameter": "/seatrial/directory/certificate",
        "DirectoryDomain": "dc=example,dc=com",
        "DirectoryUri": "ldaps://directory.example.com",
        "DirectoryReadOnlyUser": "cn=reader,dc=example,dc=com",
        "DirectoryPasswordSecretArn": secret,
        "DatabaseHost": "database.example.com",
        "DatabasePort": "3306",
        "DatabaseUser": "slurm",
        "DatabaseSecretArn": secret,
        "DatabaseClientSecurityGroup": group,
    }
    return World(environment=environment, values=values, answers=_answers(vpc, subnet, group))


def _answers(vpc: str, subnet: str, group: str) -> dict[str, Any]:
    interface = {"NetworkInterfaceId": "eni-0123456789abcdef0", "VpcId": vpc, "Groups": [{"GroupId": group}]}
    systems = [
        {
            "FileSystemId": name,
            "FileSystemType": kind,
            "VpcId": vpc,
            "SubnetIds": [subnet],
            "NetworkInterfaceIds": [interface["NetworkInterfaceId"]],
            "DNSName": f"{name}.example.com",
            "LustreConfiguration": {"MountName": "fsx"},
        }
        for name, kind in (("fs-0123456789abcdef0", "LUSTRE"), ("fs-fedcba98765432100", "OPENZFS"))
    ]
    volume = {
        "VolumeId": "fsvol-0123456789abcdef0",
        "FileSystemId": "fs-fedcba98765432100",
        "OpenZFSConfiguration": {"VolumePath": "/fsx"},
    }

    def reservation(name: str, instance_type: str, kind: str) -> dict[str, Any]:
        return {
            "CapacityReservationId": name,
            "InstanceType": instance_type,
            "AvailabilityZone": ZONE,
            "TotalInstanceCount": 4,
            "InstancePlatform": "Linux/UNIX",
            "ReservationType": kind,
            "State": "active",
        }

    reservations = [
        reservation(RESERVATION, "p5en.48xlarge", "default"),
        reservation(TRAINIUM, "trn1.32xlarge", "default"),
        reservation(BLOCK, "p6-b200.48xlarge", "capacity-block"),
    ]
    return {
        "fsx.DescribeFileSystems": {"FileSystems": systems},
        "fsx.DescribeVolumes": {"Volumes": [volume]},
        "ec2.DescribeNetworkInterfaces": {"NetworkInterfaces": [interface]},
        "ec2.DescribeCapacityReservations": {"CapacityReservations": reservations},
    }
