"""The machine images: for each service and accelerator, what is installed on which parent."""

from __future__ import annotations

from collections.abc import Mapping

from seatrial.errors import UserError, unknown
from seatrial.images._image import Accelerator, Architecture, Machine, Service
from seatrial.images.machines.parents import SYSTEMS

STACK: Mapping[Accelerator, str] = {"gpu": "cuda13", "neuron": "neuron", "cpu": "cpu"}

# What the parent brings is not installed again, but where our stack differs.
#
# ParallelCluster's has Slurm, PMIx, EFA, NVIDIA's driver with Fabric Manager and IMEX, GDRCopy, DCGM, enroot and pyxis:
# https://github.com/aws/aws-parallelcluster/releases/tag/v3.16.3 and before. Its driver, newer than ours, stays: Fabric
# Manager, IMEX and GDRCopy are of its version. EFA is replaced, since libfabric and the plugin are those that the
# stack was put together with. Which CUDA it has is unknown; ours stands beside it. Its AMI of Ubuntu 24.04 has no
# Lustre (https://github.com/aws/aws-parallelcluster-cookbook/pull/2901).
#
# Of EKS's, AWS asks to upgrade neither the system nor packages of Kubernetes and GPUs, which it has all of, with EFA:
# https://docs.aws.amazon.com/eks/latest/userguide/eks-ami-build-scripts.html. What jobs need beyond is in containers,
# and exporters are pods.
_FIRST, _LAST = ("base", "packages"), ("observability", "versions_report")
_NCCL = ("nccl", "nccl_tests")
_CONTAINERS = ("container_runtime", "enroot_pyxis")

ROLES: Mapping[tuple[Service, Accelerator], tuple[str, ...]] = {
    ("parallelcluster", "gpu"): (*_FIRST, "efa", "cuda", *_NCCL, "lustre_client", *_LAST),
    ("parallelcluster", "neuron"): (*_FIRST, "efa", "neuron", "lustre_client", *_LAST),
    ("parallelcluster", "cpu"): (*_FIRST, "lustre_client", *_LAST),
    ("eks", "gpu"): (*_FIRST, "lustre_client", "versions_report"),
    ("eks", "neuron"): (*_FIRST, "lustre_client", "versions_report"),
    ("eks", "cpu"): (*_FIRST, "lustre_client", "versions_report"),
    # The driver is before what is built against it: EFA's module for GPU memory, GDRCopy, DCGM.
    ("ec2", "gpu"): (
        *_FIRST,
        *("nvidia_driver", "cuda", "efa", "gdrcopy", *_NCCL),
        *(*_CONTAINERS, "lustre_client", "dcgm", *_LAST),
    ),
    ("ec2", "neuron"): (*_FIRST, "efa", "neuron", *_CONTAINERS, "lustre_client", *_LAST),
    ("ec2", "cpu"): (*_FIRST, *_CONTAINERS, "lustre_client", *_LAST),
}
"""Service and accelerator -> roles in their order. What comes behind the self test is no part of it."""

_SERVICES: Mapping[Service, str] = {"parallelcluster": "AWS ParallelCluster", "eks": "Amazon EKS", "ec2": "plain EC2"}
_ACCELERATORS: Mapping[Accelerator, str] = {"gpu": "NVIDIA GPUs", "neuron": "AWS Trainium", "cpu": "no accelerator"}


def _architectures(service: Service, accelerator: Accelerator) -> tuple[Architecture, ...]:
    """GB200 is arm64, and ParallelCluster and EKS publish AMIs with a driver for it. Trainium's hosts are x86_64."""
    return ("x86_64",) if accelerator == "neuron" else ("x86_64", "arm64")


def _machine(service: Service, accelerator: Accelerator) -> Machine:
    return Machine(
        name=f"ami-{service}-{accelerator}",
        title=f"AMI for {_SERVICES[service]}, {_ACCELERATORS[accelerator]}",
        service=service,
        accelerator=accelerator,
        stack=STACK[accelerator],
        systems=("alinux2023",) if service == "eks" else tuple(SYSTEMS),
        roles=ROLES[service, accelerator],
        architectures=_architectures(service, accelerator),
    )


MACHINES: Mapping[str, Machine] = {one.name: one for one in (_machine(*key) for key in ROLES)}
"""By their names."""


def names() -> tuple[str, ...]:
    """Of all machine images."""
    return tuple(MACHINES)


def find(name: str) -> Machine:
    """The machine image of that name. Raises UserError."""
    if name not in MACHINES:
        raise UserError(unknown("machine image", name, MACHINES))
    return MACHINES[name]
