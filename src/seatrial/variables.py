"""The variables that every rank of a job gets, whoever starts it: a launcher of ours, or an engine's own tool."""

from __future__ import annotations

from seatrial import network
from seatrial.cluster import Cluster
from seatrial.hardware import instances
from seatrial.job import Job
from seatrial.network import Setting

CPU_TUNING = {
    "GLIBC_TUNABLES": ":".join(
        ("glibc.malloc.hugetlb=1", f"glibc.malloc.mmap_threshold={2**30}", f"glibc.malloc.trim_threshold={2**34}")
    )
}
"""On CPUs tensors come from malloc: of transparent huge pages, and what is freed is kept for the next step, not given
back to the kernel and cleared again (glibc 2.35 or newer). Bytes."""


def of_every_rank(job: Job, cluster: Cluster, *, pod_network: bool = False) -> dict[str, Setting]:
    """Variables of every rank that do not depend on its place, each with its reason; the user's own come last."""
    found: dict[str, Setting] = {}
    if job.device != "cpu" and cluster.instance_type is not None:
        instance = instances.instance(cluster.instance_type)
        found |= network.environment(instance, pod_network=pod_network, **cluster.stack)
    threads = "this many CPUs of a node are one rank's"
    found["OMP_NUM_THREADS"] = Setting(str(job.threads_per_process), threads, "")
    if job.device == "cpu":
        found |= {
            name: Setting(value, "huge pages for tensors, kept for the next ones", "")
            for name, value in CPU_TUNING.items()
        }
    found["PYTHONUNBUFFERED"] = Setting("1", "a killed rank's last words are kept", "")
    if cluster.shared is None:
        found["SEATRIAL_CHECKPOINTS"] = Setting("0", "no shared file system: they would be lost with the node", "")
    mine = f"from cluster {cluster.name}"
    return found | {name: Setting(value, mine, "") for name, value in cluster.environment.items()}
