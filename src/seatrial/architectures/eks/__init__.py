"""Kubernetes by Amazon EKS: groups of GPU, Trainium or CPU nodes with EFA, queues and shared storage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

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
from seatrial.hardware import accelerators
from seatrial.hardware.instances import instance

if TYPE_CHECKING:
    from seatrial.cluster import Cluster
    from seatrial.plan import Plan

RootGib = Annotated[int, Bound(ge=30, le=16384)]
"""AMIs of EKS have 20 GiB, images come on top; a gp3 volume has 16 TiB at most."""
SystemNodes = Annotated[int, Bound(ge=2, le=100)]
"""CoreDNS and operators have replicas, which two nodes keep apart."""
Version = Literal["1.34", "1.35"]
"""Keys of RELEASES in versions.py."""
Kind = Literal["jobset", "pytorchjob", "trainjob", "mpijob", "job"]

GROUP_LABEL = "seatrial.io/group"
"""Label of nodes: the name of their group."""
SYSTEM = "system"
"""Its value on system nodes."""

NODE_ADDRESSES = 14
"""Addresses of the subnet that a node takes: those of two interfaces, and twelve for pods, by POD_ADDRESSES."""
POD_ADDRESSES = {"MINIMUM_IP_TARGET": "10", "WARM_IP_TARGET": "2"}
"""A job has one pod on a node, beside a few of add-ons. By default the VPC CNI takes all addresses of two interfaces,
100 on the largest types. https://github.com/aws/amazon-vpc-cni-k8s/blob/master/docs/eni-and-ip-target.md"""

OUTPUTS = {
    "ClusterName": "Name of the cluster",
    "ClusterArn": "ARN of the cluster",
    "ClusterSecurityGroup": "Id of the security group that EKS made for the control plane and nodes",
    "NodeRoleArn": "ARN of the role of nodes",
    "Version": "Version of Kubernetes",
    "Repository": "URI of the repository of container images",
    "LustreId": "Id of the Lustre file system of jobs; missing without storage",
    "LustreDnsName": "DNS name of that file system",
    "LustreMountName": "Mount name of that file system",
}
"""What its stack exports: name -> what it is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Group(Table):
    """Nodes of one instance type, in the network's first zone. Each is a cluster."""

    name: str
    """Lowercase letters, digits and hyphens, 25 at most."""
    instance_type: str
    """Instance type of its nodes, such as "p5.48xlarge"."""
    at_least: WholeNumber = 0
    """Nodes that run when the stack is made or this number changed. Nothing adds more by itself."""
    at_most: Count
    """Nodes that run at most."""
    capacity: Capacity = "on-demand"
    """How its nodes are bought."""
    reservation: str | None = None
    """Capacity "reservation" and "capacity-block": its id, "cr-..."; a reservation's may be the ARN of a resource group
    of several."""
    custom_ami: str | None = None
    """AMI of its nodes, made from EKS's own of Amazon Linux 2023: its id, or the name of an image that was made here,
    such as "ami-eks-gpu". Default: EKS's own, for GPUs, Trainium or neither."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Params(ArchitectureParams):
    """A Kubernetes cluster."""

    network: Name = "vpc"
    """Deployment of vpc, with two zones: EKS wants the control plane in two. Groups are in the first one."""
    storage: Name | None = None
    """Deployment of storage: jobs have its FSx for Lustre as /fsx. None: nothing is shared, so no checkpoint is
    kept."""
    bucket: Name | None = "s3"
    """Deployment of s3: jobs may read and write its bucket."""
    version: Version = "1.35"
    """Version of Kubernetes. It decides on those of all add-ons."""
    groups: tuple[Group, ...] = (Group(name="gpu", instance_type="g5.8xlarge", at_most=4),)
    """Groups of nodes that jobs run on, 29 at most."""
    system_instance_type: str = "m5.2xlarge"
    """Instance type of the nodes that operators and CoreDNS run on."""
    system_nodes: SystemNodes = 2
    """Nodes of that type, in all zones."""
    root_gib: RootGib = 200
    """Size of each node's root volume in GiB: images, and on types without local disks all that pods write."""
    administrators: tuple[Word, ...] = ()
    """ARNs of IAM roles and users that may do everything in the cluster, beside whoever makes the stack, whom EKS
    adds by itself and refuses here."""
    allowed_addresses: tuple[Word, ...] = ()
    """Blocks of addresses from which the API server is reached by the internet, such as "203.0.113.7/32". Default:
    none, so that it is reached from inside the VPC alone."""
    kind: Kind = "jobset"
    """What a job becomes, whose operator is installed: JobSet, PyTorchJob of the Training Operator, TrainJob of
    Kubeflow Trainer, MPIJob, or Kubernetes' own Job."""
    image: Word | None = None
    """Container image that jobs run in, whole reference with tag or digest. Default: what is pushed to the deployment's
    own repository with the tag 1."""
    agent: Word | None = None
    """Container image with Seatrial, whole reference, of an agent that checks each node; None: no agent."""
    repair: bool = True
    """Whether EKS reboots or replaces nodes that its monitoring agent finds broken. Pods on them end."""
    hyperpod: bool = False
    """Whether SageMaker HyperPod makes the nodes, by deployments of hyperpod-eks: what HyperPod wants to find in the
    cluster is installed, and the cluster has no groups itself."""
    log_days: LogDays = 30
    """Days for which CloudWatch keeps the logs of the control plane."""


