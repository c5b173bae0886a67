"""What a pod that has its node to itself may ask for."""

from __future__ import annotations

from typing import Any

from seatrial.cluster import Cluster
from seatrial.hardware import accelerators, fabrics, instances
from seatrial.job import Job

VM_OVERHEAD = 0.075
"""Share of an instance's memory that its kernel and firmware keep at most: Karpenter's default for all EC2 types,
vm-memory-overhead-percent, https://karpenter.sh/docs/reference/settings/."""
DAEMONS_MIB = 2048
"""Left to DaemonSets: network, storage and device plugins, exporters. Our choice."""
DAEMONS_MILLICPU = 1000


def resources(job: Job, cluster: Cluster) -> dict[str, Any]:
    """Requests and limits of a pod that has its node to itself.

    CPUs are asked for, not limited: a limit would only throttle. Memory is limited to what was asked for, so that a
    leak ends this pod and not the node.
    """
    memory = memory_mib(cluster.instance_type)
    plain = job.device == "cpu" or cluster.instance_type is None
    counted = {} if plain else devices(instances.instance(cluster.instance_type or ""))
    limits = {**({"memory": f"{memory}Mi"} if memory else {}), **counted}
    requests = {"cpu": f"{millicpu(cluster.cpus_per_node)}m", **limits}
    return {"requests": requests, "limits": limits} if limits else {"requests": requests}


def devices(instance: instances.Instance) -> dict[str, Any]:
    """Accelerators, network cards and huge pages of a node, as device plugins name them."""
    found: dict[str, Any] = {}
    if instance.accelerator is not None:
        neuron = accelerators.accelerator(instance.accelerator).vendor == "AWS"
        found["aws.amazon.com/neuron" if neuron else "nvidia.com/gpu"] = instance.accelerators
    if instance.efa_interfaces:
        found["vpc.amazonaws.com/efa"] = instance.efa_interfaces
        found["hugepages-2Mi"] = f"{fabrics.EFA_HUGE_PAGES_MIB}Mi"
    return found


def millicpu(cpus: int) -> int:
    """What the kubelet leaves of a node's CPUs, in thousandths, less what DaemonSets ask for.

    The EKS AMI reserves 6 % of the first CPU, 1 % of the second, 0.5 % of the next two and 0.25 % of the others:
    getCPUMillicoresToReserve in nodeadm/internal/kubelet/config.go of awslabs/amazon-eks-ami.
    """
    shares = [60, 10, 5, 5]
    reserved = sum(shares[:cpus]) + 2.5 * max(0, cpus - len(shares))
    daemons = min(DAEMONS_MILLICPU, 250 * cpus)
    return int(1000 * cpus - reserved - daemons)


def memory_mib(instance_type: str | None) -> int | None:
    """What the kubelet leaves of a node's memory, in MiB, less what DaemonSets ask for. None: the node is unknown.

    The EKS AMI reserves 255 MiB and 11 MiB for each pod that a node takes, and 100 MiB before it evicts pods: the
    same file. A node takes 110 pods, or 737 at most from 30 CPUs on: eni-max-pods.txt of the same repository.
    """
    if instance_type is None:
        return None
    instance = instances.instance(instance_type)
    kernel = int(instance.memory_mib * (1 - VM_OVERHEAD))
    kubelet = 255 + 11 * (110 if instance.vcpus < 30 else 737) + 100
    huge = fabrics.EFA_HUGE_PAGES_SET_ASIDE_MIB if instance.efa_interfaces else 0
    return max(kernel - kubelet - huge - DAEMONS_MIB, instance.memory_mib // 2)
