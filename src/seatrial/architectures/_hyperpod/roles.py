"""The role of the nodes: what HyperPod's own agent needs, and what nodes do in the account."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from troposphere import Join, Sub, iam

from seatrial.architectures._architecture import Facts
from seatrial.architectures._cloudformation import assumed_by, imported, objects, policy, statement

MANAGED = "AmazonSageMakerClusterInstanceRolePolicy"
"""Logs and metrics of HyperPod, sessions of Systems Manager, and reading buckets whose names begin with "sagemaker-".
https://docs.aws.amazon.com/sagemaker/latest/dg/security-iam-awsmanpol-cluster.html"""
OURS = "seatrial"
"""Part of the bucket that nodes run as root, and so must not write."""


def role(name: str, statements: Iterable[dict[str, Any]], managed: Iterable[str] = ()) -> iam.Role:
    """A role of instance groups. `managed`: more policies of AWS's own."""
    arns = [Sub(f"arn:${{AWS::Partition}}:iam::aws:policy/{one}") for one in (MANAGED, *managed)]
    own = iam.Policy(PolicyName="hyperpod", PolicyDocument=policy(*statements))
    return iam.Role(name, AssumeRolePolicyDocument=assumed_by("sagemaker"), ManagedPolicyArns=arns, Policies=[own])


def arn(service: str, resource: str) -> Sub:
    """ARN of something of this account and region."""
    return Sub(f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{resource}")


def interfaces() -> list[dict[str, Any]]:
    """SageMaker owns the instances, and makes their interfaces in our network by their role.

    https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-prerequisites-iam.html
    """
    described = ("DhcpOptions", "NetworkInterfaces", "SecurityGroups", "Subnets", "Vpcs")
    interface = arn("ec2", "network-interface/*")
    made = ["ec2:CreateNetworkInterfacePermission", "ec2:DeleteNetworkInterface"]
    return [
        statement(["ec2:CreateNetworkInterface"], [interface, arn("ec2", "subnet/*"), arn("ec2", "security-group/*")]),
        statement(made, interface),
        statement(["ec2:CreateTags"], interface),
        # EC2 knows no resources for these, and an interface is detached from an instance of another account.
        statement(
            [
                *(f"ec2:Describe{what}" for what in described),
                "ec2:DeleteNetworkInterfacePermission",
                "ec2:DetachNetworkInterface",
            ],
            "*",
        ),
    ]


def images() -> list[dict[str, Any]]:
    """Container images of the account's registry."""
    layers = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    # A token is of no repository: the service knows no other resource.
    return [statement(["ecr:GetAuthorizationToken"], "*"), statement(layers, arn("ecr", "repository/*"))]


def bucket(facts: Facts) -> list[dict[str, Any]]:
    """The bucket, but not to write what nodes run as root when they are made."""
    found = imported(facts, "bucket", "BucketArn")
    return [
        *objects(found),
        {
            "Effect": "Deny",
            "Action": ["s3:DeleteObject", "s3:PutObject"],
            "Resource": Join("", [found, f"/{OURS}/*"]),
        },
    ]