def efa(group: Group) -> bool:
    """Whether its nodes have EFA: wherever the instance type does."""
    return instance(group.instance_type).efa_interfaces > 0


def placement_group(group: Group) -> bool:
    """Whether its nodes are placed close together. A reservation is a place already: both leave too few instances."""
    return efa(group) and group.capacity in ("on-demand", "spot")


def taint(group: Group) -> str | None:
    """Key of the taint of its nodes, which only pods tolerate that ask for their accelerators; None: it has none."""
    accelerator = instance(group.instance_type).accelerator
    if accelerator is None:
        return None
    return "aws.amazon.com/neuron" if accelerators.accelerator(accelerator).vendor == "AWS" else "nvidia.com/gpu"


def render(params: Params, facts: Facts) -> Plan:
    """Its plan."""
    from seatrial.architectures.eks.template import render

    return render(params, facts)


def check(params: Params, facts: Facts) -> Iterable[Problem]:
    """What EKS would refuse, and what could not work."""
    from seatrial.architectures.eks.rules import check

    return check(params, facts)


def instances(params: Params, facts: Facts) -> Iterable[Instances]:
    """The system nodes, and the nodes of each group."""
    network = facts.needs["network"].params
    zone, subnet = (next(iter(getattr(network, name, ())), None) for name in ("zones", "private_subnets"))
    yield Instances(
        what="system nodes",
        instance_type=params.system_instance_type,
        at_least=params.system_nodes,
        at_most=params.system_nodes,
        addresses=NODE_ADDRESSES,
        zone=zone,
        subnet=subnet,
    )
    for group in params.groups:
        yield Instances(
            what=f"group {group.name}",
            instance_type=group.instance_type,
            at_least=group.at_least,
            at_most=group.at_most,
            capacity=group.capacity,
            reservation=group.reservation,
            efa=efa(group),
            addresses=NODE_ADDRESSES,
            placement_group=placement_group(group),
            zone=zone,
            subnet=subnet,
        )


def usage(params: Params, facts: Facts) -> Iterable[Usage]:
    """The control plane, in standard support, and root volumes of the nodes that always run."""
    yield Usage(what="control plane", item="eks-cluster", quantity=1)
    running = params.system_nodes + sum(group.at_least for group in params.groups)
    yield Usage(what="root volumes of nodes that always run", item="ebs/gp3", quantity=running * params.root_gib)


def clusters(params: Params, facts: Facts, outputs: Mapping[str, str]) -> Iterable[Cluster]:
    """One for each group."""
    from seatrial.architectures.eks.clusters import clusters

    return clusters(params, facts, outputs)


def installs(params: Params, facts: Facts, outputs: Mapping[str, str]) -> Plan:
    """Operators, queues, device plugins and the volume of the file system."""
    from seatrial.architectures.eks.installs import installs

    return installs(params, facts, outputs)


ARCHITECTURE = Architecture(
    name="eks",
    title=__doc__,
    Params=Params,
    render=render,
    check=check,
    needs={"network": "vpc", "storage": "storage", "bucket": "s3"},
    instances=instances,
    usage=usage,
    clusters=clusters,
    machine_images="eks",
    installs=installs,
)
