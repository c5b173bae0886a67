"""Kubernetes versions that clusters of EKS are made with, and the add-ons that go with each.

What is not in this table is not offered: EKS refuses an add-on that does not fit its cluster, after minutes.
`aws eks describe-addon-versions --kubernetes-version VERSION` tells what there is today.

Ends of support: https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html, seen 2026-11.
kube-proxy and CoreDNS of 1.34: the tables of https://docs.aws.amazon.com/eks/latest/userguide/managing-kube-proxy.html
and managing-coredns.html. All else, as it runs together: environment-configuration.tf of analytical-platform-compute/
cluster in https://github.com/ministryofjustice/modernisation-platform-environments, its clusters of 1.34 and 1.35, seen
2026-11. HyperPod: 1.28 to 1.34, by sagemaker-hyperpod-eks-prerequisites in the SageMaker developer guide; of its task
governance v1.6 with Kueue 0.19.2, by sagemaker-hyperpod-eks-operate-console-ui-governance-upgrade there, which needs
1.30; both 2026-11. Of its training operator that guide knows 1.28 to 1.33 and no version of the add-on, so that none
stands here. The FSx driver needs 1.20 (its docs/install.md); this build of it was seen on a cluster of 1.35.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

SOURCE = "https://docs.aws.amazon.com/eks/latest/userguide/ and public clusters: see seatrial.versions.eks"
FSX_DRIVER = "v1.9.0-eksbuild.1"
TASK_GOVERNANCE = "amazon-sagemaker-hyperpod-taskgovernance"


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """A version of Kubernetes on EKS."""

    standard: date
    """Last day of standard support. Then a cluster costs more by the hour."""
    extended: date
    """Last day of extended support. Then EKS moves the cluster to the next version by itself."""
    addons: Mapping[str, str]
    """Add-on -> version."""
    hyperpod: Mapping[str, str] | None = None
    """Add-on of HyperPod -> version; None: whether HyperPod supports this version is unknown."""


RELEASES: Mapping[str, Release] = {
    "1.34": Release(
        standard=date(2026, 12, 2),
        extended=date(2027, 12, 2),
        addons={
            "vpc-cni": "v1.20.5-eksbuild.1",
            "kube-proxy": "v1.34.1-eksbuild.2",
            "coredns": "v1.12.4-eksbuild.1",
            "eks-pod-identity-agent": "v1.3.10-eksbuild.1",
            "eks-node-monitoring-agent": "v1.4.2-eksbuild.1",
            "aws-fsx-csi-driver": FSX_DRIVER,
        },
        hyperpod={TASK_GOVERNANCE: "v1.6.0-eksbuild.1"},
    ),
    "1.35": Release(
        standard=date(2027, 3, 27),
        extended=date(2028, 3, 27),
        addons={
            "vpc-cni": "v1.21.1-eksbuild.5",
            "kube-proxy": "v1.35.2-eksbuild.4",
            "coredns": "v1.13.2-eksbuild.4",
            "eks-pod-identity-agent": "v1.3.10-eksbuild.2",
            "eks-node-monitoring-agent": "v1.6.2-eksbuild.1",
            "aws-fsx-csi-driver": FSX_DRIVER,
        },
    ),
}
