"""What can be seen of a cluster without starting anything."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from fractions import Fraction

from seatrial.cluster import Cluster
from seatrial.errors import UserError
from seatrial.findings import Finding, Verdict
from seatrial.hardware import instances
from seatrial.launchers._rules import finding
from seatrial.launchers.kubernetes.client import Api
from seatrial.launchers.kubernetes.engine import installed
from seatrial.launchers.kubernetes.kinds import KINDS
from seatrial.launchers.kubernetes.pod import node_labels
from seatrial.launchers.kubernetes.resources import devices, memory_mib, millicpu
from seatrial.launchers.kubernetes.status import Thing, true_condition

VERSIONS = ((1, 31), (1, 36))
"""Oldest and newest Kubernetes that Amazon EKS supports, standard or extended, in November 2026:
https://docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html"""


def check(cluster: Cluster) -> list[Finding]:
    """Findings about the API server, the operator, the nodes and what the pods refer to."""
    try:
        api = Api(cluster.options)
        version = api.get("/version")
    except UserError as error:
        problem = error.problems[0]
        return [finding("reached", Verdict.FAIL, problem.what, "the API server answers", problem.remedy)]
    host = f"Kubernetes {version['gitVersion']}"
    findings = [finding("reached", Verdict.PASS, host, "the API server answers"), _version(version)]
    for name, rule in RULES.items():
        try:
            findings += [finding(name, *said) for said in rule(api, cluster)]
        except UserError as error:
            problem = error.problems[0]
            remedy = problem.remedy or "try kubectl with the same context"
            findings.append(finding(name, Verdict.UNKNOWN, problem.what, "it can be read", remedy))
    return findings


Said = tuple[Verdict, str, str, str]
"""Verdict, observed, expected, remedy."""


def _version(version: Thing) -> Finding:
    oldest, newest = VERSIONS
    expected = f"{'.'.join(map(str, oldest))} to {'.'.join(map(str, newest))}, which Amazon EKS supports"
    found = re.match(r"v(\d+)\.(\d+)", version["gitVersion"])
    if found is None:
        return finding("version", Verdict.UNKNOWN, version["gitVersion"], expected, "ask its administrator")
    fits = oldest <= (int(found[1]), int(found[2])) <= newest
    verdict = Verdict.PASS if fits else Verdict.WARN
    return finding("version", verdict, version["gitVersion"], expected, "the manifests were not checked with it")


def _operator(api: Api, cluster: Cluster) -> Iterable[Said]:
    kinds, wanted = installed(api), cluster.options.kind
    there = wanted in kinds
    remedy = f"install {KINDS[wanted].operator}, or take another kind"
    yield Verdict.PASS if there else Verdict.FAIL, f"kinds: {', '.join(kinds)}", f"{wanted} among them", remedy


