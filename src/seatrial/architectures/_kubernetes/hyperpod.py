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
from seatrial.versions import kubernetes as versions

GIT_CHART = Path(__file__).with_name("git_chart.sh")
CHARTS = versions.MANIFESTS["hyperpod-charts"]
FOLDER = "helm_chart/HyperPodHelmChart/charts"
NAMESPACE = "kube-system"
"""Of the releases, as in AWS's own walk-through: the first chart makes the namespace aws-hyperpod itself."""

CERT_MANAGER = Chart(
    name="cert-manager",
    pin=versions.CHARTS["cert-manager"],
    namespace="cert-manager",
    values={"crds": {"enabled": True}},
    crds=("certificates.cert-manager.io", "issuers.cert-manager.io"),
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
        commit = CHARTS.commit or "unknown"
        pinned = (CHARTS.repository, commit, f"{FOLDER}/{name}")
        argv = ("sh", "git_chart.sh", name, *pinned, NAMESPACE, what.cluster)
        yield Command(argv=argv, title=f"{name} of {commit[:12]}", programs=("git", "helm"))
