"""What machine images are made from: AMIs of others, and how the newest of each is found.

They are found by owner and name, not by parameters of Systems Manager: so each version of Packer can, and a name says
what it is. `parent_ami` pins one by its id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from seatrial.images._image import Accelerator, Architecture, Service
from seatrial.versions import PARALLELCLUSTER

CANONICAL = "099720109477"
"""Account of Canonical. https://documentation.ubuntu.com/aws/aws-how-to/instances/find-ubuntu-images/"""
PARALLELCLUSTER_AMIS = "https://docs.aws.amazon.com/parallelcluster/latest/ug/building-custom-ami-v3.html"
EKS_AMIS = "https://github.com/awslabs/amazon-eks-ami/releases, 2026-06"


@dataclass(frozen=True, kw_only=True, slots=True)
class System:
    """An operating system, and how those that publish AMIs spell it."""

    user: str
    """Whom Packer logs in as."""
    root: str
    """Name of the root volume's device."""
    parallelcluster: str
    """In names of ParallelCluster's AMIs: the map of its own integration tests."""
    published: str
    """Name of its publisher's AMIs, with ``{processor}`` in it."""
    owner: str
    source: str


def _ubuntu(version: str, code: str, disk: str) -> System:
    return System(
        user=PARALLELCLUSTER.systems[f"ubuntu{version.replace('.', '')}"],
        root="/dev/sda1",
        parallelcluster=f"ubuntu-{version.replace('.', '')}-lts-hvm",
        published=f"ubuntu/images/{disk}/ubuntu-{code}-{version}-{{processor}}-server-*",
        owner=CANONICAL,
        source="https://documentation.ubuntu.com/aws/aws-how-to/instances/find-ubuntu-images/",
    )


SYSTEMS: Mapping[str, System] = {
    "ubuntu2404": _ubuntu("24.04", "noble", "hvm-ssd-gp3"),
    "ubuntu2204": _ubuntu("22.04", "jammy", "hvm-ssd"),
    "alinux2023": System(
        user=PARALLELCLUSTER.systems["alinux2023"],
        root="/dev/xvda",
        parallelcluster="amzn2023-hvm",
        # Not al2023-ami-minimal-*, which lacks the agent of Session Manager that Packer comes in by.
        published="al2023-ami-2023.*-kernel-6.1-{processor}",
        owner="amazon",
        source="https://docs.aws.amazon.com/linux/al2023/ug/ec2.html",
    ),
}
"""Operating systems that images are made of."""

REFUSED: Mapping[str, str] = {
    "rhel8": "its Python 3.6 is too old for Ansible, and Red Hat's AMIs lack the agent of Session Manager",
    "rhel9": "Red Hat's AMIs lack the agent of Session Manager, by which Packer comes in",
    **dict.fromkeys(PARALLELCLUSTER.without_ami, "ParallelCluster publishes no AMI of it"),
}
"""What ParallelCluster supports beside them -> why no image is made of it.
https://docs.aws.amazon.com/systems-manager/latest/userguide/ami-preinstalled-agent.html, 2026-11"""

_EKS: Mapping[Accelerator, str] = {"gpu": "nvidia", "neuron": "neuron", "cpu": "standard"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Parent:
    """AMIs of which the newest is the parent."""

    name: str
    """With ``*``."""
    owner: str
    """An account, or its alias."""
    source: str


def parent(
    service: Service, accelerator: Accelerator, system: str, architecture: Architecture, kubernetes: str
) -> Parent:
    """What such an image is made from; `kubernetes` counts for EKS alone."""
    known = SYSTEMS[system]
    if service == "parallelcluster":
        name = f"aws-parallelcluster-{PARALLELCLUSTER.version}-{known.parallelcluster}-{architecture}-*"
        return Parent(name=name, owner="amazon", source=PARALLELCLUSTER_AMIS)
    if service == "eks":
        name = f"amazon-eks-node-al2023-{architecture}-{_EKS[accelerator]}-{kubernetes}-v*"
        return Parent(name=name, owner="amazon", source=EKS_AMIS)
    # Canonical says amd64, Amazon x86_64.
    processor = "amd64" if architecture == "x86_64" and known.owner == CANONICAL else architecture
    return Parent(name=known.published.format(processor=processor), owner=known.owner, source=known.source)
