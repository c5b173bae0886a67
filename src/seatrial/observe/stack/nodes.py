"""What the nodes of a cluster have, as far as it is known before anybody looked: which exporters they need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from seatrial.cluster import Cluster
from seatrial.hardware import accelerators, instances
from seatrial.observe.catalogue import EMITTERS


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What can be chosen of a cluster's Prometheus."""

    every: str = "15s"
    ec2_tag: tuple[str, str] | None = None
    """Find nodes by this tag of their instances, instead of by the scheduler."""
    region: str = ""
    """Of these instances."""
    remote_write: str = ""
    """URL where samples go as well."""
    agent: bool = False
    """Whether Prometheus only passes them on."""
    slurm_metrics: bool = False
    """Whether slurmctld tells its own metrics (Slurm 25.11, MetricsType=metrics/openmetrics): asked instead of ours."""
    webhook: str = ""


def has_gpus(cluster: Cluster) -> bool:
    """Whether they have GPUs of NVIDIA; where the type is not known, accelerators are taken for some."""
    if cluster.instance_type is None:
        return cluster.accelerators_per_node > 0
    name = instances.instance(cluster.instance_type).accelerator
    return name is not None and accelerators.accelerator(name).vendor == "NVIDIA"


def jobs(cluster: Cluster) -> dict[str, int]:
    """Job of the scrape configuration -> port of its exporter on every node."""
    ports = {"seatrial": EMITTERS["efa"].port, "node": EMITTERS["node_exporter"].port}
    if has_gpus(cluster):
        ports["dcgm"] = EMITTERS["dcgm"].port
    return {job: port for job, port in ports.items() if port}


def expected(cluster: Cluster, changed: Mapping[str, Mapping[str, str]]) -> dict[str, Mapping[str, str]]:
    """`Rules.changed`, with how many devices a node must have, where its type says that."""
    if cluster.instance_type is None:
        return dict(changed)
    instance = instances.instance(cluster.instance_type)
    counts = {
        "GpuMissing": instance.accelerators if has_gpus(cluster) else 0,
        "EfaDeviceMissing": instance.efa_interfaces,
    }
    told = {name: {"expected": str(count)} for name, count in counts.items() if count}
    return {name: {**told.get(name, {}), **changed.get(name, {})} for name in {**told, **changed}}
