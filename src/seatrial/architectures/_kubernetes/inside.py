"""What must be known of a cluster to install something in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from seatrial.hardware import instances
from seatrial.launchers.kubernetes.options import KindName, RepairName

NAMESPACE = "seatrial"
"""Where jobs run."""
AGENTS = "seatrial-system"
"""Where what must see the nodes themselves runs: no job does."""
CLAIM = "fsx"
"""The claim of the file system."""
QUEUE = "seatrial"
"""Kueue's queues: the one of the cluster, and the one of the namespace."""

Piece = Literal[
    "nvidia",
    "efa",
    "neuron",
    "kueue",
    "jobset",
    "kubeflow-trainer",
    "training-operator",
    "mpi-operator",
    "cert-manager",
    "fsx",
]
"""What is installed: device plugins, charts, operators, and the volume of the file system."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Nodes of one kind that run jobs."""

    name: str
    instance_type: str
    at_most: int
    """Nodes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lustre:
    """An FSx for Lustre file system that is there already."""

    id: str
    dns_name: str
    mount_name: str
    gib: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Inside:
    """A cluster, what it is made of, and what it is for."""

    cluster: str
    """Its name in EKS, and that of the kubeconfig's context."""
    region: str
    profile: str | None = None
    groups: tuple[Group, ...]
    kind: KindName
    """What jobs become: it says which operator is needed."""
    lustre: Lustre | None = None
    topology: bool = False
    """Whether its queue places the pods of a job by the layers of the network. Nodes must be there then, with AWS's
    labels: Kueue places nothing on nodes that are still to come."""
    hyperpod: bool = False
    """SageMaker HyperPod: its names of instance types."""
    brought: frozenset[Piece] = frozenset()
    """What something else, such as an add-on, has put there already."""
    agent: str | None = None
    """Image with Seatrial, of the agent that checks each node; None: no agent."""
    repair: RepairName = "none"
    """What the agent may ask HyperPod to do with a node."""

    @property
    def nodes(self) -> Mapping[str, int]:
        """EC2's instance type -> nodes at most, of all groups."""
        found: dict[str, int] = {}
        for group in self.groups:
            name = instances.instance(group.instance_type).name
            found[name] = found.get(name, 0) + group.at_most
        return found

    def label(self, instance_type: str) -> str:
        """What nodes of this type of EC2 say in the label node.kubernetes.io/instance-type."""
        return f"ml.{instance_type}" if self.hyperpod else instance_type
