"""Nodes as Kubernetes sees them: ``kubectl get nodes --output=json``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from seatrial.checks.catalogue import Rule, check
from seatrial.checks.observations import Lines, Source, Unreadable
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, Severity, Verdict, judged
from seatrial.hardware import accelerators, instances

HYPERPOD = "sagemaker.amazonaws.com/"
"""Before HyperPod's labels, taints and annotations. SageMaker HyperPod user guide, 'Resilience-related labels'."""
REPAIRS = {
    "Unschedulable": Severity.ISOLATE,
    "UnschedulablePendingReboot": Severity.REBOOT,
    "UnschedulablePendingReplacement": Severity.ISOLATE,
}
"""Label node-health-status -> what HyperPod does with the node."""
DEVICE_TAINTS = frozenset({"nvidia.com/gpu", "aws.amazon.com/neuron", "vpc.amazonaws.com/efa"})
"""Taints that only keep jobs away that do not ask for the device."""
BAD_TAINTS = ("node.kubernetes.io/", f"{HYPERPOD}node-health-status", "node.cloudprovider.kubernetes.io/uninitialized")
"""How taints begin that the control plane or HyperPod gives to nodes that are not well."""
RESOURCES = {"NVIDIA": "nvidia.com/gpu", "AWS": "aws.amazon.com/neuron"}
"""Vendor of the accelerator -> what its device plugin offers."""


@dataclass(frozen=True, slots=True)
class Node:
    """What decides whether jobs may go onto a node."""

    name: str
    labels: dict[str, str]
    annotations: dict[str, str]
    taints: list[dict[str, str]]
    cordoned: bool
    conditions: dict[str, tuple[str, str]]
    """Type -> status and reason."""
    allocatable: dict[str, str]


def parse(lines: Lines) -> list[Node]:
    """A list, or one node."""
    text = "".join(lines)
    try:
        record = json.loads(text)
    except ValueError as error:
        raise Unreadable(f"JSON of kubectl get nodes: {error}", text[:200]) from None
    kind = record.get("kind") if isinstance(record, dict) else None
    if kind not in ("List", "NodeList", "Node"):
        raise Unreadable("kind List or Node", text[:200])
    items = [record] if kind == "Node" else record.get("items")
    if not isinstance(items, list) or not items:
        raise Unreadable("items, at least one node", text[:200])
    return [_node(item) for item in items]


