"""The clusters that a HyperPod cluster on EKS yields, one for each of its groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from seatrial.architectures._architecture import Facts
from seatrial.architectures._hyperpod import Group, cpus
from seatrial.architectures._kubernetes.inside import CLAIM, NAMESPACE, QUEUE
from seatrial.architectures.eks.clusters import FSX
from seatrial.architectures.hyperpod_eks import Params, kind
from seatrial.cluster import Cluster, Mount
from seatrial.hardware import MIB, instances

GROUP_LABEL = "sagemaker.amazonaws.com/instance-group-name"
"""Label that HyperPod gives its nodes: the name of their group."""


def clusters(params: Params, facts: Facts, outputs: Mapping[str, str]) -> Iterable[Cluster]:
    """One for each group."""
    for place, group in enumerate(params.groups):
        yield _cluster(facts.cluster(place, group.name), group, params, outputs)


def _cluster(name: str, group: Group, params: Params, outputs: Mapping[str, str]) -> Cluster:
    instance = instances.instance(group.instance_type)
    return Cluster(
        name=name,
        launcher="kubernetes",
        nodes=group.count,
        cpus_per_node=cpus(group),
        memory_per_node=instance.memory_mib * MIB,
        accelerators_per_node=instance.ranks,
        processes_per_node=instance.ranks or cpus(group),
        instance_type=f"ml.{instance.name}",
        shared=f"{FSX}/seatrial" if params.storage else None,
        mounts=(Mount(source=CLAIM, target=FSX),) if params.storage else (),
        container="docker",
        image=params.image or f"{outputs['Repository']}:1",
        options=_options(group, params, outputs["EksClusterName"]),
    )


def _options(group: Group, params: Params, context: str) -> dict[str, Any]:
    return {
        "kind": kind(params),
        "context": context,
        "namespace": NAMESPACE,
        "kueue_queue": QUEUE,
        "node_selector": {GROUP_LABEL: group.name},
        "hyperpod": True,
        **({"hyperpod_repair": params.repair} if params.repair != "none" else {}),
    }
