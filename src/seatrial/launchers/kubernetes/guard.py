"""Nodes that Kubernetes keeps away from jobs: tainted, with the mark as an annotation."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from seatrial.cluster import Cluster
from seatrial.errors import Problem, UserError
from seatrial.findings import Severity
from seatrial.launchers._guard import Guard
from seatrial.launchers.kubernetes.client import Api, Refused
from seatrial.launchers.kubernetes.options import REPAIR_NAMES, Options, RepairName

QUARANTINE = "seatrial.io/quarantine"
"""Key of the taint and of the annotation with the whole mark; the taint's value is the id of the rule."""
HYPERPOD = "sagemaker.amazonaws.com/node-health-status"
"""Label that HyperPod's own agent writes: Schedulable, Unschedulable, or one of REPAIRS. Ours is written over
Schedulable alone, never over what HyperPod has found.
https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-eks-resiliency-node-labels.html"""
LABELLED = "seatrial.io/hyperpod-label"
"""Annotation with the label that we wrote, so that a release takes back that one and no other."""
REPAIRS = {Severity.REBOOT: "UnschedulablePendingReboot", Severity.ISOLATE: "UnschedulablePendingReplacement"}
"""What a finding asks for -> the label by which HyperPod is asked for it. With automatic node recovery it does so at
once, under the jobs that run there, and a replaced node has lost its volumes. The guide, resiliency-manual."""
ASKED: Mapping[str, tuple[Severity, ...]] = {
    "none": (),
    "reboot": (Severity.REBOOT,),
    "replace": (Severity.REBOOT, Severity.ISOLATE),
}
"""Option hyperpod_repair -> the repairs that HyperPod may be asked for."""
NODES = "/api/v1/nodes"
TRIES = 5
"""To change a node that others change, too."""


def here() -> str:
    """The node's name, which a pod is told by NODE_NAME; elsewhere the host's."""
    return os.environ.get("NODE_NAME") or socket.gethostname()


def node(cluster: Cluster) -> Cluster:
    """A pod reaches the API by its service account."""
    repair: RepairName = next(
        (name for name in REPAIR_NAMES if os.environ.get("SEATRIAL_HYPERPOD_REPAIR") == name), "none"
    )
    hyperpod = os.environ.get("SEATRIAL_HYPERPOD") == "1"
    return replace(cluster, options=Options(hyperpod=hyperpod, hyperpod_repair=repair))


def reason(name: str, cluster: Cluster) -> str:
    """Of one node: our mark, or that somebody else lets no job onto it."""
    return _reason(_node(Api(cluster.options), name, cluster))


def reasons(cluster: Cluster) -> Mapping[str, str]:
    """Of all nodes."""
    return {found["metadata"]["name"]: _reason(found) for found in Api(cluster.options).items(NODES)}


def quarantine(name: str, cluster: Cluster, mark: str, severity: Severity) -> None:
    """Taint a node. Pods that run there go on, unless HyperPod is to repair it."""
    rule = mark.partition(" ")[2].partition(":")[0]
    taint = {"key": QUARANTINE, "value": rule, "effect": "NoSchedule"}
    label = None
    if cluster.options.hyperpod:
        label = REPAIRS[severity] if severity in ASKED[cluster.options.hyperpod_repair] else "Unschedulable"
    _change(name, cluster, [taint], mark, label)


def release(name: str, cluster: Cluster) -> None:
    """Take our taint, our mark and our label away, and nobody else's."""
    _change(name, cluster, [], None, None)


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


def _change(name: str, cluster: Cluster, ours: list[dict[str, str]], mark: str | None, label: str | None) -> None:
    """Write our taints and our mark beside what others have written meanwhile: a list is replaced as a whole."""
    api = Api(cluster.options)
    for attempt in range(TRIES):
        found = _node(api, name, cluster)
        others = [taint for taint in found.get("spec", {}).get("taints") or [] if taint.get("key") != QUARANTINE]
        labels, told = _labels(found["metadata"], label)
        meta: dict[str, Any] = {
            "resourceVersion": found["metadata"].get("resourceVersion"),
            "annotations": {QUARANTINE: mark, **told},
            "labels": labels,
        }
        try:
            api.merge(f"{NODES}/{name}", {"metadata": meta, "spec": {"taints": others + ours}})
        except Refused as error:
            if error.status != 409 or attempt == TRIES - 1:
                raise
        else:
            return


def _labels(meta: Mapping[str, Any], label: str | None) -> tuple[dict[str, str], dict[str, str | None]]:
    """HyperPod's label as it is to be, and what is noted about it. `label`: ours; None: as before us."""
    now, ours = meta.get("labels", {}).get(HYPERPOD), meta.get("annotations", {}).get(LABELLED)
    mine = ours is not None and now == ours
    if label is not None:
        return ({HYPERPOD: label}, {LABELLED: label}) if mine or now == "Schedulable" else ({}, {})
    return ({HYPERPOD: "Schedulable"} if mine else {}), {LABELLED: None}


GUARD = Guard(here=here, node=node, reason=reason, reasons=reasons, quarantine=quarantine, release=release)
