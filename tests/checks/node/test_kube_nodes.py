"""Kubernetes' nodes: conditions, taints, devices, and HyperPod's labels."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seatrial.checks.judging import judge
from seatrial.checks.node.kube_nodes import example
from seatrial.checks.observations import Observation
from seatrial.checks.profile import NOT_KNOWN
from seatrial.findings import Severity, Verdict, overall
from tests.checks.test_checks import CHECKS

KUBE = [check for check in CHECKS.values() if check.source.kind == "kube-nodes"]
LABEL = "sagemaker.amazonaws.com/"


def verdicts(text: str) -> dict[str, list[Verdict]]:
    findings = judge(KUBE, [Observation(kind="kube-nodes", origin="x", text=text)], NOT_KNOWN)
    return {check.id: [f.verdict for f in findings if f.check == check.id] for check in KUBE}


def judged(rule: str, **changes: object):
    observation = Observation(kind="kube-nodes", origin="x", text=example(**changes))
    [finding] = judge([CHECKS[rule]], [observation], NOT_KNOWN)
    return finding


def test_healthy_as_a_list_and_alone():
    assert set(map(tuple, verdicts(example()).values())) == {(Verdict.PASS,)}
    alone = json.dumps(json.loads(example())["items"][0], indent=4)
    assert verdicts(alone) == verdicts(example())


@pytest.mark.parametrize(
    ("condition", "status", "verdict"),
    [
        ("Ready", "False", Verdict.FAIL),
        ("Ready", "Unknown", Verdict.UNKNOWN),
        ("MemoryPressure", "True", Verdict.FAIL),
        ("AcceleratedHardwareReady", "False", Verdict.FAIL),
        ("AcceleratedHardwareReady", "True", Verdict.PASS),
        ("NvidiaXidError", "True", Verdict.FAIL),
        ("NvidiaXidError", "False", Verdict.PASS),
    ],
)
def test_conditions(condition, status, verdict):
    finding = judged("kube.node-ready", conditions={condition: status})
    assert finding.verdict is verdict
    if verdict is not Verdict.PASS:
        assert finding.observed == f"{condition}={status}: Told"


def taint(key: str) -> dict[str, str]:
    return {"key": key, "effect": "NoSchedule"}


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"taints": [taint("nvidia.com/gpu")]}, Verdict.PASS),
        ({"taints": [taint("team/reserved")]}, Verdict.WARN),
        ({"taints": [taint("node.kubernetes.io/unreachable")]}, Verdict.FAIL),
        ({"taints": [taint(f"{LABEL}node-health-status")]}, Verdict.FAIL),
        ({"unschedulable": True}, Verdict.WARN),
        ({"unschedulable": True, "taints": [taint("node.kubernetes.io/unschedulable")]}, Verdict.WARN),
    ],
)
def test_taints(changes, verdict):
    assert judged("kube.node-schedulable", **changes).verdict is verdict


@pytest.mark.parametrize(
    ("labels", "verdict", "severity"),
    [
        ({"node-health-status": "Unschedulable"}, Verdict.FAIL, Severity.ISOLATE),
        ({"node-health-status": "UnschedulablePendingReboot"}, Verdict.FAIL, Severity.REBOOT),
        ({"node-health-status": "UnschedulablePendingReplacement"}, Verdict.FAIL, Severity.ISOLATE),
        ({"deep-health-check-status": "Failed"}, Verdict.FAIL, Severity.ISOLATE),
        ({"deep-health-check-status": "InProgress"}, Verdict.WARN, Severity.MONITOR),
        ({"deep-health-check-status": "Passed"}, Verdict.PASS, Severity.NONE),
        ({"fault-types": "NvidiaErrorReboot"}, Verdict.WARN, Severity.MONITOR),
        ({"node-health-status": "Sleepy"}, Verdict.UNKNOWN, Severity.MONITOR),
    ],
)
def test_labels_of_hyperpod(labels, verdict, severity):
    finding = judged("kube.hyperpod", labels={f"{LABEL}{key}": value for key, value in labels.items()})
    assert (finding.verdict, finding.severity) == (verdict, severity)


def test_devices_are_compared_with_the_instance_type():
    assert judged("kube.node-devices", **{"nvidia.com/gpu": "7"}).verdict is Verdict.FAIL
    other = {"node.kubernetes.io/instance-type": "x99.metal"}
    assert judged("kube.node-devices", labels=other).verdict is Verdict.UNKNOWN
    none = {"node.kubernetes.io/instance-type": "m5.2xlarge"}
    assert judged("kube.node-devices", labels=none).verdict is Verdict.SKIP


def test_half_of_it_is_no_pass():
    text = json.dumps(json.loads(example()), indent=4)
    for end in range(len(text) - 1):
        assert set(map(tuple, verdicts(text[:end]).values())) == {(Verdict.UNKNOWN,)}
    node = json.loads(example())["items"][0]
    for path in (("status", "conditions"), ("status", "allocatable"), ("metadata", "name"), ("metadata",), ("spec",)):
        torn = json.loads(json.dumps(node))
        place = torn
        for key in path[:-1]:
            place = place[key]
        del place[path[-1]]
        assert Verdict.PASS not in {v for vs in verdicts(json.dumps(torn)).values() for v in vs}, path
    del node["status"]["conditions"][0]
    assert verdicts(json.dumps(node))["kube.node-ready"] == [Verdict.UNKNOWN]


def test_from_a_file(tmp_path: Path):
    (tmp_path / "nodes.json").write_text(example())
    observation = Observation(kind="kube-nodes", origin="x", path=tmp_path / "nodes.json", foreign=True)
    assert overall(judge(KUBE, [observation], NOT_KNOWN)) is Verdict.PASS
