"""The clusters that a ParallelCluster yields, one for each queue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from seatrial.architectures._architecture import Facts
from seatrial.architectures.parallelcluster import Params, Queue
from seatrial.cluster import Cluster, Mount
from seatrial.hardware import MIB, instances
from seatrial.versions import PARALLELCLUSTER


def clusters(params: Params, facts: Facts, outputs: Mapping[str, str]) -> Iterable[Cluster]:
    """One for each queue."""
    for place, queue in enumerate(params.queues):
        yield _cluster(facts.cluster(place, queue.name), queue, params, outputs["HeadNodeId"])


def _cluster(name: str, queue: Queue, params: Params, head: str) -> Cluster:
    instance = instances.instance(queue.instance_type)
    return Cluster(
        name=name,
        launcher="slurm",
        nodes=queue.at_most,
        cpus_per_node=instance.vcpus,
        memory_per_node=instance.memory_mib * MIB,
        accelerators_per_node=instance.ranks,
        processes_per_node=instance.ranks or instance.vcpus,
        instance_type=instance.name,
        shared="/fsx/seatrial",
        mounts=(Mount(source="/fsx", target="/fsx"),) if params.container_image else (),
        container="pyxis" if params.container_image else "none",
        image=params.container_image,
        python=params.python,
        options={
            "partition": queue.name,
            "reach": f"ssh:{PARALLELCLUSTER.systems[params.os]}@{head}",
            # A new instance has a new key, and is known by its id: whom Systems Manager leads to is whom it means.
            "ssh_options": ["-o", f"ProxyCommand={_session(params)}", "-o", "StrictHostKeyChecking=accept-new"],
        },
    )


def _session(params: Params) -> str:
    """The command by which ssh reaches an instance that takes no connection from outside."""
    profile = f" --profile {params.profile}" if params.profile else ""
    document = "--document-name AWS-StartSSHSession --parameters portNumber=%p"
    return f"aws ssm start-session --region {params.region}{profile} --target %h {document}"