def _node(item: Any) -> Node:
    try:
        meta, spec, status = item["metadata"], item["spec"], item["status"]
        return Node(
            name=meta["name"],
            labels=dict(meta.get("labels", {})),
            annotations=dict(meta.get("annotations", {})),
            taints=[{str(key): str(value) for key, value in taint.items()} for taint in spec.get("taints", [])],
            cordoned=bool(spec.get("unschedulable", False)),
            conditions={c["type"]: (c["status"], c.get("reason", "")) for c in status["conditions"]},
            allocatable=dict(status["allocatable"]),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise Unreadable(f"a node with metadata, spec and status ({error!r})", json.dumps(item)) from None


NODES = Source(
    kind="kube-nodes",
    title="Kubernetes' nodes: kubectl get nodes --output=json",
    part="node",
    level="quick",
    parse=parse,
    package="kubectl",
    ends=False,
)


def example(**changes: Any) -> str:
    """A healthy node of HyperPod, but for `changes`: labels and conditions beside its own, other fields instead."""
    labels = {"node.kubernetes.io/instance-type": "ml.p5.48xlarge", f"{HYPERPOD}node-health-status": "Schedulable"}
    conditions = {"Ready": "True", "MemoryPressure": "False"} | changes.pop("conditions", {})
    spec = {name: changes.pop(name) for name in ("taints", "unschedulable") if name in changes}
    meta = {"name": "ip-10-0-0-1", "labels": labels | changes.pop("labels", {})}
    status = {
        "conditions": [{"type": kind, "status": value, "reason": "Told"} for kind, value in conditions.items()],
        "allocatable": {"nvidia.com/gpu": "8", "vpc.amazonaws.com/efa": "32"} | changes,
    }
    node = {"kind": "Node", "metadata": meta, "spec": spec, "status": status}
    return json.dumps({"kind": "List", "items": [node]}) + "\n"


@check(
    "kube.node-ready",
    NODES,
    scope="cluster",
    severity=Severity.REBOOT,
    expected="Ready, and no condition that tells of trouble",
    why="Pods on a node that is not ready are lost, or never start.",
    remedy="kubectl describe node tells why; reboot, or let the node's agent replace it",
    cites="Kubernetes, 'Node Status'; AWS eks-node-monitoring-agent; HyperPod user guide, node conditions",
    good=example(),
    bad=example(conditions={"Ready": "False"}),
)
def ready(rule: Rule, seen: list[Node], profile: Profile) -> Iterator[Finding]:
    for node in seen:
        scope = {"node": node.name}
        # Those of kubelet and of AWS's agents that end in "Ready" should be True, and faults have a name of their own.
        right = {kind: "True" if kind.endswith("Ready") else "False" for kind in node.conditions}
        wrong = {kind: value for kind, value in node.conditions.items() if value[0] != right[kind]}
        for kind, (status, reason) in wrong.items():
            verdict = Verdict.FAIL if status in ("True", "False") else Verdict.UNKNOWN
            yield rule.finding(verdict, f"{kind}={status}: {reason}", scope=scope)
        if "Ready" not in node.conditions:
            yield rule.finding(Verdict.UNKNOWN, "says nothing about Ready", scope=scope)
        elif not wrong:
            yield rule.finding(Verdict.PASS, f"Ready, and {len(node.conditions) - 1} conditions more", scope=scope)


@check(
    "kube.node-schedulable",
    NODES,
    scope="cluster",
    severity=Severity.MONITOR,
    verdicts=(Verdict.PASS, Verdict.WARN, Verdict.FAIL),
    expected="neither cordoned nor tainted, but for taints that go with a device",
    why="Jobs wait for a node that nobody remembers having taken out.",
    remedy="find out who set it, and why; then kubectl uncordon, or kubectl taint nodes NODE KEY-",
    cites="Kubernetes, 'Taints and Tolerations'; HyperPod user guide, 'Resilience-related labels'",
    good=example(),
    bad=example(unschedulable=True),
)
def schedulable(rule: Rule, seen: list[Node], profile: Profile) -> Iterator[Finding]:
    for node in seen:
        scope = {"node": node.name}
        bad = [taint.get("key", "?") for taint in node.taints if taint.get("key", "").startswith(BAD_TAINTS)]
        bad = [key for key in bad if not (node.cordoned and key == "node.kubernetes.io/unschedulable")]
        own = [taint.get("key", "?") for taint in node.taints if taint.get("key") not in DEVICE_TAINTS]
        if bad:
            yield rule.finding(Verdict.FAIL, f"tainted {', '.join(bad)}", scope=scope)
        elif node.cordoned:
            yield rule.finding(Verdict.WARN, "cordoned", scope=scope)
        elif own:
            yield rule.finding(Verdict.WARN, f"tainted {', '.join(own)}", scope=scope)
        else:
            yield rule.finding(Verdict.PASS, "takes pods", scope=scope)


@check(
    "kube.node-devices",
    NODES,
    scope="cluster",
    severity=Severity.REBOOT,
    verdicts=(Verdict.PASS, Verdict.FAIL),
    expected="as many GPUs or Neuron devices, and EFA interfaces, as its instance type has",
    why="A pod that asks for all devices of a node never starts where one is missing.",
    remedy="look at the device plugin's pod on the node; if it runs, look at the node: seatrial check node",
    cites="EC2 DescribeInstanceTypes; HyperPod's health agent, which reboots a node with fewer GPUs",
    good=example(),
    bad=example(**{"nvidia.com/gpu": "7"}),
)
def devices(rule: Rule, seen: list[Node], profile: Profile) -> Iterator[Finding]:
    types = {instance.name: instance for instance in instances.INSTANCES}
    for node in seen:
        scope = {"node": node.name}
        label = node.labels.get("node.kubernetes.io/instance-type", "").removeprefix("ml.")
        instance = types.get(label)
        if instance is None:
            yield rule.finding(Verdict.UNKNOWN, f"of type {label or 'none'}, which is not known", scope=scope)
            continue
        wanted = {"vpc.amazonaws.com/efa": instance.efa_interfaces}
        if instance.accelerator:
            wanted[RESOURCES[accelerators.accelerator(instance.accelerator).vendor]] = instance.accelerators
        wanted = {name: number for name, number in wanted.items() if number}
        told = ", ".join(f"{node.allocatable.get(name, 'no')} {name}" for name in wanted)
        expected = ", ".join(f"{number} {name}" for name, number in wanted.items())
        good = all(node.allocatable.get(name) == str(number) for name, number in wanted.items())
        verdict = judged(good) if wanted else Verdict.SKIP
        yield rule.finding(verdict, told or f"a {label} has none", expected=expected, scope=scope)


@check(
    "kube.hyperpod",
    NODES,
    scope="cluster",
    severity=Severity.ISOLATE,
    verdicts=(Verdict.PASS, Verdict.WARN, Verdict.FAIL),
    expected="node-health-status Schedulable, deep-health-check-status Passed where there is one",
    why="HyperPod's agent reboots and replaces nodes by these labels, with the jobs that are on them.",
    remedy="let HyperPod finish; fault-reasons and the annotation fault-details say what it found",
    cites="SageMaker HyperPod user guide, 'Resilience-related Kubernetes labels'",
    good=example(),
    bad=example(labels={f"{HYPERPOD}node-health-status": "UnschedulablePendingReplacement"}),
)
def hyperpod(rule: Rule, seen: list[Node], profile: Profile) -> Iterator[Finding]:
    for node in seen:
        scope = {"node": node.name}
        mine = {key.removeprefix(HYPERPOD): v for key, v in node.labels.items() if key.startswith(HYPERPOD)}
        health, deep = mine.get("node-health-status"), mine.get("deep-health-check-status")
        faults = ", ".join(mine[key] for key in ("fault-types", "fault-reasons") if mine.get(key))
        told = ", ".join(filter(None, [health, deep and f"deep check {deep}", faults]))
        if health is None and deep is None and not faults:
            yield rule.finding(Verdict.SKIP, "has no label of HyperPod", scope=scope)
        elif health in REPAIRS or deep == "Failed":
            asked = REPAIRS.get(health or "", Severity.ISOLATE)
            yield replace(rule, severity=asked).finding(Verdict.FAIL, told, scope=scope)
        elif health != "Schedulable" or deep not in (None, "Passed", "InProgress"):
            yield rule.finding(Verdict.UNKNOWN, told or "no node-health-status", scope=scope)
        else:
            yield rule.finding(Verdict.WARN if faults or deep == "InProgress" else Verdict.PASS, told, scope=scope)
