"""Kueue's objects: a queue that lets in as many pods as there are nodes at most, each with its node to itself."""

from __future__ import annotations

from typing import Any

from seatrial.architectures._kubernetes.inside import NAMESPACE, QUEUE, Inside
from seatrial.hardware import instances
from seatrial.launchers.kubernetes.resources import devices, memory_mib, millicpu

API = "kueue.x-k8s.io/v1beta2"
"""Kueue serves it since 0.15; 0.20 is to serve nothing older (kubernetes-sigs/kueue#13957). HyperPod's task governance
v1.6 brings 0.19.2: the SageMaker developer guide, "Upgrade the task governance add-on", 2026-11."""
TOPOLOGY = "network"
LAYERS = (*(f"topology.k8s.aws/network-node-layer-{layer}" for layer in (1, 2, 3)), "kubernetes.io/hostname")
"""Labels from the widest to the narrowest part of the network. AWS's cloud controller sets them on the types that
DescribeInstanceTopology knows: https://docs.aws.amazon.com/eks/latest/userguide/node-topology.html"""
MPIRUN = (500, 512)
"""Thousandths of a CPU and MiB that the pod of an MPIJob that holds mpirun asks for."""


def objects(what: Inside) -> list[dict[str, Any]]:
    """A flavour for each instance type, the cluster's queue, and the namespace's."""
    topology = {"apiVersion": API, "kind": "Topology", "metadata": {"name": TOPOLOGY}}
    levels = {"spec": {"levels": [{"nodeLabel": label} for label in LAYERS]}}
    queue = {"apiVersion": API, "kind": "LocalQueue", "metadata": {"name": QUEUE, "namespace": NAMESPACE}}
    return [
        *([topology | levels] if what.topology else []),
        *(_flavour(what, name) for name in what.nodes),
        {"apiVersion": API, "kind": "ClusterQueue", "metadata": {"name": QUEUE}, "spec": _queue(what)},
        queue | {"spec": {"clusterQueue": QUEUE}},
    ]


def quota(what: Inside, instance_type: str) -> dict[str, str]:
    """What as many pods as there are nodes of a type ask for: each all that the launcher asks for."""
    count, instance = what.nodes[instance_type], instances.instance(instance_type)
    cpu, memory = millicpu(instance.vcpus), memory_mib(instance_type) or 0
    if what.kind == "mpijob":  # of each job, so at most one for each node
        cpu, memory = cpu + MPIRUN[0], memory + MPIRUN[1]
    counted = {name: _times(amount, count) for name, amount in devices(instance).items()}
    return {"cpu": f"{count * cpu}m", "memory": f"{count * memory}Mi", **counted}


def _queue(what: Inside) -> dict[str, Any]:
    quotas = {name: quota(what, name) for name in what.nodes}
    covered = list(dict.fromkeys(resource for amounts in quotas.values() for resource in amounts))
    flavours = [
        {
            "name": name,
            # Kueue wants every resource of each flavour, and in the same order.
            "resources": [{"name": one, "nominalQuota": amounts.get(one, "0")} for one in covered],
        }
        for name, amounts in quotas.items()
    ]
    return {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}},
        "resourceGroups": [{"coveredResources": covered, "flavors": flavours}],
    }


def _flavour(what: Inside, name: str) -> dict[str, Any]:
    spec: dict[str, Any] = {"nodeLabels": {"node.kubernetes.io/instance-type": what.label(name)}}
    # Where mpirun's own pod lands by its flavour it must be let in; pods that take a node say so themselves.
    taints = [resource for resource in devices(instances.instance(name)) if "/" in resource]
    if taints:
        spec["tolerations"] = [{"key": key, "operator": "Exists"} for key in taints]
    if what.topology:
        spec["topologyName"] = TOPOLOGY
    return {"apiVersion": API, "kind": "ResourceFlavor", "metadata": {"name": name}, "spec": spec}


def _times(amount: int | str, count: int) -> str:
    """An amount of a resource, or of MiB, for each of so many nodes."""
    return f"{count * int(amount.removesuffix('Mi'))}Mi" if isinstance(amount, str) else str(count * amount)
