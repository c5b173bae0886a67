"""Nodes that are quarantined in Kubernetes, against a stand-in for its API server."""

from __future__ import annotations

import pytest

from seatrial import guarding
from seatrial.checks.quarantine import Mark
from seatrial.errors import UserError
from seatrial.findings import Severity
from seatrial.launchers.kubernetes.guard import GUARD, HYPERPOD, LABELLED, QUARANTINE
from seatrial.launchers.kubernetes.options import Options, check_options
from tests.launchers.kubernetes import samples
from tests.launchers.kubernetes.fake_api import FakeApi

NODES = "/api/v1/nodes"
MARK = Mark("deep", "kernel.xid", "Xid 79 on 0000:0f:00")
OTHERS = {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}


@pytest.fixture
def api(tmp_path, monkeypatch):
    fake = FakeApi()
    monkeypatch.setenv("KUBECONFIG", str(fake.kubeconfig(tmp_path)))
    fake.add(f"{NODES}/ip-1", {"metadata": {"labels": {HYPERPOD: "Schedulable"}}, "spec": {"taints": [OTHERS]}})
    fake.add(f"{NODES}/ip-2", {"metadata": {}, "spec": {}})
    yield fake
    fake.close()


def test_a_quarantined_node_is_tainted_and_keeps_what_others_wrote(api):
    where = samples.cluster()
    assert GUARD.reasons(where) == {"ip-1": "", "ip-2": ""}
    GUARD.quarantine("ip-1", where, str(MARK), Severity.ISOLATE)
    node = api.objects[f"{NODES}/ip-1"]
    assert node["spec"]["taints"] == [OTHERS, {"key": QUARANTINE, "value": "kernel.xid", "effect": "NoSchedule"}]
    assert node["metadata"]["labels"] == {HYPERPOD: "Schedulable"}, "HyperPod's label is its agent's elsewhere"
    assert Mark.of(GUARD.reason("ip-1", where)) == MARK
    GUARD.quarantine("ip-1", where, str(MARK), Severity.ISOLATE)  # twice is once
    assert len(node["spec"]["taints"]) == 2
    GUARD.release("ip-1", where)
    assert node["spec"]["taints"] == [OTHERS]
    assert GUARD.reasons(where) == {"ip-1": "", "ip-2": ""}


@pytest.mark.parametrize(
    ("repair", "severity", "label"),
    [
        ("none", Severity.ISOLATE, "Unschedulable"),
        ("none", Severity.REBOOT, "Unschedulable"),
        ("reboot", Severity.RESET, "Unschedulable"),
        ("reboot", Severity.REBOOT, "UnschedulablePendingReboot"),
        ("reboot", Severity.ISOLATE, "Unschedulable"),
        ("replace", Severity.REBOOT, "UnschedulablePendingReboot"),
        ("replace", Severity.ISOLATE, "UnschedulablePendingReplacement"),
        ("replace", Severity.RESET, "Unschedulable"),
    ],
)
def test_on_hyperpod_its_own_label_says_so_too_and_asks_for_what_is_allowed(api, repair, severity, label):
    where = samples.cluster(options={"hyperpod": True, "hyperpod_repair": repair})
    GUARD.quarantine("ip-1", where, str(MARK), severity)
    meta = api.objects[f"{NODES}/ip-1"]["metadata"]
    assert meta["labels"][HYPERPOD] == meta["annotations"][LABELLED] == label
    GUARD.release("ip-1", samples.cluster())  # whatever the options say by then
    assert meta["labels"] == {HYPERPOD: "Schedulable"} and meta["annotations"] == {}


def test_unless_somebody_says_so_no_machine_is_replaced():
    assert Options(hyperpod=True).hyperpod_repair == "none"
    [problem] = check_options(Options(hyperpod_repair="replace"))
    assert problem.where == "hyperpod_repair" and "hyperpod = true" in problem.remedy


def test_a_graver_finding_asks_for_more(api):
    where = samples.cluster(options={"hyperpod": True, "hyperpod_repair": "replace"})
    GUARD.quarantine("ip-1", where, str(MARK), Severity.REBOOT)
    GUARD.quarantine("ip-1", where, str(MARK), Severity.ISOLATE)
    meta = api.objects[f"{NODES}/ip-1"]["metadata"]
    assert meta["labels"][HYPERPOD] == meta["annotations"][LABELLED] == "UnschedulablePendingReplacement"


