"""The agent's logic against a real API server: tainted, labelled, and so until a check of the same level passes.

The nodes are objects of the API alone, and what each would say of itself is what was recorded. The agent is the command
of its own manifest, with the rights of its own service account.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from seatrial.checks.quarantine import Mark
from seatrial.cluster import Cluster
from seatrial.findings import Severity
from seatrial.launchers import kubernetes
from seatrial.launchers.kubernetes.client import Api, Refused
from seatrial.launchers.kubernetes.guard import GUARD, HYPERPOD, LABELLED, NODES, QUARANTINE
from seatrial.launchers.kubernetes.hooks import AGENT, INTERVAL_SECONDS, hooks
from tests.checks.healthy import FAULTS, make_healthy, make_sick
from tests.trials.kubernetes.server import ApiServer
from tests.waiting import poll

pytestmark = pytest.mark.external
SOURCE = Path(__file__).parents[3] / "src"
NAMES = ("ip-1", "ip-2", "ip-3", "ip-4")
OTHERS = {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}
INTERPRETER = """\
#!/bin/sh
# The Python of the nodes: what a check observes there is what was recorded for each.
PYTHONPATH={source} {python} "$@" --from {nodes}/"$NODE_NAME"
code=$?
echo "$code" >>{nodes}/"$NODE_NAME".looks
exit $code
"""
LOOK_SECONDS = 90
"""A check imports its rules and judges forty observations, on a machine that may have other things to do."""


class Guarded:
    """Four nodes, and what each would say of itself."""

    def __init__(self, folder: Path, server: ApiServer, repair: str) -> None:
        self.nodes, self.api = folder / "nodes", Api(kubernetes.Options())
        python = folder / "python"
        python.write_text(INTERPRETER.format(source=SOURCE, python=sys.executable, nodes=self.nodes))
        python.chmod(0o755)
        self.cluster = Cluster(
            name="eks",
            launcher="kubernetes",
            nodes=len(NAMES),
            cpus_per_node=192,
            instance_type="p5.48xlarge",
            python=str(python),
            image="example.com/seatrial:1",
            options=kubernetes.Options(hyperpod=True, hyperpod_repair=repair),  # type: ignore[arg-type]
        )
        self.apply(hooks(self.cluster).files["agent.yaml"])
        self.kubeconfig = server.as_user(self.token(), "agent")
        for name in NAMES:
            meta = {"name": name, "labels": {HYPERPOD: "Schedulable"}}
            self.api.create(NODES, {"apiVersion": "v1", "kind": "Node", "metadata": meta, "spec": {"taints": [OTHERS]}})
            make_healthy(self.nodes / name)

    def apply(self, text: str) -> None:
        """As kubectl apply does of what is not there. The last document is the agent."""
        for thing in yaml.safe_load_all(text):
            group = "/api/v1" if thing["apiVersion"] == "v1" else f"/apis/{thing['apiVersion']}"
            within = f"/namespaces/{thing['metadata']['namespace']}" if "namespace" in thing["metadata"] else ""
            path = f"{group}{within}/{thing['kind'].lower()}s"
            if not self.api.exists(f"{path}/{thing['metadata']['name']}"):
                self.api.create(path, thing)
        [container] = thing["spec"]["template"]["spec"]["containers"]
        often = [word.replace(f"sleep {INTERVAL_SECONDS} ", "sleep 1 ") for word in container["command"]]
        assert often != container["command"]
        self.command: list[str] = often
        self.env = {entry["name"]: entry["value"] for entry in container["env"] if "value" in entry}

    def token(self) -> str:
        """Of the agent's service account."""
        path = f"/api/v1/namespaces/default/serviceaccounts/{AGENT}/token"
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": []}}
        return str(self.api.create(path, request)["status"]["token"])

    def node(self, name: str) -> dict[str, Any]:
        return self.api.get(f"{NODES}/{name}")

    def mark(self, name: str) -> Mark | None:
        return Mark.of(GUARD.reason(name, self.cluster))

    def ours(self, name: str) -> list[str]:
        """Values of our taint."""
        return [taint["value"] for taint in self.node(name)["spec"]["taints"] if taint["key"] == QUARANTINE]

    def health(self, name: str) -> str:
        """As HyperPod's label says."""
        return str(self.node(name)["metadata"]["labels"][HYPERPOD])

    def check(self, name: str, level: str) -> int:
        """As the Job with a deep check does. Returns the exit code."""
        words = [self.cluster.python, "-m", "seatrial", "check", "node", "--level", level, "--guard", "kubernetes"]
        done = subprocess.run(
            [*words, "--instance", "p5.48xlarge"],
            env=self.environ(name),
            capture_output=True,
            text=True,
            timeout=LOOK_SECONDS,
        )
        print(done.stdout[-2000:], done.stderr)  # for whoever sees a test fail
        return done.returncode

    def environ(self, name: str) -> dict[str, str]:
        return {**os.environ, **self.env, "NODE_NAME": name, "KUBECONFIG": str(self.kubeconfig)}

    def looks(self, name: str) -> int:
        """Checks on a node that have ended."""
        path = self.nodes / f"{name}.looks"
        return len(path.read_text().splitlines()) if path.exists() else 0


