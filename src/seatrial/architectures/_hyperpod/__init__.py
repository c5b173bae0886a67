"""What both kinds of SageMaker HyperPod have in common: groups of instances, the roles that they have, their rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

from seatrial.architectures._architecture import Facts, Instances, Usage
from seatrial.bounds import Bound, Table
from seatrial.hardware import accelerators
from seatrial.hardware.instances import instance as instance_of

VolumeGib = Annotated[int, Bound(ge=1, le=16384)]
"""ClusterEbsVolumeConfig in the SageMaker API Reference."""
Nodes = Annotated[int, Bound(ge=1, le=6758)]
"""ClusterInstanceCount in the SageMaker API Reference."""
NodeRecovery = Literal["Automatic", "None"]

BUCKET_PREFIX = "sagemaker-"
"""What the name of a bucket begins with that HyperPod takes lifecycle scripts from, and that AWS's policy for its
instances lets them read: ClusterLifeCycleConfig in the SageMaker API Reference."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Group(Table):
    """An instance group: nodes of one instance type."""

    name: str
    """Small letters, digits and single hyphens, 63 at most together."""
    instance_type: str
    """EC2 instance type of its nodes, such as "p5.48xlarge": SageMaker's "ml.p5.48xlarge" without "ml."."""
    count: Nodes
    """Nodes, which always run."""
    training_plan: str | None = None
    """ARN of the SageMaker training plan that its nodes are bought by. Default: on demand."""
    custom_ami: str | None = None
    """AMI of its nodes, of this account, made of HyperPod's own and not encrypted. Default: HyperPod's newest."""
    volume_gib: VolumeGib = 500
    """Size in GiB of each node's second volume, /opt/sagemaker. The size of the root volume is SageMaker's choice."""
    threads_per_core: Literal[1, 2] = 1
    """Threads that a core runs: 1 where jobs compute, 2 where there are many small ones."""
    deep_health_checks: bool = False
    """Whether HyperPod stresses accelerators and network of a new node, for an hour or two, before it joins."""


def efa(group: Group) -> bool:
    """Whether its nodes have EFA: HyperPod uses it wherever the instance type has it."""
    return instance_of(group.instance_type).efa_interfaces > 0


def cpus(group: Group) -> int:
    """CPUs that an operating system sees on one of its nodes."""
    instance = instance_of(group.instance_type)
    return instance.vcpus // 2 if instance.architecture == "x86_64" and group.threads_per_core == 1 else instance.vcpus


def gpus(group: Group) -> int:
    """NVIDIA GPUs of one of its nodes; 0 with Trainium, whose chips are none."""
    instance = instance_of(group.instance_type)
    nvidia = instance.accelerator is not None and accelerators.accelerator(instance.accelerator).vendor == "NVIDIA"
    return instance.accelerators if nvidia else 0


def instances(groups: Iterable[Group], facts: Facts) -> Iterable[Instances]:
    """The nodes of each group, in the first private subnet of the network."""
    network = facts.needs["network"].params
    zone, subnet = (next(iter(getattr(network, name, ())), None) for name in ("zones", "private_subnets"))
    for group in groups:
        yield Instances(
            what=f"group {group.name}",
            service="sagemaker",
            instance_type=group.instance_type,
            at_least=group.count,
            at_most=group.count,
            capacity="training-plan" if group.training_plan else "on-demand",
            reservation=group.training_plan,
            efa=efa(group),
            zone=zone,
            subnet=subnet,
        )


def usage(groups: Iterable[Group]) -> Iterable[Usage]:
    """Second volumes of all nodes."""
    gib = sum(group.count * group.volume_gib for group in groups)
    yield Usage(what="second volumes of the nodes", item="sagemaker/volume", quantity=gib)
