"""Operators of others: which, where they go, and what they are told.

Each is pinned in seatrial.versions by the content of what is fetched, never by a branch: chart.sh refuses an archive
that differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from seatrial.architectures._kubernetes.inside import Inside, Piece
from seatrial.versions import kubernetes as versions
from seatrial.versions.pins import Chart as ChartPin
from seatrial.versions.pins import Checkout


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """A Helm chart of an OCI registry."""

    name: Piece
    """Of the chart, its release and the file of its values."""
    pin: ChartPin
    """Where no checksum is known, chart.sh prints what it is."""
    namespace: str
    values: Mapping[str, Any] = field(default_factory=dict)
    crds: tuple[str, ...]
    """What must be there before objects of these kinds are made."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifests:
    """Manifests for kustomize in a git repository: the commit's id is a hash of all that is in it."""

    name: Piece
    pin: Checkout
    folder: str
    namespace: str
    deployment: str

    @property
    def url(self) -> str:
        """What kubectl takes as a kustomization."""
        return f"{self.pin.repository}//{self.folder}?ref={self.pin.commit}"


KUEUE = Chart(
    name="kueue",
    pin=versions.CHARTS["kueue"],
    namespace="kueue-system",
    # Without its webhook no job at all can be made: one replica stays while a node is replaced.
    values={"controllerManager": {"replicas": 2, "podDisruptionBudget": {"enabled": True, "minAvailable": 1}}},
    crds=("clusterqueues.kueue.x-k8s.io", "localqueues.kueue.x-k8s.io", "resourceflavors.kueue.x-k8s.io"),
)
JOBSET = Chart(
    name="jobset",
    pin=versions.CHARTS["jobset"],
    namespace="jobset-system",
    values={"prometheus": {"enable": False}},  # else it makes a ServiceMonitor, which needs Prometheus' own operator
    crds=("jobsets.jobset.x-k8s.io",),
)
TRAINER = Chart(
    name="kubeflow-trainer",
    pin=versions.CHARTS["kubeflow-trainer"],
    namespace="kubeflow-system",
    values={"jobset": {"install": False}},  # ours, by its own digest
    crds=("trainjobs.trainer.kubeflow.org", "trainingruntimes.trainer.kubeflow.org"),
)
CHARTS = (JOBSET, TRAINER, KUEUE)
"""Kueue comes last: when it starts it looks which kinds of jobs there are."""

TRAINING_OPERATOR = Manifests(
    name="training-operator",
    pin=versions.MANIFESTS["training-operator"],
    folder="applications/training-operator/upstream/overlays/standalone",
    namespace="kubeflow",
    deployment="training-operator",
)
MPI_OPERATOR = Manifests(
    name="mpi-operator",
    pin=versions.MANIFESTS["mpi-operator"],
    folder="manifests/overlays/standalone",
    namespace="mpi-operator",
    deployment="mpi-operator",
)
MANIFESTS = (TRAINING_OPERATOR, MPI_OPERATOR)

_NEEDED: Mapping[str, tuple[Piece, ...]] = {
    "jobset": ("jobset",),
    "trainjob": ("jobset", "kubeflow-trainer"),
    "pytorchjob": ("training-operator",),
    "mpijob": ("mpi-operator",),
    "hyperpodpytorchjob": (),  # an add-on of HyperPod's
    "job": (),
}


def charts(what: Inside) -> list[Chart]:
    """Those that this cluster needs and nobody has brought."""
    return [chart for chart in CHARTS if _wanted(what, chart.name)]


def manifests(what: Inside) -> list[Manifests]:
    """Those that this cluster needs and nobody has brought."""
    return [one for one in MANIFESTS if _wanted(what, one.name)]


def _wanted(what: Inside, name: Piece) -> bool:
    return name in (*_NEEDED[what.kind], "kueue") and name not in what.brought