class Agent:
    """The agent's container on one node, from entering to leaving: then it is ended as a kubelet ends it."""

    def __init__(self, guarded: Guarded, name: str) -> None:
        self.guarded, self.name = guarded, name

    def __enter__(self) -> Agent:
        self.before = self.guarded.looks(self.name)
        environ = self.guarded.environ(self.name)
        self.process = subprocess.Popen(self.guarded.command, env=environ, start_new_session=True)
        return self

    def wait_for_looks(self, count: int) -> None:
        """Since it was started."""
        poll(lambda: self.guarded.looks(self.name) >= self.before + count, count * LOOK_SECONDS, "the agent looks")

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(LOOK_SECONDS)
        finally:
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)


@pytest.fixture
def guarded(
    request: pytest.FixtureRequest, server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Guarded]:
    """On our own server: the nodes of somebody's cluster are no place to try a quarantine out."""
    monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig))
    made = Guarded(tmp_path, server, getattr(request, "param", "none"))
    yield made
    daemon = f"/apis/apps/v1/namespaces/default/daemonsets/{AGENT}"  # its command is the next one's own
    for path in (*(f"{NODES}/{name}" for name in NAMES), daemon):
        made.api._json("DELETE", path, body={"propagationPolicy": "Background"})  # no controller collects what is left


def test_the_agent_taints_a_sick_node_and_no_restart_of_it_lifts_that(guarded: Guarded) -> None:
    make_sick(guarded.nodes / "ip-1")
    with Agent(guarded, "ip-1") as agent:
        poll(lambda: guarded.ours("ip-1") != [], LOOK_SECONDS, "it is tainted")
        mark = guarded.mark("ip-1")
        assert mark is not None and mark.level == "deep" and mark.check in FAULTS
        assert guarded.ours("ip-1") == [mark.check]
        assert guarded.health("ip-1") == "Unschedulable", "nobody has allowed more"
        make_healthy(guarded.nodes / "ip-1")
        agent.wait_for_looks(3)
    assert agent.process.returncode == 0
    with Agent(guarded, "ip-1") as agent:
        agent.wait_for_looks(2)
    assert guarded.mark("ip-1") == mark, "neither a quick check nor another agent"
    assert guarded.check("ip-1", "full") == 1 and guarded.mark("ip-1") == mark
    assert guarded.check("ip-1", "deep") == 0
    node = guarded.node("ip-1")
    assert guarded.ours("ip-1") == [] and OTHERS in node["spec"]["taints"]
    assert not {QUARANTINE, LABELLED} & node["metadata"].get("annotations", {}).keys()
    assert guarded.health("ip-1") == "Schedulable"