@pytest.mark.parametrize("theirs", ["UnschedulablePendingReplacement", "UnschedulablePendingReboot", "Unschedulable"])
def test_what_hyperpod_has_found_is_neither_overwritten_nor_taken_back(api, theirs):
    where = samples.cluster(options={"hyperpod": True, "hyperpod_repair": "reboot"})
    meta = api.objects[f"{NODES}/ip-1"]["metadata"]
    meta["labels"][HYPERPOD] = theirs
    GUARD.quarantine("ip-1", where, str(MARK), Severity.REBOOT)
    assert meta["labels"][HYPERPOD] == theirs and LABELLED not in meta["annotations"]
    GUARD.release("ip-1", where)
    assert meta["labels"][HYPERPOD] == theirs
    meta["labels"][HYPERPOD] = "Schedulable"
    GUARD.quarantine("ip-1", where, str(MARK), Severity.ISOLATE)
    meta["labels"][HYPERPOD] = "UnschedulablePendingReplacement"  # meanwhile its own agent has looked
    GUARD.release("ip-1", where)
    assert meta["labels"][HYPERPOD] == "UnschedulablePendingReplacement" and meta["annotations"] == {}


def test_a_node_that_hyperpod_has_not_labelled_gets_no_label(api):
    GUARD.quarantine("ip-2", samples.cluster(options={"hyperpod": True}), str(MARK), Severity.ISOLATE)
    assert HYPERPOD not in api.objects[f"{NODES}/ip-2"]["metadata"].get("labels", {})


def test_what_hyperpod_or_an_operator_keeps_away_is_theirs(api):
    where = samples.cluster()
    api.objects[f"{NODES}/ip-1"]["metadata"]["labels"][HYPERPOD] = "UnschedulablePendingReplacement"
    api.objects[f"{NODES}/ip-2"]["spec"]["unschedulable"] = True
    reasons = GUARD.reasons(where)
    assert reasons == {"ip-1": "HyperPod calls it UnschedulablePendingReplacement", "ip-2": "cordoned"}
    assert not any(Mark.of(reason) for reason in reasons.values())


def test_what_somebody_changes_meanwhile_is_not_lost(api):
    """The first change is refused, since the node is another than the one that was read."""
    api.conflicts = 1
    api.when_conflicting = lambda: api.objects[f"{NODES}/ip-2"]["spec"].update(taints=[OTHERS])
    GUARD.quarantine("ip-2", samples.cluster(), str(MARK), Severity.ISOLATE)
    assert [taint["key"] for taint in api.objects[f"{NODES}/ip-2"]["spec"]["taints"]] == ["nvidia.com/gpu", QUARANTINE]
    api.conflicts = 99
    with pytest.raises(UserError, match="modified"):
        GUARD.release("ip-2", samples.cluster())


def test_a_node_that_is_not_there_is_told(api):
    with pytest.raises(UserError, match="there is no node ip-9"):
        GUARD.reason("ip-9", samples.cluster())


def test_a_check_in_a_pod_knows_its_node_and_reaches_the_api_by_its_service_account(api, monkeypatch):
    monkeypatch.setenv("NODE_NAME", "ip-1")
    assert GUARD.here() == "ip-1"
    assert guarding.on_node("kubernetes").options.context is None
    monkeypatch.setenv("SEATRIAL_HYPERPOD", "1")
    assert guarding.on_node("kubernetes").options == Options(hyperpod=True)
    monkeypatch.setenv("SEATRIAL_HYPERPOD_REPAIR", "reboot")
    assert guarding.on_node("kubernetes").options.hyperpod_repair == "reboot"
    monkeypatch.setenv("SEATRIAL_HYPERPOD_REPAIR", "everything")
    assert guarding.on_node("kubernetes").options.hyperpod_repair == "none"
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.100.0.1")
    monkeypatch.setenv("KUBECONFIG", "/no/such/file")
    with pytest.raises(UserError, match=r"no usable kubeconfig: .*[Ss]ervice"):
        GUARD.reasons(guarding.on_node("kubernetes"))
