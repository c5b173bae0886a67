"""A Slurm cluster by SageMaker HyperPod, which replaces faulty nodes and resumes their jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from seatrial.architectures import _hyperpod
from seatrial.architectures._architecture import (
    Architecture,
    ArchitectureParams,
    Facts,
    Instances,
    Name,
    Usage,
)
from seatrial.architectures._hyperpod import Group, NodeRecovery, VolumeGib
from seatrial.bounds import Bound, Table, WholeNumber, Word
from seatrial.errors import Problem

if TYPE_CHECKING:
    from seatrial.cluster import Cluster
    from seatrial.plan import Plan

CONTROLLER, LOGIN = "controller", "login"
"""Names of the groups that run no jobs."""
USER = "ubuntu"
"""Default user of HyperPod's AMI."""

UserName = Annotated[str, Bound(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
Uid = Annotated[int, Bound(ge=10000, le=60000)]
"""Below are users of the AMI and of its packages."""
Url = Annotated[str, Bound(pattern=r"^(https://|file:///)[!-~]+$")]
Sha256 = Annotated[str, Bound(pattern=r"^[0-9a-f]{64}$")]
SshKey = Annotated[
    str, Bound(pattern=r"^(ssh|ecdsa|sk-ssh|sk-ecdsa)-[a-z0-9@.-]+ [A-Za-z0-9+/=]+( [^\x00-\x1f\x7f]*)?$")
]

OUTPUTS = {
    "ClusterName": "Name of the cluster in SageMaker",
    "ClusterArn": "ARN of the cluster",
}
"""What its stack exports: name -> what it is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class User(Table):
    """A user on all nodes, whose home directory is in /home."""

    name: UserName
    """Small letters, digits, hyphens and underscores, 32 at most."""
    uid: Uid
    """Number of the user and of a group of the same name, 10000 to 60000: it owns the files, and stays as it is."""
    ssh_keys: tuple[SshKey, ...] = ()
    """Public keys that may log in, each a line as in ~/.ssh/id_ed25519.pub."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Package(Table):
    """A file that nodes download and install."""

    url: Url
    """Where it is: https://, or file:///fsx/... on the nodes."""
    sha256: Sha256
    """Its checksum: nodes install nothing else."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Params(ArchitectureParams):
    """A Slurm cluster."""

    network: Name = "vpc"
    """Deployment of vpc; nodes are in its first zone."""
    storage: Name = "storage"
    """Deployment of storage: /fsx and /home."""
    bucket: Name = "s3"
    """Deployment of s3: nodes may read and write its bucket, and take from it what they run when they are made."""
    accounting: Name | None = None
    """Deployment of accounting-db, for sacct; None: no accounting."""
    directory: Name | None = None
    """Deployment of directory, for users; None: those of `users` alone."""
    workers: tuple[Group, ...] = (Group(name="gpu", instance_type="g5.8xlarge", count=2),)
    """Groups of nodes that run jobs, each a partition of Slurm; the first is Slurm's default."""
    controller_instance_type: str = "m5.2xlarge"
    """Instance type of the controller."""
    login_nodes: WholeNumber = 0
    """Nodes for users to log in; 0: users log in to the controller."""
    login_instance_type: str = "m5.2xlarge"
    """Instance type of the login nodes."""
    volume_gib: VolumeGib = 500
    """Size in GiB of the second volume of controller and login nodes, /opt/sagemaker."""
    ssh_keys: tuple[SshKey, ...] = ()
    """Public keys that may log in as ubuntu, each a line as in ~/.ssh/id_ed25519.pub, for ssh through Systems Manager;
    none: by sessions of Systems Manager alone."""
    users: tuple[User, ...] = ()
    """Users beside ubuntu."""
    slurm: Mapping[str, str] = field(default_factory=dict)
    """More settings of slurm.conf: {KillOnBadExit = "1"}."""
    containers: bool = False
    """Whether jobs can run container images, by enroot and pyxis: those of the AMI, or of container_packages."""
    container_packages: tuple[Package, ...] = ()
    """Debian packages of enroot, and of pyxis as it is built for the AMI's Slurm, for AMIs that lack them."""
    container_image: Word | None = None
    """Container image that jobs run in, whole reference; None: they run without one."""
    python: Word = "python3"
    """Python on the nodes, or in the image, that has seatrial and the framework: what its clusters name."""
    package: Word | None = None
    """What pip installs Seatrial of on each node, in /opt/seatrial: "seatrial==1.0", a URL, or a path on a /fsx that is
    older than the cluster, such as "/fsx/seatrial-1.0-py3-none-any.whl". None: nothing is installed."""
    health_checks: bool = False
    """Whether Slurm checks a node before and after each job, and from time to time, by Seatrial, which package names.
    HyperPod's own agent watches nodes in any case."""
    observability: bool = False
    """Whether nodes export metrics, and Prometheus on the controller gathers them; by Seatrial, which package names."""
    node_recovery: NodeRecovery = "Automatic"
    """Whether HyperPod reboots and replaces faulty nodes itself."""


def groups(params: Params) -> tuple[Group, ...]:
    """All groups: controller, login nodes if there are any, workers."""
    fixed = [(CONTROLLER, params.controller_instance_type, 1)]
    fixed += [(LOGIN, params.login_instance_type, params.login_nodes)] if params.login_nodes else []
    made = (
        Group(name=name, instance_type=kind, count=count, volume_gib=params.volume_gib) for name, kind, count in fixed
    )
    return (*made, *params.workers)


def render(params: Params, facts: Facts) -> Plan:
    """Its plan."""
    from seatrial.architectures.hyperpod_slurm.template import render

    return render(params, facts)


def check(params: Params, facts: Facts) -> Iterable[Problem]:
    """What HyperPod would refuse, most of it only after minutes, and what could not work."""
    from seatrial.architectures.hyperpod_slurm.rules import check

    return check(params, facts)


def instances(params: Params, facts: Facts) -> Iterable[Instances]:
    """The nodes of each group."""
    return _hyperpod.instances(groups(params), facts)


def usage(params: Params, facts: Facts) -> Iterable[Usage]:
    """Second volumes of all nodes."""
    return _hyperpod.usage(groups(params))


def clusters(params: Params, facts: Facts, outputs: Mapping[str, str]) -> Iterable[Cluster]:
    """One for each group of workers, whose controller, or login node, is reached by ssh through Systems Manager."""
    from seatrial.architectures.hyperpod_slurm.clusters import clusters

    return clusters(params, facts, outputs)


NEEDS = {
    "network": "vpc",
    "storage": "storage",
    "bucket": "s3",
    "accounting": "accounting-db",
    "directory": "directory",
}

ARCHITECTURE = Architecture(
    name="hyperpod-slurm",
    title=__doc__,
    Params=Params,
    render=render,
    check=check,
    needs=NEEDS,
    instances=instances,
    usage=usage,
    clusters=clusters,
)