def test_no_more_than_a_share_of_the_cluster_is_tainted(guarded: Guarded) -> None:
    for name in ("ip-1", "ip-2"):
        make_sick(guarded.nodes / name)
    assert guarded.check("ip-1", "quick") == 1
    assert guarded.check("ip-2", "quick") == 0, "a tenth, and at least one: it is told, and no job is kept away"
    assert [bool(guarded.ours(name)) for name in NAMES] == [True, False, False, False]
    GUARD.release("ip-1", guarded.cluster)
    assert guarded.check("ip-2", "quick") == 1 and guarded.ours("ip-2")


def test_what_others_keep_away_is_theirs(guarded: Guarded) -> None:
    guarded.api.merge(f"{NODES}/ip-1", {"spec": {"unschedulable": True}})
    guarded.api.merge(f"{NODES}/ip-2", {"metadata": {"labels": {HYPERPOD: "UnschedulablePendingReplacement"}}})
    for name in ("ip-1", "ip-2"):
        make_sick(guarded.nodes / name)
        assert guarded.check(name, "deep") == 0
        assert guarded.ours(name) == [] and guarded.mark(name) is None
    assert guarded.health("ip-2") == "UnschedulablePendingReplacement"


@pytest.mark.parametrize("guarded", ["replace"], indirect=True)
def test_hyperpod_is_asked_for_what_its_cluster_allows(guarded: Guarded) -> None:
    make_sick(guarded.nodes / "ip-3")
    assert guarded.check("ip-3", "quick") == 1
    asked = guarded.health("ip-3")
    assert asked in ("UnschedulablePendingReboot", "UnschedulablePendingReplacement")
    guarded.api.merge(f"{NODES}/ip-3", {"metadata": {"labels": {HYPERPOD: "Unschedulable"}}})  # HyperPod goes on
    GUARD.release("ip-3", replace(guarded.cluster, options=kubernetes.Options()))
    assert guarded.health("ip-3") == "Unschedulable" and guarded.ours("ip-3") == []


def test_what_somebody_writes_meanwhile_is_not_lost(guarded: Guarded) -> None:
    """Two who change one node at once: the API server refuses one of them, who then looks again."""
    rounds, done = 20, threading.Event()

    def write() -> None:
        for number in range(1000):
            if done.is_set():
                return
            taint = {"key": "example.com/round", "value": str(number), "effect": "PreferNoSchedule"}
            found = guarded.node("ip-4")
            kept = [one for one in found["spec"]["taints"] if one["key"] != taint["key"]]
            version = {"resourceVersion": found["metadata"]["resourceVersion"]}
            try:
                guarded.api.merge(f"{NODES}/ip-4", {"metadata": version, "spec": {"taints": [*kept, taint]}})
            except Refused as error:
                assert error.status == 409

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(rounds):
            try:
                GUARD.quarantine("ip-4", guarded.cluster, f"seatrial/deep x.y: {number}", Severity.ISOLATE)
            except Refused as error:  # it tries five times, against one who never stops
                assert error.status == 409
    finally:
        done.set()
        writer.join()
    GUARD.quarantine("ip-4", guarded.cluster, "seatrial/deep x.y: last", Severity.ISOLATE)
    keys = [taint["key"] for taint in guarded.node("ip-4")["spec"]["taints"]]
    assert keys.count(QUARANTINE) == 1 and {OTHERS["key"], "example.com/round"} <= {*keys}
    assert guarded.mark("ip-4") == Mark("deep", "x.y", "last")


def test_the_agents_rights_are_those_and_no_more(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(guarded.kubeconfig))
    agent = Api(kubernetes.Options())
    assert len(agent.items(NODES)) == len(NAMES)
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"x-{uuid.uuid4()}"}}
    for forbidden in (
        lambda: agent.delete(f"{NODES}/ip-1"),
        lambda: agent.items("/api/v1/namespaces/default/secrets"),
        lambda: agent.create("/api/v1/namespaces/default/configmaps", config),
    ):
        with pytest.raises(Refused) as refused:
            forbidden()
        assert refused.value.status == 403
