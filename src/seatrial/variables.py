"""The variables that every rank of a job gets, whoever starts it: a launcher of ours, or an engine's own tool."""

from __future__ import annotations

from seatrial import network
from seatrial.cluster import Cluster
from seatrial.hardware import instances
from seatrial.job import Job
from seatrial.network import Setting

CPU_TUNING = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
"""On CPUs tensors come from malloc; transparent huge pages save about 3 % of a step (glibc 2.35 or newer)."""


def of_every_rank(job: Job, cluster: Cluster, *, pod_network: bool = False) -> dict[str, Setting]:
    """Variables of every rank that do not depend on its place, each with its reason; the user's own come last."""
    found: dict[str, Setting] = {}
    if job.device != "cpu" and cluster.instance_type is not None:
        instance = instances.instance(cluster.instance_type)
        found |= network.environment(instance, pod_network=pod_network, **cluster.stack)
    threads = "this many CPUs of a node are one rank's"
    found["OMP_NUM_THREADS"] = Setting(str(job.threads_per_process), threads, "")
    if job.device == "cpu":
        found |= {name: Setting(value, "huge pages for tensors", "") for name, value in CPU_TUNING.items()}
    found["PYTHONUNBUFFERED"] = Setting("1", "a killed rank's last words are kept", "")
    if cluster.shared is None:
        found["SEATRIAL_CHECKPOINTS"] = Setting("0", "no shared file system: they would be lost with the node", "")
    mine = f"from cluster {cluster.name}"
    return found | {name: Setting(value, mine, "") for name, value in cluster.environment.items()}
