"""Roles: of the control plane, of nodes, of add-ons, and of jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from troposphere import Join, Sub, Template, iam

from seatrial.architectures._architecture import Facts
from seatrial.architectures._cloudformation import assumed_by, imported, objects, policy, session, statement

ADMINISTRATOR = "arn:${AWS::Partition}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
"""https://docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html"""
SERVICE_ACCOUNT = "default"
"""Of jobs."""

Rights = tuple[Iterable[str], list[dict[str, Any]]]
"""Names of AWS's own policies, and statements of ours."""

NODE: Rights = (("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"), [session()])
"""Of nodes, without what the network needs, which its add-on has:
https://docs.aws.amazon.com/eks/latest/userguide/create-node-role.html"""


def _file_system(facts: Facts) -> Rights:
    """The driver looks: the file system is there before it, and is mounted by its names."""
    arn = Sub("arn:${AWS::Partition}:fsx:${AWS::Region}:${AWS::AccountId}:file-system/")
    one = Join("", [arn, imported(facts, "storage", "LustreId")])
    return (), [statement(["fsx:DescribeFileSystems"], one)]


ROLES: Mapping[str, Callable[[Facts], Rights]] = {
    "CniRole": lambda facts: (("AmazonEKS_CNI_Policy",), []),
    "FsxRole": _file_system,
    "JobRole": lambda facts: ((), objects(imported(facts, "bucket", "BucketArn"))),
}
"""Of pods: logical id -> what they may do."""


def add_roles(made: Template, facts: Facts) -> None:
    """ClusterRole, NodeRole, CniRole; with storage FsxRole, with a bucket JobRole."""
    _role(made, "ClusterRole", assumed_by("eks"), (("AmazonEKSClusterPolicy",), []))
    _role(made, "NodeRole", assumed_by("ec2"), NODE)
    wanted = {"CniRole": True, "FsxRole": "storage" in facts.needs, "JobRole": "bucket" in facts.needs}
    for name in (name for name in ROLES if wanted[name]):
        _role(made, name, _pods(), ROLES[name](facts))


def managed(names: Iterable[str]) -> list[Sub]:
    """ARNs of AWS's own policies."""
    return [Sub(f"arn:${{AWS::Partition}}:iam::aws:policy/{name}") for name in names]


def _pods() -> dict[str, Any]:
    """The trust policy of a role of pods: https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html"""
    trust = assumed_by("pods.eks")
    trust["Statement"][0]["Action"] = ["sts:AssumeRole", "sts:TagSession"]
    return trust


def _role(made: Template, name: str, trust: dict[str, Any], rights: Rights) -> None:
    names, statements = rights
    more: dict[str, Any] = {"ManagedPolicyArns": managed(names)} if names else {}
    more |= {"Policies": [iam.Policy(PolicyName="eks", PolicyDocument=policy(*statements))]} if statements else {}
    made.add_resource(iam.Role(name, AssumeRolePolicyDocument=trust, **more))
