"""Manifests by which a cluster checks its nodes itself: an agent on every node, an init container, a deep check."""

from __future__ import annotations

import shlex
from typing import Any

from seatrial.cluster import Cluster
from seatrial.errors import Problem, UserError
from seatrial.hardware import instances
from seatrial.launchers import _hooks
from seatrial.launchers.kubernetes.guard import HYPERPOD
from seatrial.launchers.kubernetes.pod import given, node_labels
from seatrial.launchers.kubernetes.resources import devices
from seatrial.launchers.kubernetes.writer import Note, documents
from seatrial.plan import Command, Plan

AGENT = "seatrial-agent"
INTERVAL_SECONDS = 300
"""Between two looks of the agent."""


def hooks(cluster: Cluster) -> Plan:
    """agent.yaml, init-container.yaml and deep-check.yaml. Pure. Raises UserError where no image is named."""
    if cluster.image is None:
        remedy = 'add image = "...": one that has seatrial'
        raise UserError(Problem("names no image", f"clusters.{cluster.name}.image", remedy))
    context = ("--context", cluster.options.context) if cluster.options.context else ()
    apply = ("kubectl", *context, "apply", "--filename")
    files = {
        "agent.yaml": documents([*_rights(cluster), _agent(cluster)]),
        "init-container.yaml": documents([{"initContainers": [_before_a_job(cluster)]}]),
        "deep-check.yaml": documents([_deep(cluster)]),
    }
    if cluster.options.hyperpod:
        files["lifecycle.sh"] = _hooks.lifecycle(cluster)
    return Plan(
        files=files,
        commands=(
            Command(argv=(*apply, "agent.yaml"), title="the agent"),
            Command(
                argv=("kubectl", *context, "create", "--filename", "deep-check.yaml"),
                title="a deep check, once NODE in it is the name of a node",
            ),
        ),
    )


def _rights(cluster: Cluster) -> list[dict[str, Any]]:
    """Of the agent's service account: to look at nodes and change them, nothing else."""
    namespace, name = cluster.options.namespace, {"name": AGENT, "labels": _labels()}
    rules = [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "patch"]}]
    api = "rbac.authorization.k8s.io"
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {**name, "namespace": namespace}},
        {"apiVersion": f"{api}/v1", "kind": "ClusterRole", "metadata": name, "rules": rules},
        {
            "apiVersion": f"{api}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": name,
            "roleRef": {"apiGroup": api, "kind": "ClusterRole", "name": AGENT},
            "subjects": [{"kind": "ServiceAccount", "name": AGENT, "namespace": namespace}],
        },
    ]


def _agent(cluster: Cluster) -> dict[str, Any]:
    check = shlex.join(_hooks.check(cluster, "quick", "kubernetes"))
    script = f"while :; do timeout {_hooks.QUICK_SECONDS} {check}; sleep {INTERVAL_SECONDS} & wait $!; done"
    container = _container(cluster, AGENT, ["/bin/sh", "-c", f"trap 'exit 0' TERM; {script}"])
    spec = {**_pod(cluster), "serviceAccountName": AGENT, "containers": [container]}
    labels = _labels()
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": AGENT, "namespace": cluster.options.namespace, "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "10%"}},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def _deep(cluster: Cluster) -> dict[str, Any]:
    """On one node, quarantined or not: it is what lifts a quarantine."""
    container = _container(cluster, "deep-check", _hooks.check(cluster, "deep", "kubernetes"))
    asked = devices(instances.instance(cluster.instance_type)) if cluster.instance_type else {}
    if asked:
        container["resources"] = {"limits": asked, "requests": asked}
    spec = {**_pod(cluster), "serviceAccountName": AGENT, "restartPolicy": "Never", "containers": [container]}
    spec["nodeName"] = Note("NODE", "put the node's name here")
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"generateName": "seatrial-deep-", "namespace": cluster.options.namespace, "labels": _labels()},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": _hooks.DEEP_SECONDS,
            "template": {"metadata": {"labels": _labels()}, "spec": spec},
        },
    }


def _before_a_job(cluster: Cluster) -> dict[str, Any]:
    """Ends with an error only where a rule says FAIL. It has no rights on the node: it says what it could not see."""
    check = shlex.join(_hooks.check(cluster, "quick"))
    script = f"timeout {_hooks.QUICK_SECONDS} {check}; [ $? -ne 1 ]"
    return {
        "name": "seatrial-check",
        "image": cluster.image,
        "command": ["/bin/sh", "-c", script],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


def _pod(cluster: Cluster) -> dict[str, Any]:
    # Not by health: a DaemonSet would take its pod away from a node that HyperPod calls sick.
    selector = {key: value for key, value in node_labels(cluster).items() if key != HYPERPOD}
    return {
        **given(nodeSelector=selector or None),
        "hostNetwork": Note(True, "a node's own links and names, which are checked"),
        "hostPID": Note(True, "processes that were left over on the GPUs, by name"),
        "dnsPolicy": "ClusterFirstWithHostNet",
        "tolerations": [{"operator": "Exists"}],
    }


def _container(cluster: Cluster, name: str, command: list[str]) -> dict[str, Any]:
    env = [{"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}]
    env += [{"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"}]
    env += [{"name": "SEATRIAL_HYPERPOD", "value": "1"}] if cluster.options.hyperpod else []
    repair = cluster.options.hyperpod_repair
    env += [{"name": "SEATRIAL_HYPERPOD_REPAIR", "value": repair}] if repair != "none" else []
    return {
        "name": name,
        "image": cluster.image,
        "command": command,
        "env": env,
        "securityContext": {
            "runAsUser": Note(0, "the kernel's log is root's"),
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"], "add": Note(["SYSLOG"], "to read the kernel's log; nothing else")},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}},
    }


def _labels() -> dict[str, str]:
    return {"app.kubernetes.io/name": AGENT, "app.kubernetes.io/managed-by": "seatrial"}
