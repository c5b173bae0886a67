"""A Slurm cluster by AWS ParallelCluster: queues of GPU, Trainium or CPU instances."""

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
from seatrial.bounds import Bound, Count, Table, WholeNumber, Word
from seatrial.errors import Problem
from seatrial.hardware.instances import instance

if TYPE_CHECKING:
    from seatrial.cluster import Cluster
    from seatrial.plan import Plan

RootGib = Annotated[int, Bound(ge=45, le=16384)]
"""ParallelCluster's own AMIs have 45 GiB; a gp3 volume has 16 TiB at most."""

OUTPUTS = {
    "ClusterName": "Name of the cluster in ParallelCluster",
    "HeadNodeId": "Id of the head node's instance",
    "HeadNodeAddress": "Private address of the head node",
}
"""What its stack exports: name -> what it is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Queue(Table):
    """A queue: nodes of one instance type, a partition of Slurm."""

    name: str
    """Lowercase letters, digits and hyphens, 25 at most."""
    instance_type: str
    """Instance type of its nodes, such as "p5.48xlarge"."""
    at_least: WholeNumber = 0
    """Nodes that always run."""
    at_most: Count
    """Nodes that run at most."""
    capacity: Capacity = "on-demand"
    """How its nodes are bought. A Capacity Block's nodes always run: at_least is at_most."""
    reservation: str | None = None
    """Capacity "reservation" and "capacity-block": its id, "cr-..."; a reservation's may be the ARN of a resource group
    of several."""
    custom_ami: str | None = None
    """AMI of its nodes, by id or name. Default: that of the cluster."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Params(ArchitectureParams):
    """A Slurm cluster."""

    network: Name = "vpc"
    """Deployment of vpc; nodes are in its first zone."""
    storage: Name = "storage"
    """Deployment of storage: /fsx and /home."""
    bucket: Name | None = "s3"
    """Deployment of s3: nodes may read and write its bucket, and take from it what they run when they start."""
    accounting: Name | None = None
    """Deployment of accounting-db, for sacct; None: no accounting."""
    directory: Name | None = None
    """Deployment of directory, for users; None: the default user alone."""
    queues: tuple[Queue, ...] = (Queue(name="gpu", instance_type="g5.8xlarge", at_most=4),)
    """Queues, 50 at most; the first is Slurm's default."""
    head_instance_type: str = "m5.2xlarge"
    """Instance type of the head node."""
    head_root_gib: RootGib = 100
    """Size of the head node's root volume in GiB."""
    root_gib: RootGib = 200
    """Size of the root volume of each other node in GiB."""
    login_nodes: WholeNumber = 0
    """Nodes for users to log in, behind a load balancer; 0: users log in to the head node."""
    login_instance_type: str = "m5.2xlarge"
    """Instance type of the login nodes."""
    key_pair: Word | None = None
    """EC2 key pair of the default user, for ssh through Systems Manager; None: by sessions of Systems Manager alone."""
    os: str = "ubuntu2204"
    """Operating system of all nodes."""
    custom_ami: str | None = None
    """AMI of all nodes, made from one of ParallelCluster's of the same version: its id, or the name of an image that
    was made here, such as "ami-parallelcluster-gpu". Default: ParallelCluster's own."""
    containers: bool = True
    """Whether jobs can run container images, by enroot and pyxis. It cannot be changed later."""
    container_image: Word | None = None
    """Container image that jobs run in, whole reference; None: they run without one."""
    python: Word = "python3"
    """Python on the nodes, or in the image, that has seatrial and the framework: what its clusters name."""
    health_checks: bool = True
    """Whether a node's GPUs are checked before each job."""
    scaledown_minutes: Count = 10
    """Minutes without a job after which a node that need not always run is given back."""
    slurm: Mapping[str, str] = field(default_factory=dict)
    """More settings of slurm.conf: {KillOnBadExit = "1"}."""
    log_days: LogDays = 30
    """Days for which CloudWatch keeps the logs of nodes."""
    dashboard: bool = True
    """Whether there are a CloudWatch dashboard, and alarms of the head node."""
    detailed_monitoring: bool = False
    """Whether CloudWatch gets metrics of EC2 every minute, at a price, not every five minutes."""


def efa(queue: Queue) -> bool:
    """Whether its nodes have EFA: wherever the instance type does."""
    return instance(queue.instance_type).efa_interfaces > 0


def placement_group(queue: Queue) -> bool:
    """Whether its nodes are placed close together. A reservation is a place already: both leave too few instances."""
    return efa(queue) and queue.capacity in ("on-demand", "spot")


def render(params: Params, facts: Facts) -> Plan:
    """Its plan."""
    from seatrial.architectures.parallelcluster.template import render

    return render(params, facts)


def check(params: Params, facts: Facts) -> Iterable[Problem]:
    """What ParallelCluster would refuse, and what could not work."""
    from seatrial.architectures.parallelcluster.rules import check

    return check(params, facts)


def instances(params: Params, facts: Facts) -> Iterable[Instances]:
    """The head node, the login nodes, and the nodes of each queue."""
    network = facts.needs["network"].params
    zone, subnet = (next(iter(getattr(network, name, ())), None) for name in ("zones", "private_subnets"))

    def fixed(what: str, instance_type: str, count: int) -> Instances:
        return Instances(
            what=what, instance_type=instance_type, at_least=count, at_most=count, zone=zone, subnet=subnet
        )

    yield fixed("head node", params.head_instance_type, 1)
    if params.login_nodes:
        yield fixed("login nodes", params.login_instance_type, params.login_nodes)
    for queue in params.queues:
        yield Instances(
            what=f"queue {queue.name}",
            instance_type=queue.instance_type,
            at_least=queue.at_least,
            at_most=queue.at_most,
            capacity=queue.capacity,
            reservation=queue.reservation,
            efa=efa(queue),
            placement_group=placement_group(queue),
            zone=zone,
            subnet=subnet,
        )


def usage(params: Params, facts: Facts) -> Iterable[Usage]:
    """Root volumes of the nodes that always run, and the load balancer of login nodes."""
    running = params.login_nodes + sum(queue.at_least for queue in params.queues)
    gib = params.head_root_gib + running * params.root_gib
    yield Usage(what="root volumes of nodes that always run", item="ebs/gp3", quantity=gib)
    if params.login_nodes:
        yield Usage(what="load balancer of login nodes", item="network-load-balancer", quantity=1)


def clusters(params: Params, facts: Facts, outputs: Mapping[str, str]) -> Iterable[Cluster]:
    """One for each queue, whose head node is reached by ssh through Systems Manager."""
    from seatrial.architectures.parallelcluster.clusters import clusters

    return clusters(params, facts, outputs)


NEEDS = {
    "network": "vpc",
    "storage": "storage",
    "bucket": "s3",
    "accounting": "accounting-db",
    "directory": "directory",
}

ARCHITECTURE = Architecture(
    name="parallelcluster",
    title=__doc__,
    Params=Params,
    render=render,
    check=check,
    needs=NEEDS,
    instances=instances,
    usage=usage,
    clusters=clusters,
    machine_images="parallelcluster",
)
