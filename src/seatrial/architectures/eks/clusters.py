"""The clusters that an EKS cluster yields, one for each of its groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from seatrial.architectures._architecture import Facts
from seatrial.architectures._kubernetes.inside import CLAIM, NAMESPACE, QUEUE
from seatrial.architectures.eks import GROUP_LABEL, Group, Params, taint
from seatrial.cluster import Cluster, Mount
from seatrial.hardware import MIB, instances

FSX = "/fsx"
"""Where pods have the file system."""


def clusters(params: Params, facts: Facts, outputs: Mapping[str, str]) -> Iterable[Cluster]:
    """One for each group."""
    for place, group in enumerate(params.groups):
        yield _cluster(facts.cluster(place, group.name), group, params, outputs)


def _cluster(name: str, group: Group, params: Params, outputs: Mapping[str, str]) -> Cluster:
    instance = instances.instance(group.instance_type)
    return Cluster(
        name=name,
        launcher="kubernetes",
        nodes=group.at_most,
        cpus_per_node=instance.vcpus,
        memory_per_node=instance.memory_mib * MIB,
        accelerators_per_node=instance.ranks,
        processes_per_node=instance.ranks or instance.vcpus,
        instance_type=instance.name,
        shared=f"{FSX}/seatrial" if params.storage else None,
        mounts=(Mount(source=CLAIM, target=FSX),) if params.storage else (),
        container="docker",
        image=params.image or f"{outputs['Repository']}:1",
        options=_options(group, params, outputs["ClusterName"]),
    )


def _options(group: Group, params: Params, context: str) -> dict[str, Any]:
    key = taint(group)
    return {
        "kind": params.kind,
        "context": context,
        "namespace": NAMESPACE,
        "kueue_queue": QUEUE,
        "node_selector": {GROUP_LABEL: group.name},
        # A job that asks for no accelerator, such as one of CPUs alone, is let onto the nodes as well.
        **({"tolerations": (key,)} if key else {}),
    }
