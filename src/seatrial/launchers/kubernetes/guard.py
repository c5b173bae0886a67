"""Nodes that Kubernetes keeps away from jobs: tainted, with the mark as an annotation."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from seatrial.errors import Problem, UserError
from seatrial.launchers._guard import Guard
from seatrial.launchers.kubernetes.client import Api, Refused
from seatrial.launchers.kubernetes.options import Options
from seatrial.spec import Cluster

QUARANTINE = "seatrial.io/quarantine"
"""Key of the taint and of the annotation with the whole mark; the taint's value is the id of the rule."""
HYPERPOD = "sagemaker.amazonaws.com/node-health-status"
"""Label that HyperPod's own agent writes: Schedulable or Unschedulable, or with PendingReboot or PendingReplacement
behind that, by which it is asked to repair. Ours never asks for that: replacing a node destroys its volumes.
https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-eks-resiliency-node-labels.html"""
NODES = "/api/v1/nodes"
TRIES = 5
"""To change a node that others change, too."""


def here() -> str:
    """The node's name, which a pod is told by NODE_NAME; elsewhere the host's."""
    return os.environ.get("NODE_NAME") or socket.gethostname()


def node(cluster: Cluster) -> Cluster:
    """A pod reaches the API by its service account."""
    return replace(cluster, options=Options(hyperpod=os.environ.get("SEATRIAL_HYPERPOD") == "1"))


def reason(name: str, cluster: Cluster) -> str:
    """Of one node: our mark, or that somebody else lets no job onto it."""
    return _reason(_node(Api(cluster.options), name, cluster))


def reasons(cluster: Cluster) -> Mapping[str, str]:
    """Of all nodes."""
    return {found["metadata"]["name"]: _reason(found) for found in Api(cluster.options).items(NODES)}


def quarantine(name: str, cluster: Cluster, mark: str) -> None:
    """Taint a node. Pods that run there go on."""
    rule = mark.partition(" ")[2].partition(":")[0]
    taint = {"key": QUARANTINE, "value": rule, "effect": "NoSchedule"}
    _change(name, cluster, [taint], mark, "Unschedulable")


def release(name: str, cluster: Cluster) -> None:
    """Take our taint and our mark away, and nobody else's."""
    _change(name, cluster, [], None, "Schedulable")


def _reason(found: Mapping[str, Any]) -> str:
    spec, meta = found.get("spec", {}), found["metadata"]
    mark: str = meta.get("annotations", {}).get(QUARANTINE, "")
    health = meta.get("labels", {}).get(HYPERPOD, "Schedulable")
    if mark:
        return mark
    if health != "Schedulable":
        return f"HyperPod calls it {health}"
    return "cordoned" if spec.get("unschedulable") else ""


def _node(api: Api, name: str, cluster: Cluster) -> dict[str, Any]:
    try:
        return api.get(f"{NODES}/{name}")
    except Refused as error:
        if error.status != 404:
            raise
        known = f"see: kubectl get nodes; cluster {cluster.name}"
        raise UserError(Problem(f"there is no node {name}", "NODE", known)) from None


def _change(name: str, cluster: Cluster, ours: list[dict[str, str]], mark: str | None, health: str) -> None:
    """Write our taints and our mark beside what others have written meanwhile: a list is replaced as a whole."""
    api = Api(cluster.options)
    for attempt in range(TRIES):
        found = _node(api, name, cluster)
        others = [taint for taint in found.get("spec", {}).get("taints") or [] if taint.get("key") != QUARANTINE]
        meta: dict[str, Any] = {
            "resourceVersion": found["metadata"].get("resourceVersion"),
            "annotations": {QUARANTINE: mark},
        }
        if cluster.options.hyperpod:
            meta["labels"] = {HYPERPOD: health}
        try:
            api.merge(f"{NODES}/{name}", {"metadata": meta, "spec": {"taints": others + ours}})
        except Refused as error:
            if error.status != 409 or attempt == TRIES - 1:
                raise
        else:
            return


GUARD = Guard(here=here, node=node, reason=reason, reasons=reasons, quarantine=quarantine, release=release)
