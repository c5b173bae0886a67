"""A Kubernetes cluster with the Prometheus operator: what runs on its nodes, how it is found, rules and dashboards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from seatrial.cluster import Cluster
from seatrial.errors import Problem, UserError
from seatrial.observe import dashboards
from seatrial.observe.rules import Rules, dump
from seatrial.observe.stack.nodes import Choice, expected, has_gpus, jobs
from seatrial.plan import Command, Plan

NAME = "seatrial-exporter"
RUNS = "seatrial-runs"
API = "monitoring.coreos.com/v1"
SELECTED = {"release": "kube-prometheus-stack"}
"""By this label the Helm chart kube-prometheus-stack selects monitors and rules, if it was installed by that name."""
DCGM = {"app": "nvidia-dcgm-exporter"}
"""The label of the service that NVIDIA's GPU operator makes."""


def render(cluster: Cluster, rules: Rules, choice: Choice) -> Plan:
    """Manifests. Pure. Raises UserError where no image is named."""
    if cluster.image is None:
        remedy = 'add image = "...": one that has seatrial'
        raise UserError(Problem("names no image", f"clusters.{cluster.name}.image", remedy))
    found = tuple(job for job in jobs(cluster) if job == "seatrial")
    rules = replace(rules, jobs=found, changed=expected(cluster, rules.changed))
    files = {
        "exporters.yml": _documents(_exporters(cluster)),
        "monitors.yml": _documents(_monitors(cluster, choice)),
        "rules.yml": _documents(_rules(cluster, rules)),
        "dashboards.yml": _documents(_dashboards(cluster, rules.runbooks)),
    }
    context = ("--context", cluster.options.context) if cluster.options.context else ()
    # Annotations of a client-side apply would be too long for the dashboards.
    apply = ("kubectl", *context, "apply", "--server-side", "--filename")
    return Plan(files=files, commands=tuple(Command(argv=(*apply, name), title=name) for name in files))


def _documents(values: Iterator[dict[str, Any]]) -> str:
    return "---\n".join(map(dump, values))


def _metadata(cluster: Cluster, name: str, labels: Mapping[str, str] = {}) -> dict[str, Any]:
    own = {"app.kubernetes.io/name": name, "app.kubernetes.io/managed-by": "seatrial", **labels}
    return {"name": name, "namespace": cluster.options.namespace, "labels": own}


def _exporters(cluster: Cluster) -> Iterator[dict[str, Any]]:
    """On every node its EFA devices and findings; once for all the runs of the shared folder."""
    port = jobs(cluster)["seatrial"]
    host = {
        "hostNetwork": True,  # EFA devices belong to the node's own network
        "dnsPolicy": "ClusterFirstWithHostNet",
        "tolerations": [{"operator": "Exists"}],
        "volumes": [{"name": "findings", "hostPath": {"path": "/var/lib/seatrial", "type": "DirectoryOrCreate"}}],
    }
    mounts = [{"name": "findings", "mountPath": "/var/lib/seatrial", "readOnly": True}]
    selector = dict(cluster.options.node_selector)
    container = {**_container(cluster, "efa,health", port), "volumeMounts": mounts}
    spec = {**host, **({"nodeSelector": selector} if selector else {}), "containers": [container]}
    yield {"apiVersion": "apps/v1", "kind": "DaemonSet", **_workload(cluster, NAME, spec)}
    claims = [mount for mount in cluster.mounts if cluster.shared and cluster.shared.startswith(mount.target)]
    if cluster.shared and claims:
        spec = {
            "volumes": [{"name": f"mount-{i}", **_volume(mount.source)} for i, mount in enumerate(claims)],
            "containers": [
                {
                    **_container(cluster, "run", port, "--runs-dir", cluster.shared),
                    "volumeMounts": [
                        {"name": f"mount-{i}", "mountPath": mount.target, "readOnly": True}
                        for i, mount in enumerate(claims)
                    ],
                }
            ],
        }
        one = _workload(cluster, RUNS, spec)
        yield {"apiVersion": "apps/v1", "kind": "Deployment", **one, "spec": {"replicas": 1, **one["spec"]}}


def _volume(source: str) -> dict[str, Any]:
    if source.startswith("/"):
        return {"hostPath": {"path": source}}
    return {"persistentVolumeClaim": {"claimName": source, "readOnly": True}}


def _workload(cluster: Cluster, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    mine = {"app.kubernetes.io/name": name}
    return {
        "metadata": _metadata(cluster, name),
        "spec": {"selector": {"matchLabels": mine}, "template": {"metadata": {"labels": mine}, "spec": dict(spec)}},
    }


def _container(cluster: Cluster, collect: str, port: int, *more: str) -> dict[str, Any]:
    export = [cluster.python, "-m", "seatrial", "observe", "export", "--collect", collect]
    return {
        "name": "exporter",
        "image": cluster.image,
        "command": [*export, "--listen", f"0.0.0.0:{port}", *more],
        "ports": [{"name": "metrics", "containerPort": port}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}},
    }


def _monitors(cluster: Cluster, choice: Choice) -> Iterator[dict[str, Any]]:
    node = [
        {"sourceLabels": ["__meta_kubernetes_pod_node_name"], "regex": r"([^.]+).*", "targetLabel": "node"},
        {"targetLabel": "cluster", "replacement": cluster.name},
        {"targetLabel": "job", "replacement": "seatrial"},
    ]
    endpoint = {"port": "metrics", "interval": choice.every, "honorLabels": True, "relabelings": node}
    names = {"matchExpressions": [{"key": "app.kubernetes.io/name", "operator": "In", "values": [NAME, RUNS]}]}
    yield {
        "apiVersion": API,
        "kind": "PodMonitor",
        "metadata": _metadata(cluster, NAME, SELECTED),
        "spec": {"selector": names, "podMetricsEndpoints": [endpoint]},
    }
    if has_gpus(cluster):
        gpus = [*node[:2], {"targetLabel": "job", "replacement": "dcgm"}]
        yield {
            "apiVersion": API,
            "kind": "ServiceMonitor",
            "metadata": _metadata(cluster, "seatrial-dcgm", SELECTED),
            "spec": {
                "selector": {"matchLabels": DCGM},
                "namespaceSelector": {"any": True},
                "endpoints": [{"port": "gpu-metrics", "interval": choice.every, "relabelings": gpus}],
            },
        }


def _rules(cluster: Cluster, rules: Rules) -> Iterator[dict[str, Any]]:
    """A resource for each file: names of groups are there once within it."""
    for name, groups in rules.files().items():
        yield prometheus_rule(cluster, name.rpartition(".")[0].lower().replace("_", "-"), groups)


def prometheus_rule(cluster: Cluster, name: str, groups: list[dict[str, Any]]) -> dict[str, Any]:
    """Rules as the operator reads them."""
    metadata = _metadata(cluster, name, SELECTED)
    return {"apiVersion": API, "kind": "PrometheusRule", "metadata": metadata, "spec": {"groups": groups}}


def _dashboards(cluster: Cluster, runbooks: str) -> Iterator[dict[str, Any]]:
    """Grafana's sidecar takes every ConfigMap with that label."""
    for name, text in dashboards.render(runbooks=runbooks).items():
        yield {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": _metadata(cluster, name.removesuffix(".json"), {"grafana_dashboard": "1"}),
            "data": {name: text},
        }
