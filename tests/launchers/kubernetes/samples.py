"""Clusters and jobs for the tests of the Kubernetes launcher."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import yaml

from seatrial import catalog
from seatrial.binding import bind
from seatrial.cluster import Cluster, Mount
from seatrial.job import Job
from seatrial.launchers import kubernetes
from tests.launchers.kubernetes import schemas

IMAGE = "example.com/seatrial@sha256:" + 64 * "0"
KINDS = ("jobset", "pytorchjob", "trainjob", "mpijob", "hyperpodpytorchjob", "job")
TARGETS = ("cpu-ddp/two-node", "fsdp/llama3.1-8b")


def cluster(*, gpu: bool = False, options: dict[str, Any] | None = None, **changes: Any) -> Cluster:
    """Two nodes of 4 CPUs without a shared folder, or four p5.48xlarge with one."""
    size: dict[str, Any] = {"nodes": 2, "cpus_per_node": 4, "processes_per_node": 4}
    if gpu:
        size = {"nodes": 4, "cpus_per_node": 192, "accelerators_per_node": 8, "processes_per_node": 8}
        size |= {"instance_type": "p5.48xlarge", "shared": "/fsx/runs"}
        size["mounts"] = (Mount(source="fsx", target="/fsx"), Mount(source="/opt/nvme", target="/nvme", read_only=True))
    chosen = kubernetes.Options(**({"secret_name": "hub"} if gpu else {}) | (options or {}))
    found = Cluster(name="eks", launcher="kubernetes", container="docker", image=IMAGE, options=chosen, **size)
    return replace(found, **changes)


def for_kind(kind: str, *, gpu: bool = False, **options: Any) -> Cluster:
    """A cluster for a kind, HyperPod where the kind needs it."""
    return cluster(gpu=gpu, options={"kind": kind, "hyperpod": kind == "hyperpodpytorchjob", **options})


def job(where: Cluster, target: str | None = None, **changes: Any) -> Job:
    """A recipe for a cluster, on all of its nodes."""
    case, recipe = catalog.recipe(target or TARGETS[where.accelerators_per_node > 0])
    return replace(bind(case, recipe, where, nodes=where.nodes, secrets=["HF_TOKEN"]), **changes)


def documents(where: Cluster, what: Job | None = None, name: str = "trial") -> list[dict[str, Any]]:
    """The objects that a job becomes."""
    plan = kubernetes.render(what or job(where), where, name)
    return list(yaml.safe_load_all(plan.files["manifest.yaml"]))


def pods(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The specs of all pod templates in some objects."""
    return [template["spec"] for document in found for template in schemas.pod_templates(document)]


def env(pod: dict[str, Any]) -> dict[str, Any]:
    """Name -> value, or what it comes from, of a pod's variables."""
    return {e["name"]: e.get("value", e.get("valueFrom")) for e in pod["containers"][0].get("env", [])}


def expand(text: str, variables: dict[str, str]) -> str:
    """What Kubernetes makes of a command or a value: $(NAME) is replaced if NAME is set, $$ is one dollar."""
    return re.sub(r"\$(\$|\(([^)]*)\))", lambda m: "$" if m[1] == "$" else variables.get(m[2], m[0]), text)
