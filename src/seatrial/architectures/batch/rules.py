"""What Batch would refuse, most of it only when a job waits in vain, and what could not work."""

from __future__ import annotations

import re
from collections.abc import Iterable

from seatrial.architectures import _instances
from seatrial.architectures._architecture import Facts
from seatrial.architectures.batch import Params
from seatrial.errors import Problem
from seatrial.image import mutable

SHARE = re.compile(r"[a-z0-9]{1,32}")
"""Batch takes letters and digits, 255 at most; a cluster is called like it."""
MOST_SHARES = 500
"""In a queue: ShareAttributes in the AWS Batch API Reference."""
SECRET = re.compile(r"arn:[^:\s]+:(secretsmanager|ssm):([a-z0-9-]+):[0-9]{12}:\S+")
REACHED = ("ecr.api", "ecr.dkr", "ecs", "ecs-agent", "ecs-telemetry", "logs")
"""Services that a node talks to. Layers of images and packages lie in S3, which every network of ours reaches.
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/vpc-endpoints.html"""


def check(params: Params, facts: Facts) -> Iterable[Problem]:
    """All that is wrong."""
    yield from _nodes(params)
    yield from _capacity(params)
    yield from _instances.ami(params.custom_ami, "custom_ami")
    yield from _jobs(params)
    yield from _shares(params)
    yield from _way_out(params, facts)


def _nodes(params: Params) -> Iterable[Problem]:
    found = _instances.instance(params.instance_type)
    if isinstance(found, Problem):
        yield Problem(found.what, "instance_type", found.remedy)
    elif found.architecture != "x86_64":
        # ECS_AL2023_NVIDIA is for "all non-Graviton" types: Ec2Configuration in the AWS Batch API Reference.
        what = f"{found.name} is {found.architecture}, and Batch's own AMIs with NVIDIA's driver are for x86_64"
        yield Problem(what, "instance_type", "choose another type, or parallelcluster")
    if params.at_most < params.at_least:
        what = f"at_most {params.at_most} is less than at_least {params.at_least}"
        yield Problem(what, "at_most", "raise at_most, or lower at_least")


def _capacity(params: Params) -> Iterable[Problem]:
    if params.capacity == "spot":
        # https://docs.aws.amazon.com/batch/latest/userguide/mnp-ce.html
        what = "Batch runs no multi-node jobs on Spot instances"
        yield Problem(what, "capacity", "choose on-demand, reservation or capacity-block; parallelcluster has spot")
    yield from _instances.capacity(params, params.region)


def _jobs(params: Params) -> Iterable[Problem]:
    if params.image and (reason := mutable(params.image)):
        what = f"{params.image} {reason}: it may be another image tomorrow"
        yield Problem(what, "image", "name it by a tag that nobody moves, or by its digest")
    for variable, arn in params.secrets.items():
        where = f"secrets.{variable}"
        found = SECRET.fullmatch(arn)
        if found is None:
            # The value is not repeated: somebody may have put the secret itself here.
            remedy = "aws secretsmanager create-secret prints its ARN: the secret itself belongs into no parameter"
            yield Problem("is not the ARN of a secret or parameter", where, remedy)
        elif found[2] != params.region:
            what = f"the secret is in {found[2]}, but region is {params.region}"
            yield Problem(what, where, "name one of the same region")


def _shares(params: Params) -> Iterable[Problem]:
    if len(params.shares) > MOST_SHARES:
        yield Problem(f"{len(params.shares)} shares, but a queue has {MOST_SHARES} at most", "shares", "name fewer")
    for name in params.shares:
        if not SHARE.fullmatch(name):
            yield Problem(f"{name!r} cannot name a share", f"shares.{name}", "small letters and digits, 32 at most")


def _way_out(params: Params, facts: Facts) -> Iterable[Problem]:
    """Nodes report to ECS, and get their images from ECR."""
    network = facts.needs["network"]
    if network.params.nat != "none" or network.params.vpc_id is not None:
        return
    missing = [service for service in REACHED if service not in network.params.endpoints]
    if missing:
        what = f"nodes must reach {', '.join(missing)}, but nat of {network.name} is none and endpoints lack them"
        yield Problem(what, "network", f"set nat of {network.name} to one, or add them to its endpoints")
