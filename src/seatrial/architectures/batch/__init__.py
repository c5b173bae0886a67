"""AWS Batch: a queue for multi-node jobs in containers, on instances of one type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from seatrial.architectures._architecture import (
    Architecture,
    ArchitectureParams,
    Capacity,
    Facts,
    Instances,
    LogDays,
    Name,
    Usage,
)
from seatrial.bounds import Bound, Count, WholeNumber, Word
from seatrial.errors import Problem
from seatrial.hardware.instances import instance

if TYPE_CHECKING:
    from seatrial.cluster import Cluster
    from seatrial.plan import Plan

RootGib = Annotated[int, Bound(ge=30, le=16384)]
"""AMIs of ECS have 30 GiB; a gp3 volume has 16 TiB at most."""
Parts = Annotated[int, Bound(ge=1, le=1000)]

FSX = "/fsx"
"""Where nodes and containers have the file system of `storage`."""

OUTPUTS = {
    "Queue": "ARN of the job queue",
    "JobRoleArn": "ARN of the role that jobs have",
    "ExecutionRoleArn": "ARN of the role that fetches images and secrets for jobs, and writes their logs",
    "LogGroup": "Name of the log group of jobs",
    "Repository": "URI of the repository of container images",
}
"""What its stack exports: name -> what it is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Params(ArchitectureParams):
    """A queue for multi-node jobs."""

    network: Name = "vpc"
    """Deployment of vpc; nodes are in its first zone."""
    storage: Name | None = None
    """Deployment of storage: nodes and jobs have its FSx for Lustre as /fsx. None: nothing is shared, so no checkpoint
    is kept."""
    bucket: Name | None = "s3"
    """Deployment of s3: jobs may read and write its bucket."""
    instance_type: str = "g5.8xlarge"
    """Instance type of the nodes, such as "p5.48xlarge"."""
    at_least: WholeNumber = 0
    """Nodes that always run."""
    at_most: Count = 4
    """Nodes that run at most."""
    capacity: Capacity = "on-demand"
    """How nodes are bought: Batch runs no multi-node jobs on Spot instances."""
    reservation: str | None = None
    """Capacity "reservation" and "capacity-block": its id, "cr-..."; a reservation's may be the ARN of a resource group
    of several."""
    image: Word | None = None
    """Container image that jobs run in, whole reference with tag or digest. Default: what is pushed to the deployment's
    own repository with the tag 1."""
    secrets: Mapping[str, Word] = field(default_factory=dict)
    """Variable of jobs, such as HF_TOKEN -> ARN of its secret in Secrets Manager or Parameter Store."""
    shares: Mapping[str, Parts] = field(default_factory=dict)
    """Fair shares of the queue, {research = 3, product = 1}: name -> parts of the capacity, 1 to 1000, that it gets
    while all want some. Each is a cluster. Without any, jobs run in their order."""
    custom_ami: str | None = None
    """AMI of the nodes, with the agent of ECS. Default: ECS's own, for GPUs, Trainium or neither."""
    root_gib: RootGib = 200
    """Size of each node's root volume in GiB: images and what jobs write outside /fsx."""
    log_days: LogDays = 30
    """Days for which CloudWatch keeps the logs of jobs."""


def efa(params: Params) -> bool:
    """Whether its nodes have EFA: wherever the instance type does."""
    return instance(params.instance_type).efa_interfaces > 0


def placement_group(params: Params) -> bool:
    """Whether its nodes are placed close together. A reservation is a place already: both leave too few instances."""
    return efa(params) and params.capacity == "on-demand"


def render(params: Params, facts: Facts) -> Plan:
    """Its plan."""
    from seatrial.architectures.batch.template import render

    return render(params, facts)


def check(params: Params, facts: Facts) -> Iterable[Problem]:
    """What Batch would refuse, and what could not work."""
    from seatrial.architectures.batch.rules import check

    return check(params, facts)


def instances(params: Params, facts: Facts) -> Iterable[Instances]:
    """The nodes."""
    network = facts.needs["network"].params
    zone, subnet = (next(iter(getattr(network, name, ())), None) for name in ("zones", "private_subnets"))
    yield Instances(
        what="nodes",
        instance_type=params.instance_type,
        at_least=params.at_least,
        at_most=params.at_most,
        capacity=params.capacity,
        reservation=params.reservation,
        efa=efa(params),
        addresses=2,  # its own and its container's: further interfaces are EFA alone
        placement_group=placement_group(params),
        zone=zone,
        subnet=subnet,
    )


def usage(params: Params, facts: Facts) -> Iterable[Usage]:
    """Root volumes of the nodes that always run. What a repository costs depends on what is pushed."""
    if params.at_least:
        gib = params.at_least * params.root_gib
        yield Usage(what="root volumes of nodes that always run", item="ebs/gp3", quantity=gib)


def clusters(params: Params, facts: Facts, outputs: Mapping[str, str]) -> Iterable[Cluster]:
    """The queue, or each of its shares."""
    from seatrial.architectures.batch.clusters import clusters

    return clusters(params, facts, outputs)


ARCHITECTURE = Architecture(
    name="batch",
    title=__doc__,
    Params=Params,
    render=render,
    check=check,
    needs={"network": "vpc", "storage": "storage", "bucket": "s3"},
    instances=instances,
    usage=usage,
    clusters=clusters,
)
