"""What SageMaker HyperPod wants to find in an EKS cluster before it makes nodes for it.

AWS has these charts in a git repository alone. Each is one of the parts of its HyperPodHelmChart, whose other parts
come from elsewhere here, or are not wanted: as a whole it would fetch archives that nothing pins.
https://github.com/aws/sagemaker-hyperpod-cli/blob/main/helm_chart/readme.md
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from seatrial.architectures._kubernetes.charts import Chart
from seatrial.architectures._kubernetes.inside import Inside
from seatrial.architectures._kubernetes.installation import CHART, chart_commands, context, values
from seatrial.launchers.kubernetes.writer import documents
from seatrial.plan import Command, Plan

GIT_CHART = Path(__file__).with_name("git_chart.sh")
REPOSITORY = "https://github.com/aws/sagemaker-hyperpod-cli"
COMMIT = "067d658b2d5c3d347afbadd75e1425214e965dcb"
"""Of 2026: its HyperPodHelmChart names all parts below."""
FOLDER = "helm_chart/HyperPodHelmChart/charts"
NAMESPACE = "kube-system"
"""Of the releases, as in AWS's own walk-through: the first chart makes the namespace aws-hyperpod itself."""

CERT_MANAGER = Chart(
    name="cert-manager",
    reference="oci://quay.io/jetstack/charts/cert-manager",
    version="v1.19.5",
    sha256=None,
    namespace="cert-manager",
    values={"crds": {"enabled": True}},
    crds=("certificates.cert-manager.io", "issuers.cert-manager.io"),
    oldest="1.31",
    tested=("1.31", "1.32", "1.33", "1.34", "1.35"),
    source="cert-manager.io/docs/releases, 2026-03; the registry's digest, which is not the archive's, was "
    "sha256:a28d06d429263fd1a547aa3239fe7d22f17ebf7e8dbdb14726e9433925ba2396 on 2026-05-04",
)
"""The certificates of the training operator's webhook:
https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-eks-operator-install.html"""


def dependencies(what: Inside) -> Plan:
    """Rights of HyperPod's deep health checks, restarts of jobs and patches; its agent on nodes; cert-manager."""
    texts = {f"{name}.yaml": documents([dict(told)]) for name, told in _charts(what).items()}
    files = {
        **texts,
        f"{CERT_MANAGER.name}.yaml": values(CERT_MANAGER),
        "chart.sh": CHART.read_text(encoding="utf-8"),
        "git_chart.sh": GIT_CHART.read_text(encoding="utf-8"),
    }
    commands = (context(what), *_commands(what), *chart_commands(what, CERT_MANAGER))
    return Plan(files=files, commands=commands)


def _charts(what: Inside) -> Mapping[str, Mapping[str, Any]]:
    """Name of each chart -> what it is told, in the order in which they are installed."""
    return {
        "deep-health-check": {},
        # By itself it asks the nodes that there are for the region that its image comes from.
        "health-monitoring-agent": {"region": what.region},
        "job-auto-restart": {},
        "hyperpod-patching": {},
    }


def _commands(what: Inside) -> Iterator[Command]:
    for name in _charts(what):
        argv = ("sh", "git_chart.sh", name, REPOSITORY, COMMIT, f"{FOLDER}/{name}", NAMESPACE, what.cluster)
        yield Command(argv=argv, title=f"{name} of {COMMIT[:12]}", programs=("git", "helm"))
