"""Operators of others: each pinned by the content of what is fetched, never by a branch.

Digests are of the chart's archive, as somebody who fetched it wrote them down in public, since nobody here could fetch
one: chart.sh refuses an archive that differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from seatrial.architectures._kubernetes.inside import Inside, Piece


@dataclass(frozen=True, kw_only=True, slots=True)
class Chart:
    """A Helm chart of an OCI registry."""

    name: Piece
    """Of the chart, its release and the file of its values."""
    reference: str
    version: str
    sha256: str | None
    """Of the archive; None: unknown, and chart.sh prints what it is."""
    namespace: str
    values: Mapping[str, Any] = field(default_factory=dict)
    crds: tuple[str, ...]
    """What must be there before objects of these kinds are made."""
    oldest: str
    """Oldest Kubernetes that it works with."""
    tested: tuple[str, ...]
    """Versions of Kubernetes that its project tests it with."""
    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifests:
    """Manifests for kustomize in a git repository: the commit's id is a hash of all that is in it."""

    name: Piece
    repository: str
    folder: str
    commit: str
    version: str
    """As people know it."""
    namespace: str
    deployment: str
    source: str

    @property
    def url(self) -> str:
        """What kubectl takes as a kustomization."""
        return f"{self.repository}//{self.folder}?ref={self.commit}"


KUEUE = Chart(
    name="kueue",
    reference="oci://registry.k8s.io/kueue/charts/kueue",
    version="0.17.8",
    sha256="409de6260d2b7834fece5044502822bcb4e74ed8a03b8ea22bb78bcdfa1627db",
    namespace="kueue-system",
    # Without its webhook no job at all can be made: one replica stays while a node is replaced.
    values={"controllerManager": {"replicas": 2, "podDisruptionBudget": {"enabled": True, "minAvailable": 1}}},
    crds=("clusterqueues.kueue.x-k8s.io", "localqueues.kueue.x-k8s.io", "resourceflavors.kueue.x-k8s.io"),
    oldest="1.29",
    tested=("1.33", "1.34", "1.35"),
    source="kueue.sigs.k8s.io/docs/installation and the README of v0.17.8; the archive as a public Terraform module "
    "pinned it on 2026-09-03, with the registry's "
    "sha256:e5f000fcf0604e5dea0025e0ffdd20e6712de432bcca0ec254d71d97f012a354",
)
JOBSET = Chart(
    name="jobset",
    reference="oci://registry.k8s.io/jobset/charts/jobset",
    version="0.12.0",
    sha256="bd3503757561d93aa14f35fccab76ca417d17e14984aed9f69c9ab068d40980a",
    namespace="jobset-system",
    values={"prometheus": {"enable": False}},  # else it makes a ServiceMonitor, which needs Prometheus' own operator
    crds=("jobsets.jobset.x-k8s.io",),
    oldest="1.27",
    tested=("1.32", "1.33", "1.34"),
    source="jobset.sigs.k8s.io/docs/installation and the README of v0.12.0; the archive as a public Terraform module "
    "pinned it on 2026-09-03, when it ran it on Kubernetes 1.35 with Kueue 0.17.8, with the registry's "
    "sha256:02808a890a0b0e03a1d3bf5959e2f562b3b47c15e446bbba358c1d24e1f81b24",
)
TRAINER = Chart(
    name="kubeflow-trainer",
    reference="oci://ghcr.io/kubeflow/charts/kubeflow-trainer",
    version="2.2.0",
    sha256="34191da2886a91d9effb0543087ef0ad19b870b094c336c2ca34f474cba0030e",
    namespace="kubeflow-system",
    values={"jobset": {"install": False}},  # ours, by its own digest
    crds=("trainjobs.trainer.kubeflow.org", "trainingruntimes.trainer.kubeflow.org"),
    oldest="1.31",
    tested=(),
    source="kubeflow.org/docs/components/trainer/operator-guides/installation; the archive as a public catalogue of "
    "charts fetched it on 2026-10-08 with the registry's "
    "sha256:332c2e6a31e7497af6bafa5aa44b07f17709d5555e9ee9a16a1b95e1c389d478; which Kubernetes it is tested with: "
    "unknown",
)
CHARTS = (JOBSET, TRAINER, KUEUE)
"""Kueue comes last: when it starts it looks which kinds of jobs there are."""

TRAINING_OPERATOR = Manifests(
    name="training-operator",
    repository="https://github.com/kubeflow/manifests",
    folder="applications/training-operator/upstream/overlays/standalone",
    commit="85a0bed2de2960f9c7c433244564a65566fa0165",
    version="1.9.2",
    namespace="kubeflow",
    deployment="training-operator",
    source="its kustomization names the image v1-3f15cb8, that of v1.9.2: github.com/kubeflow/trainer/pull/2634",
)
MPI_OPERATOR = Manifests(
    name="mpi-operator",
    repository="https://github.com/kubeflow/mpi-operator",
    folder="manifests/overlays/standalone",
    commit="07a32d9a8cb5e667d754a107cfb0629712811619",
    version="0.7.0",
    namespace="mpi-operator",
    deployment="mpi-operator",
    source="its kustomization names the image 0.7.0",
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
