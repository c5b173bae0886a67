"""Options of a Kubernetes cluster."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from seatrial.cluster import LauncherOptions
from seatrial.errors import Problem
from seatrial.launchers import _ranks

KindName = Literal["jobset", "pytorchjob", "trainjob", "mpijob", "hyperpodpytorchjob", "job"]
RepairName = Literal["none", "reboot", "replace"]
REPAIR_NAMES: tuple[RepairName, ...] = get_args(RepairName)

_NAME = re.compile(r"[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?")
_LABEL = re.compile(r"([a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?")
"""Kubernetes, "Object names and IDs" and "Labels and selectors": syntax and character set."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options(LauncherOptions):
    """Options of a Kubernetes cluster."""

    kind: KindName = "jobset"
    """What a job becomes: jobset, pytorchjob, trainjob, mpijob, hyperpodpytorchjob, or job where there is no
    operator."""
    context: str | None = None
    """Context of the kubeconfig; none: the current one."""
    namespace: str = "default"
    """Namespace of everything that is created."""
    service_account: str | None = None
    """Service account of the pods; none: the namespace's default. Its token is not mounted."""
    secret_name: str | None = None
    """Kubernetes Secret with a key for each secret variable that a job needs, such as HF_TOKEN."""
    node_selector: Mapping[str, str] = field(default_factory=dict)
    """Labels that the nodes must have, beside that of the instance type."""
    tolerations: tuple[str, ...] = ()
    """Keys of taints that the pods tolerate, beside those named like a resource that they ask for."""
    priority_class: str | None = None
    """PriorityClass of the pods."""
    kueue_queue: str | None = None
    """Kueue's LocalQueue; none: no queue."""
    topology: str | None = None
    """Node label that the pods should share a value of, such as topology.k8s.aws/network-node-layer-3."""
    topology_required: bool = False
    """Whether they must share it: otherwise the job waits."""
    hyperpod: bool = False
    """SageMaker HyperPod: its instance type names, only nodes that it calls healthy, auto-resume of a pytorchjob."""
    hyperpod_repair: RepairName = "none"
    """What HyperPod may be asked to do with a node that a check has quarantined: none, reboot, or replace, which also
    reboots. With automatic node recovery it does so at once: jobs on the node end, a replaced node loses its
    volumes."""
    shared_memory_gib: int | None = None
    """Most that /dev/shm takes, in GiB; none: a quarter of the pod's memory."""
    time_limit_seconds: int | None = None
    """Seconds after which a job is ended; none: never."""
    ttl_seconds_after_finished: int | None = None
    """Seconds after which a finished job is deleted with its logs; none: never."""
    max_restarts: int = 2
    """Restarts of a failed job that can go on from a checkpoint."""
    hang_seconds: float = _ranks.HANG_SECONDS
    """Seconds without a step after which the ranks write their stacks and end: longer than any step takes."""
    start_minutes: int = 30
    """hyperpodpytorchjob: minutes to the first step, or else the job counts as hanging."""
    hang_minutes: int = 30
    """hyperpodpytorchjob: minutes without a step after which the job counts as hanging."""


def check_options(options: Options) -> Iterable[Problem]:
    """What is wrong with options that have the right types. Places are names of options."""
    for key in ("namespace", "service_account", "secret_name", "priority_class", "kueue_queue"):
        value = getattr(options, key)
        if value is not None and not _NAME.fullmatch(value):
            yield Problem(f"{value!r} is no name of a Kubernetes object", key, "lower-case letters, digits and -")
    labels = [("node_selector", key) for key in options.node_selector]
    labels += [("tolerations", key) for key in options.tolerations]
    labels += [("topology", options.topology)] if options.topology is not None else []
    for key, label in labels:
        if not _LABEL.fullmatch(label):
            yield Problem(f"{label!r} is no key of a label", key, "such as example.com/name")
    for key, least in _LEAST.items():
        value = getattr(options, key)
        if value is not None and value < least:
            yield Problem(f"{value} is less than {least}", key)
    yield from _ranks.check_hang(options.hang_seconds)
    if options.topology_required and options.topology is None:
        yield Problem("there is no topology to require", "topology_required", "name a node label as topology")
    if options.kind == "hyperpodpytorchjob" and not options.hyperpod:
        yield Problem("this kind exists only on SageMaker HyperPod", "kind", "add hyperpod = true")
    if options.hyperpod_repair != "none" and not options.hyperpod:
        yield Problem(
            "only SageMaker HyperPod repairs nodes", "hyperpod_repair", "add hyperpod = true, or leave it out"
        )


_LEAST = {
    "shared_memory_gib": 1,
    "time_limit_seconds": 1,
    "ttl_seconds_after_finished": 0,
    "max_restarts": 0,
    "start_minutes": 1,
    "hang_minutes": 1,
}