def _permission(api: Api, cluster: Cluster) -> Iterable[Said]:
    kind = KINDS[cluster.options.kind]
    place = {"namespace": api.namespace, "group": kind.group, "resource": kind.plural}
    for verb in ("create", "delete"):
        review = {"spec": {"resourceAttributes": {**place, "verb": verb}}}
        answer = api.create("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
        allowed = answer["status"]["allowed"]
        observed = f"{verb} {kind.plural} in {api.namespace}: {'allowed' if allowed else 'forbidden'}"
        yield Verdict.PASS if allowed else Verdict.FAIL, observed, "allowed", "ask for a role that allows it"


def _namespace(api: Api, cluster: Cluster) -> Iterable[Said]:
    yield _exists(api, f"/api/v1/namespaces/{api.namespace}", f"namespace {api.namespace}", "create it")


def _nodes(api: Api, cluster: Cluster) -> Iterable[Said]:
    """Nodes that fit, and whether what a pod asks for is there on each."""
    selector = ",".join(f"{key}={value}" for key, value in node_labels(cluster).items())
    nodes = api.items("/api/v1/nodes", **({"labelSelector": selector} if selector else {}))
    ready = [n for n in nodes if true_condition(n, "Ready") and not n["spec"].get("unschedulable")]
    expected = f"{cluster.nodes} nodes that are ready{f', with {selector}' if selector else ''}"
    enough = len(ready) >= cluster.nodes
    # Fewer is no mistake where nodes come when they are needed.
    remedy = "wait for nodes, or for what adds them; compare kubectl get nodes --show-labels"
    yield Verdict.PASS if enough else Verdict.WARN, f"{len(ready)} of {len(nodes)} ready", expected, remedy
    for name, wanted in _wanted(cluster).items():
        found = [quantity(node["status"]["allocatable"].get(name, "0")) for node in ready]
        if found:
            short = sum(value < wanted for value in found)
            observed = f"{name}: {_plain(min(found))} at least" + (f", too little on {short} nodes" if short else "")
            remedy = "is its device plugin installed? does something else take the node?"
            yield Verdict.FAIL if short else Verdict.PASS, observed, f"{_plain(wanted)} on each node", remedy


def _wanted(cluster: Cluster) -> dict[str, Fraction]:
    memory = memory_mib(cluster.instance_type)
    asked = {"cpu": f"{millicpu(cluster.cpus_per_node)}m", **({"memory": f"{memory}Mi"} if memory else {})}
    if cluster.instance_type is not None:
        asked |= devices(instances.instance(cluster.instance_type))
    return {name: quantity(str(value)) for name, value in asked.items()}


def _claims(api: Api, cluster: Cluster) -> Iterable[Said]:
    for name in dict.fromkeys(mount.source for mount in cluster.mounts if not mount.source.startswith("/")):
        path = f"/api/v1/namespaces/{api.namespace}/persistentvolumeclaims/{name}"
        phase = api.get(path)["status"]["phase"] if api.exists(path) else "missing"
        remedy = f"kubectl describe persistentvolumeclaim {name} --namespace {api.namespace}"
        # Pending is right for a storage class that waits for the first pod.
        verdict = {"Bound": Verdict.PASS, "Pending": Verdict.WARN}.get(phase, Verdict.FAIL)
        yield verdict, f"claim {name}: {phase}", "Bound", remedy


def _secret(api: Api, cluster: Cluster) -> Iterable[Said]:
    name = cluster.options.secret_name
    if name is not None:
        path = f"/api/v1/namespaces/{api.namespace}/secrets"
        yield _exists(
            api, f"{path}/{name}", f"secret {name}", f"kubectl create secret generic {name} --from-literal=..."
        )


def _queue(api: Api, cluster: Cluster) -> Iterable[Said]:
    name = cluster.options.kueue_queue
    if name is None:
        return
    served = [group for group in api.get("/apis")["groups"] if group["name"] == "kueue.x-k8s.io"]
    if not served:
        yield Verdict.FAIL, "Kueue is not installed", f"queue {name} exists", "install it, or leave kueue_queue out"
    for group in served:
        version = group["preferredVersion"]["groupVersion"]
        path = f"/apis/{version}/namespaces/{api.namespace}/localqueues/{name}"
        yield _exists(api, path, f"queue {name}", "kubectl get localqueues")


def _quota(api: Api, cluster: Cluster) -> Iterable[Said]:
    """What is left in the namespace's quotas for a job on all nodes."""
    remedy, expected = "wait until others have ended, or ask for more", f"{cluster.nodes} nodes"
    for quota in api.items(f"/api/v1/namespaces/{api.namespace}/resourcequotas"):
        hard, used = quota.get("spec", {}).get("hard", {}), quota.get("status", {}).get("used", {})
        for name, wanted in {**_wanted(cluster), "pods": Fraction(1)}.items():  # one pod for each node
            key = next((key for key in (f"requests.{name}", name) if key in hard), None)
            if key is None:
                continue
            told = f"quota {quota['metadata']['name']}"
            if key not in used:  # whoever counts has not, so that nobody is held to it, or nothing is made at all
                yield Verdict.UNKNOWN, f"{told} does not say how much of its {name} is used", expected, remedy
                continue
            left = quantity(hard[key]) - quantity(used[key])
            nodes = max(0, int(left / wanted))
            observed = f"{told} leaves {_plain(left)} of {name}: {nodes} nodes"
            if quantity(hard[key]) < cluster.nodes * wanted:
                yield Verdict.FAIL, f"{observed}, and of all of it {int(quantity(hard[key]) / wanted)}", expected, _MORE
            else:
                yield Verdict.PASS if nodes >= cluster.nodes else Verdict.WARN, observed, expected, remedy


_MORE = "ask for more, or lower nodes in seatrial.toml: no waiting helps"


def _exists(api: Api, path: str, what: str, remedy: str) -> Said:
    if api.exists(path):
        return Verdict.PASS, f"{what} exists", "it exists", ""
    return Verdict.FAIL, f"{what} does not exist", "it exists", remedy


RULES: dict[str, Callable[[Api, Cluster], Iterable[Said]]] = {
    "operator": _operator,
    "namespace": _namespace,
    "permission": _permission,
    "nodes": _nodes,
    "claims": _claims,
    "secret": _secret,
    "queue": _queue,
    "quota": _quota,
}

_SUFFIXES = {"m": Fraction(1, 1000), **{s: Fraction(1000**n) for n, s in enumerate("kMGTPE", 1)}} | {
    f"{s}i": Fraction(1024**n) for n, s in enumerate("KMGTPE", 1)
}


def quantity(text: str) -> Fraction:
    """A quantity of Kubernetes as a number: ``100m``, ``5120Mi``, ``2e3``. Raises ValueError if it is none."""
    match = re.fullmatch(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([A-Za-z]*)", text)
    if match is None or match[2] not in ("", *_SUFFIXES):
        raise ValueError(f"{text!r} is no quantity")
    return Fraction(match[1]) * _SUFFIXES.get(match[2], Fraction(1))


def _plain(value: Fraction) -> str:
    return f"{float(value / 2**30):.1f} Gi" if value >= 2**20 else f"{float(value):g}"
