"""The pod that every kind of job has: one for each node, with all that the node can give."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from seatrial.cluster import Cluster
from seatrial.job import PROGRAM, Job
from seatrial.launchers import _ranks
from seatrial.launchers.kubernetes.options import Options
from seatrial.launchers.kubernetes.resources import memory_mib, resources
from seatrial.launchers.kubernetes.writer import Note
from seatrial.variables import of_every_rank

RUN_LABEL = "seatrial.io/run"
"""Label of everything that belongs to a run; its value is the engine's name of the run."""
RUN_ID = "seatrial.io/run-id"
"""Annotation with the run's id as the user knows it."""
INDEX = "batch.kubernetes.io/job-completion-index"
"""Annotation, since Kubernetes 1.28 also a label, with the number of a pod in its Indexed Job."""

NODE = "node"
"""Name of the containers that start ranks, and of the group of pods they are in."""

PROGRAM_FOLDER = f"/etc/seatrial/{PROGRAM}"
"""Where a pod sees the files that go with its job."""

LONGEST_NAME = 40
"""Of an engine name: names of pods and of what operators make of it must stay below 64 characters."""
GRACE_SECONDS = _ranks.SHUTDOWN_SECONDS + 30
"""What a pod gets to end itself: torchrun waits for its ranks, and needs a little more itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """What is rendered: a job on a cluster, the run's id, and the name that Kubernetes knows it by."""

    job: Job
    cluster: Cluster
    run: str
    name: str

    @property
    def options(self) -> Options:
        """The cluster's."""
        options: Options = self.cluster.options
        return options

    @property
    def restarts(self) -> int:
        """How often the engine may start a failed job anew: never, where it would only begin from the start."""
        return self.options.max_restarts if self.job.resumable and self.cluster.shared is not None else 0

    @property
    def folder(self) -> str:
        """The run's folder, as the ranks see it."""
        shared = self.cluster.shared
        return "/seatrial" if shared is None else f"{shared.rstrip('/')}/{self.name}"


def literal(text: str) -> str:
    """A text that stays what it is: Kubernetes replaces $(NAME) in commands and variables, and $$ by $."""
    return text.replace("$", "$$")


def metadata(work: Work) -> dict[str, Any]:
    """Of an object of its own."""
    queue, annotations = work.options.kueue_queue, {RUN_ID: work.run, "seatrial.io/recipe": work.job.label}
    if work.options.hyperpod and work.options.kind == "pytorchjob" and work.restarts:
        annotations["sagemaker.amazonaws.com/enable-job-auto-resume"] = "true"
        annotations["sagemaker.amazonaws.com/job-max-retry-count"] = str(work.restarts)
    return {
        "name": work.name,
        "namespace": work.options.namespace,
        "labels": _labels(work) | ({"kueue.x-k8s.io/queue-name": queue} if queue else {}),
        "annotations": annotations,
    }


def _labels(work: Work) -> dict[str, str]:
    return {"app.kubernetes.io/managed-by": "seatrial", RUN_LABEL: work.name}


def template(
    work: Work, container: dict[str, Any], *, restart_policy: str | None = "Never", node: bool = True
) -> dict[str, Any]:
    """A pod template around one container. `node`: the pod takes a whole node; otherwise it runs beside others.

    A restart policy of None is left to the operator.
    """
    options = work.options
    asked = container["resources"].get("limits", {})
    spec: dict[str, Any] = {
        **given(restartPolicy=restart_policy),
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        **given(serviceAccountName=options.service_account, priorityClassName=options.priority_class),
    }
    if node:
        # GPU nodes are often tainted with the name of their resource, so that nothing else lands there.
        taints = [*(name for name in asked if "/" in name), *options.tolerations]
        spec["nodeSelector"] = node_labels(work.cluster)
        spec["tolerations"] = [{"key": key, "operator": "Exists"} for key in dict.fromkeys(taints)]
        spec["affinity"] = _affinity(work)
    spec["containers"] = [container]
    spec["volumes"] = [volume for volume, _ in volumes(work)] if node else []
    spec = {key: value for key, value in spec.items() if value not in ({}, [])}
    return {"metadata": {"labels": _labels(work), **_pod_annotations(work)}, "spec": spec}


def container(
    work: Work, name: str, command: list[str], environment: list[Any], *, node: bool = True
) -> dict[str, Any]:
    """A container without privileges that runs a command. `node`: it takes a whole node; otherwise it is small."""
    small = {"requests": {"cpu": "500m", "memory": "512Mi"}, "limits": {"memory": "2Gi"}}
    mounts = [mount for _, mount in volumes(work)] if node else []
    found = {
        "name": name,
        "image": work.cluster.software_for(work.job.environment).image,
        "imagePullPolicy": "IfNotPresent",
        "command": command,
        "env": environment,
        "resources": resources(work.job, work.cluster) if node else small,
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": mounts,
    }
    return {key: value for key, value in found.items() if value != []}


