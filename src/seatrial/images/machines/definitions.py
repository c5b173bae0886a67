"""The machine images: for each service and accelerator, what is installed on which parent."""

from __future__ import annotations

from collections.abc import Mapping

from seatrial.errors import Problem, UserError, unknown
from seatrial.images._image import Accelerator, Architecture, Choice, Machine, Service
from seatrial.images.machines.parents import REFUSED, SYSTEMS
from seatrial.plan import Plan

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
ROLES: Mapping[tuple[Service, Accelerator], tuple[str, ...]] = {
    ("parallelcluster", "gpu"): ("base", "efa", "cuda", "nccl", "lustre", "observability"),
    ("parallelcluster", "neuron"): ("base", "efa", "neuron", "lustre", "observability"),
    ("parallelcluster", "cpu"): ("base", "lustre", "observability"),
    ("eks", "gpu"): ("base", "lustre"),
    ("eks", "neuron"): ("base", "lustre"),
    ("eks", "cpu"): ("base", "lustre"),
    # The driver is before what is built against it: EFA's module for GPU memory, GDRCopy, DCGM.
    ("ec2", "gpu"): (
        "base",
        "nvidia_driver",
        "cuda",
        "efa",
        "gdrcopy",
        "nccl",
        "container_runtime",
        "enroot",
        "lustre",
        "dcgm",
        "observability",
    ),
    ("ec2", "neuron"): ("base", "efa", "neuron", "container_runtime", "enroot", "lustre", "observability"),
    ("ec2", "cpu"): ("base", "container_runtime", "enroot", "lustre", "observability"),
}
"""Service and accelerator -> roles in their order."""

COMPONENTS: Mapping[str, tuple[str, ...]] = {
    "efa": ("efa_installer", "libfabric", "aws_ofi_nccl"),
    "nvidia_driver": ("driver",),
    "cuda": ("cuda",),
    "gdrcopy": ("gdrcopy",),
    "nccl": ("nccl",),
    "neuron": ("neuron_driver", "neuron_runtime", "neuron_collectives", "neuron_tools"),
}
"""Role -> components of a stack that it installs; what no role of a machine installs is its parent's."""

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


def system(machine: Machine, choice: Choice) -> str:
    """The operating system that is chosen. Raises UserError if the machine is not made of it."""
    chosen = choice.system or machine.systems[0]
    if chosen not in machine.systems:
        why = f": {REFUSED[chosen]}" if chosen in REFUSED else ""
        what = f"{machine.name} is not made of {chosen}{why}"
        raise UserError(Problem(what, "--system", f"choose from: {', '.join(machine.systems)}"))
    return chosen


def installed(machine: Machine) -> tuple[str, ...]:
    """Components of its stack that its roles install."""
    return tuple(component for role in machine.roles for component in COMPONENTS.get(role, ()))


def render(machine: Machine, choice: Choice) -> Plan:
    """What Packer and Ansible read, and the commands that make the AMI. Raises UserError with all that is wrong."""
    from seatrial.images.machines.packer import render

    return render(machine, choice)
