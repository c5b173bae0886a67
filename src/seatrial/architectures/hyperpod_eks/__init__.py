"""A Kubernetes cluster on Amazon EKS whose nodes are SageMaker HyperPod's, which replaces faulty ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from seatrial.architectures import _hyperpod
from seatrial.architectures._architecture import (
    Architecture,
    ArchitectureParams,
    Facts,
    Instances,
    Name,
    Usage,
)
from seatrial.architectures._hyperpod import Group, NodeRecovery
from seatrial.bounds import Bound, Word
from seatrial.errors import Problem

if TYPE_CHECKING:
    from seatrial.cluster import Cluster
    from seatrial.plan import Plan

Kind = Literal["hyperpodpytorchjob", "jobset", "pytorchjob", "trainjob", "mpijob", "job"]
Repair = Literal["none", "reboot", "replace"]
LustreGib = Annotated[int, Bound(ge=1200, le=100800)]
Throughput = Literal[125, 250, 500, 1000]
"""FSxLustreConfig in the SageMaker API Reference gives the ends, that of FSx the steps between them."""

OUTPUTS = {
    "ClusterName": "Name of the cluster in SageMaker",
    "ClusterArn": "ARN of the cluster in SageMaker",
    "EksClusterName": "Name of the cluster in EKS",
    "Repository": "URI of the repository of container images",
    "LustreId": "Id of the Lustre file system of jobs; missing without storage",
    "LustreDnsName": "DNS name of that file system",
    "LustreMountName": "Mount name of that file system",
}
"""What its stack exports: name -> what it is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Restricted(Group):
    """A restricted instance group, on which AWS's own recipes train Amazon Nova, with a file system of its own."""

    lustre_gib: LustreGib = 1200
    """Size in GiB of its FSx for Lustre file system: 1200, or a multiple of 2400."""
    lustre_throughput: Throughput = 125
    """Throughput of the file system in MB/s for each TiB."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Params(ArchitectureParams):
    """A HyperPod cluster on EKS."""

    cluster: Name = "eks"
    """Deployment of eks with hyperpod = true."""
    network: Name = "vpc"
    """Deployment of vpc, that of the cluster; nodes are in its first zone."""
    storage: Name | None = None
    """Deployment of storage, that of the cluster: jobs have its FSx for Lustre as /fsx. None: nothing is shared, so no
    checkpoint is kept."""
    bucket: Name = "s3"
    """Deployment of s3: nodes take from its bucket what they run when they are made."""
    groups: tuple[Group, ...] = (Group(name="gpu", instance_type="g5.8xlarge", count=2),)
    """Groups of nodes that jobs run on. Each is a cluster."""
    restricted: tuple[Restricted, ...] = ()
    """Restricted groups, for recipes of Amazon Nova. No job of Seatrial's runs there."""
    node_recovery: NodeRecovery = "Automatic"
    """Whether HyperPod reboots and replaces faulty nodes itself."""
    task_governance: bool = True
    """Whether Kueue is that of HyperPod's task governance, which also divides the cluster between teams; else Kueue
    alone is installed."""
    training_operator: Word | None = None
    """Version of EKS's add-on amazon-sagemaker-hyperpod-training-operator, such as "v1.0.1-eksbuild.1"; None: it is not
    installed."""
    kind: Kind | None = None
    """What a job becomes, whose operator is installed. None: hyperpodpytorchjob where training_operator is set, else
    jobset."""
    image: Word | None = None
    """Container image that jobs run in, whole reference with tag or digest. Default: what is pushed to the repository
    of the deployment of eks with the tag 1."""
    agent: Word | None = None
    """Container image with Seatrial, whole reference, of an agent that checks each node; None: no agent."""
    repair: Repair = "none"
    """What HyperPod may be asked to do with a node that such a check has quarantined."""


def kind(params: Params) -> Kind:
    """What a job becomes."""
    return params.kind or ("hyperpodpytorchjob" if params.training_operator else "jobset")


def render(params: Params, facts: Facts) -> Plan:
    """Its plan."""
    from seatrial.architectures.hyperpod_eks.template import render

    return render(params, facts)


def check(params: Params, facts: Facts) -> Iterable[Problem]:
    """What HyperPod would refuse, most of it only after minutes, and what could not work."""
    from seatrial.architectures.hyperpod_eks.rules import check

    return check(params, facts)


def instances(params: Params, facts: Facts) -> Iterable[Instances]:
    """The nodes of each group."""
    return _hyperpod.instances((*params.groups, *params.restricted), facts)


def usage(params: Params, facts: Facts) -> Iterable[Usage]:
    """Second volumes of all nodes, and file systems of restricted groups."""
    yield from _hyperpod.usage((*params.groups, *params.restricted))
    for group in params.restricted:
        item = f"fsx-lustre/{group.lustre_throughput}"
        yield Usage(what=f"file system of group {group.name}", item=item, quantity=group.lustre_gib)


def clusters(params: Params, facts: Facts, outputs: Mapping[str, str]) -> Iterable[Cluster]:
    """One for each group of `groups`."""
    from seatrial.architectures.hyperpod_eks.clusters import clusters

    return clusters(params, facts, outputs)


def installs(params: Params, facts: Facts, outputs: Mapping[str, str]) -> Plan:
    """Operators, queues, device plugins and the volume of the file system."""
    from seatrial.architectures.hyperpod_eks.installs import installs

    return installs(params, facts, outputs)


ARCHITECTURE = Architecture(
    name="hyperpod-eks",
    title=__doc__,
    Params=Params,
    render=render,
    check=check,
    needs={"cluster": "eks", "network": "vpc", "storage": "storage", "bucket": "s3"},
    instances=instances,
    usage=usage,
    clusters=clusters,
    installs=installs,
)