def environment(work: Work) -> list[Any]:
    """Variables of a container that starts ranks, each with its reason; its place in the job is not among them."""
    settings = of_every_rank(work.job, work.cluster, pod_network=True) | _ranks.SHUTDOWN
    settings |= _ranks.watched(work.options.hang_seconds)
    found = [variable(name, setting.value, setting.reason) for name, setting in settings.items()]
    plain = json.dumps(json.loads(work.job.to_json()))
    found += [
        variable("SEATRIAL_RUN", work.folder, "the run's folder"),
        variable("SEATRIAL_JOB", plain, "job.json: nobody can put it into the folder before the job starts"),
        variable("SEATRIAL_PRINT_EVENTS", "1", "events come back by the log"),
    ]
    reference = {"name": work.options.secret_name}
    for name in work.job.secrets:
        entry = {"name": name, "valueFrom": {"secretKeyRef": {**reference, "key": name}}}
        found.append(Note(entry, "a secret: its value stands in no file"))
    return found


def variable(name: str, value: str, reason: str) -> Note:
    """One entry of a container's env, its value taken literally."""
    return Note({"name": name, "value": literal(value)}, reason)


def volumes(work: Work) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Each volume of the pod with its mount: shared memory, the cluster's folders, a run's folder if none is shared."""
    asked = work.options.shared_memory_gib
    memory = memory_mib(work.cluster.instance_type)
    size = f"{asked}Gi" if asked else f"{memory // 4}Mi" if memory else "1Gi"
    # The runtime's own /dev/shm has 64 MiB: too little for NCCL and for data loaders.
    shm = (
        {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": size}},
        {"name": "shm", "mountPath": "/dev/shm"},
    )
    found: list[tuple[dict[str, Any], dict[str, Any]]] = [shm]
    for number, mount in enumerate(work.cluster.mounts):
        name = f"mount-{number}"
        source: dict[str, Any] = (
            {"hostPath": {"path": mount.source, "type": "Directory"}}
            if mount.source.startswith("/")
            else {"persistentVolumeClaim": {"claimName": mount.source}}
        )
        read_only = {"readOnly": True} if mount.read_only else {}
        found.append(({"name": name, **source}, {"name": name, "mountPath": mount.target, **read_only}))
    if work.job.ships:
        items = [{"key": key, "path": path} for path, key in keys(work.job).items()]
        source = {"configMap": {"name": work.name, "items": items}}
        found.append(({"name": PROGRAM, **source}, {"name": PROGRAM, "mountPath": PROGRAM_FOLDER, "readOnly": True}))
    if work.cluster.shared is None:
        found.append(({"name": "run", "emptyDir": {}}, {"name": "run", "mountPath": work.folder}))
    return found


def keys(job: Job) -> dict[str, str]:
    """Path of each file that goes with the job -> its key in a ConfigMap, where no key has a slash."""
    plain = {path: re.fullmatch(r"(?!file-\d)[A-Za-z0-9_][A-Za-z0-9._-]{0,200}", path) for path in _ranks.files(job)}
    return {path: path if found else f"file-{number}" for number, (path, found) in enumerate(plain.items())}


def node_labels(cluster: Cluster) -> dict[str, str]:
    """Labels that a node must have."""
    found = dict(cluster.options.node_selector)
    if cluster.instance_type is not None:
        name = cluster.instance_type.removeprefix("ml.")
        found["node.kubernetes.io/instance-type"] = f"ml.{name}" if cluster.options.hyperpod else name
    if cluster.options.hyperpod:
        # HyperPod's health checks take a node out of work by this label.
        found["sagemaker.amazonaws.com/node-health-status"] = "Schedulable"
    return found


def _pod_annotations(work: Work) -> dict[str, Any]:
    key = "required" if work.options.topology_required else "preferred"
    if not (work.options.topology and work.options.kueue_queue):
        return {}
    return {"annotations": {f"kueue.x-k8s.io/podset-{key}-topology": work.options.topology}}


def _affinity(work: Work) -> dict[str, Any]:
    if not work.options.topology or work.options.kueue_queue:
        return {}  # Kueue places all pods of a job at once, which is more than an affinity can
    term = {"labelSelector": {"matchLabels": {RUN_LABEL: work.name}}, "topologyKey": work.options.topology}
    if work.options.topology_required:
        return {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    preferred = [{"weight": 100, "podAffinityTerm": term}]
    return {"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}


def torchrun(work: Work, node: str, master: str, port: str) -> list[str]:
    place = [f"--node-rank={node}", f"--master-addr={master}", f"--master-port={port}"]
    run = map(literal, _ranks.torchrun(work.job, work.cluster))
    return [*run, *place, *arguments(work)]


def program(work: Work) -> list[str]:
    python = work.cluster.software_for(work.job.environment).python
    return [literal(python), *arguments(work)]


def arguments(work: Work) -> list[str]:
    """What follows ``python``, or what stands for it, to run the job's program."""
    return [literal(part) for part in _ranks.program(work.job, PROGRAM_FOLDER)]


def scale(work: Work) -> list[Any]:
    """What a program that starts its own ranks must know beside its place."""
    if work.job.launch != "node":
        return []
    return [
        variable("NNODES", str(work.job.nodes), "nodes of the job"),
        variable("NPROC_PER_NODE", str(work.job.processes_per_node), "ranks that each of them starts"),
    ]


def limits(work: Work) -> dict[str, int]:
    options = work.options
    return given(
        activeDeadlineSeconds=options.time_limit_seconds, ttlSecondsAfterFinished=options.ttl_seconds_after_finished
    )


def given(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
