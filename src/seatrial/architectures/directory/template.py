"""The directory's template."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from troposphere import Base64, GetAtt, Join, Ref, Select, Split, Sub, cloudformation, ec2, iam, secretsmanager, ssm

from seatrial.architectures._architecture import Facts
from seatrial.architectures._cloudformation import (
    assumed_by,
    export,
    imported,
    kept,
    plan,
    policy,
    session,
    statement,
    tags,
    template,
)
from seatrial.architectures._groups import CLIENT, SERVER, server_and_client
from seatrial.architectures.directory import OUTPUTS, READER, ROOT_GIB, Params
from seatrial.hardware import instances
from seatrial.plan import Plan
from seatrial.versions import UBUNTU

if TYPE_CHECKING:
    from troposphere import Template

SETUP = Path(__file__).with_name("setup.sh")
PORT = 636
PATIENCE_S = 1200
"""For starting, packages and setting up. It takes a few minutes."""
ARCHITECTURES = {"x86_64": "amd64", "arm64": "arm64"}
"""What hardware calls it -> what Ubuntu does."""


def render(params: Params, facts: Facts) -> Plan:
    """Its plan."""
    made = template("Seatrial: an LDAP directory")
    for name, whom in (("AdminPassword", "the administrator"), ("ReaderPassword", "those who may only read")):
        _password(made, facts, name, whom)
    certificate = ssm.Parameter(
        "Certificate",
        Name=f"/{facts.stack}/certificate",
        Type="String",
        Value="none yet",  # The instance writes it.
        Description="Certificate of the authority that nodes trust when they ask the directory",
    )
    made.add_resource(certificate)
    for group in server_and_client(facts, "LDAP over TLS", PORT, _reaches()):
        made.add_resource(group)
    _role(made)
    _server(made, params, facts)
    _disk(made, params, facts)
    reader = f"cn={READER}," + ",".join(f"dc={part}" for part in params.domain.split("."))
    values = {
        "DirectoryUri": Sub("ldaps://${Server.PrivateDnsName}"),
        "DirectoryDomain": params.domain,
        "DirectoryReadOnlyUser": reader,
        "DirectoryPasswordSecretArn": Ref("ReaderPassword"),
        "DirectoryCertificateParameter": Ref("Certificate"),
        "DirectoryClientSecurityGroup": CLIENT,
    }
    export(made, facts, values, OUTPUTS)
    return plan(params, facts, made)


def _password(made: Template, facts: Facts, name: str, whom: str) -> None:
    # Plain text and not JSON: ParallelCluster reads the secret as the password itself.
    generated = secretsmanager.GenerateSecretString(ExcludePunctuation=True, PasswordLength=40)
    secret = secretsmanager.Secret(
        name,
        Description=f"Password of {whom} in the directory, as plain text",
        GenerateSecretString=generated,
        # A new stack that takes the volume on sets new passwords.
        DeletionPolicy="Delete",
        UpdateReplacePolicy="Delete",
        Tags=tags(f"{facts.stack}-{name}"),
    )
    made.add_resource(secret)


def _reaches() -> list[ec2.SecurityGroupRule]:
    """Ubuntu's packages, which are signed, and AWS's services."""
    return [
        ec2.SecurityGroupRule(IpProtocol="tcp", FromPort=port, ToPort=port, CidrIp="0.0.0.0/0", Description=what)
        for port, what in ((80, "Packages"), (443, "Packages and AWS"))
    ]


def _role(made: Template) -> None:
    secrets = statement(["secretsmanager:GetSecretValue"], [Ref("AdminPassword"), Ref("ReaderPassword")])
    certificate = statement(
        ["ssm:PutParameter"],
        Sub("arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter${Certificate}"),
    )
    role = iam.Role(
        "Role",
        AssumeRolePolicyDocument=assumed_by("ec2"),
        Policies=[iam.Policy(PolicyName="directory", PolicyDocument=policy(secrets, certificate, session()))],
    )
    made.add_resource(role)
    made.add_resource(iam.InstanceProfile("Profile", Roles=[Ref("Role")]))


def _server(made: Template, params: Params, facts: Facts) -> None:
    architecture = ARCHITECTURES[instances.instance(params.instance_type).architecture]
    newest = f"/aws/service/canonical/ubuntu/server/{UBUNTU}/stable/current/{architecture}/hvm/ebs-gp3/ami-id"
    disk = ec2.EbsBlockDevice(Encrypted=True, VolumeType="gp3", VolumeSize=ROOT_GIB, DeleteOnTermination=True)
    made.add_resource(cloudformation.WaitConditionHandle("Signal"))
    server = ec2.Instance(
        "Server",
        ImageId=params.image or f"{{{{resolve:ssm:{newest}}}}}",
        InstanceType=params.instance_type,
        IamInstanceProfile=Ref("Profile"),
        SubnetId=Select(0, Split(",", imported(facts, "network", "PrivateSubnets"))),
        SecurityGroupIds=[SERVER],
        BlockDeviceMappings=[ec2.BlockDeviceMapping(DeviceName="/dev/sda1", Ebs=disk)],
        EbsOptimized=True,
        MetadataOptions=ec2.MetadataOptions(HttpTokens="required", HttpPutResponseHopLimit=1),
        UserData=Base64(Join("\n", ["#!/bin/bash", *_environment(params), SETUP.read_text(encoding="utf-8")])),
        Tags=tags(facts.stack),
    )
    made.add_resource(server)


def _environment(params: Params) -> list[Any]:
    """What the set-up reads, a line each. Passwords are not in it, but where they are."""
    return [
        f"export DOMAIN={params.domain} READER={READER}",
        Sub("export ADMIN_SECRET='${AdminPassword}' READER_SECRET='${ReaderPassword}'"),
        Sub("export CERTIFICATE_PARAMETER='${Certificate}' AWS_DEFAULT_REGION='${AWS::Region}'"),
        Sub("export SIGNAL_URL='${Signal}'"),
    ]


def _disk(made: Template, params: Params, facts: Facts) -> None:
    """The volume with the data; the stack is done when the set-up, which waits for it, says so."""
    if params.volume_id is None:
        volume = ec2.Volume(
            "Data",
            AvailabilityZone=GetAtt("Server", "AvailabilityZone"),
            Encrypted=True,
            VolumeType="gp3",
            Size=params.data_gib,
            Tags=tags(f"{facts.stack}-data"),
        )
        made.add_resource(kept(volume))
    attachment = ec2.VolumeAttachment(
        "Attachment", Device="/dev/sdf", InstanceId=Ref("Server"), VolumeId=params.volume_id or Ref("Data")
    )
    # The instance's end detaches the volume. Before that CloudFormation would wait in vain: it is mounted.
    made.add_resource(kept(attachment))
    ready = cloudformation.WaitCondition(
        "Ready", DependsOn="Attachment", Handle=Ref("Signal"), Timeout=PATIENCE_S, Count=1
    )
    made.add_resource(ready)
