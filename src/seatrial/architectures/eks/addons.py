"""Add-ons of EKS, each at the version that goes with that of Kubernetes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.architectures.eks import POD_ADDRESSES, Params
from seatrial.versions.eks import RELEASES


@dataclass(frozen=True, kw_only=True, slots=True)
class Addon:
    """One add-on."""

    name: str
    version: str
    early: bool = True
    """Whether nodes need it to become ready. The others need nodes to run on."""
    values: str | None = None
    """What it is told, as JSON."""
    role: str | None = None
    """Logical id of its role; None: it calls nothing of AWS's."""
    service_account: str = ""
    """Its service account, which has the role."""


def addons(params: Params) -> Iterator[Addon]:
    """In the order in which they are made."""
    versions = RELEASES[params.version].addons

    def addon(name: str, **more: object) -> Addon:
        return Addon(name=name, version=versions[name], **more)  # type: ignore[arg-type]

    yield addon("eks-pod-identity-agent")
    values = json.dumps({"env": POD_ADDRESSES})
    yield addon("vpc-cni", values=values, role="CniRole", service_account="aws-node")
    yield addon("kube-proxy")
    yield addon("coredns", early=False)
    if params.repair:
        # By default DCGM, by which the agent sees GPUs, does not tolerate their taint: the chart's own values.yaml,
        # https://github.com/aws/eks-node-monitoring-agent/tree/main/charts, 2026-11.
        tolerant = {"dcgmAgent": {"tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}]}}
        yield addon("eks-node-monitoring-agent", early=False, values=json.dumps(tolerant))
    if params.storage:
        yield addon("aws-fsx-csi-driver", early=False, role="FsxRole", service_account="fsx-csi-controller-sa")
