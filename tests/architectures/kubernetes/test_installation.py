"""Files and commands: in an order that works, pinned, and each for its own cluster."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.architectures._kubernetes import Lustre, charts, installs
from seatrial.architectures._kubernetes.charts import CHARTS, MANIFESTS
from seatrial.architectures._kubernetes.plugins import PLUGINS
from seatrial.launchers.kubernetes.kinds import KINDS
from seatrial.plan import Plan
from tests.architectures.kubernetes.samples import VERSIONS, inside

OPERATORS = {  # in their order: Kueue looks once which kinds there are
    "jobset": ["jobset", "kueue"],
    "trainjob": ["jobset", "kubeflow-trainer", "kueue"],
    "pytorchjob": ["training-operator", "kueue"],
    "mpijob": ["mpi-operator", "kueue"],
    "hyperpodpytorchjob": ["kueue"],  # HyperPod's own add-on
    "job": ["kueue"],
}
KNOWN: dict[str, dict[str, Any]] = {
    "kueue": {
        "controllerManager": {
            "replicas": int,
            "podDisruptionBudget": {"enabled": bool, "minAvailable": int},
            "featureGates": list,
            "nodeSelector": dict,
            "tolerations": list,
        },
        "enablePrometheus": bool,
        "enableCertManager": bool,
    },
    "jobset": {
        "controller": {"replicas": int, "nodeSelector": dict, "tolerations": list},
        "certManager": {"enable": bool},
        "prometheus": {"enable": bool},
    },
    "kubeflow-trainer": {
        "jobset": {"install": bool, "fullnameOverride": str},
        "manager": {"replicas": int, "nodeSelector": dict, "tolerations": list},
        "dataCache": {"enabled": bool},
    },
}
"""Keys of the charts' own values.yaml and their types, as far as they could matter here: charts/kueue of
kubernetes-sigs/kueue at 0324f7c7, charts/jobset of kubernetes-sigs/jobset at 0928ac5e, charts/kubeflow-trainer of
kubeflow/trainer at 008666ed, seen 2026-11."""


def lines(plan: Plan) -> list[str]:
    return [command.shell() for command in plan.commands]


def position(plan: Plan, part: str) -> int:
    [found] = (number for number, line in enumerate(lines(plan)) if part in line)
    return found


def operators(plan: Plan) -> list[str]:
    """What of others is installed, in this order."""
    found = []
    for command in plan.commands:
        if command.argv[:2] == ("sh", "chart.sh"):
            found.append(command.argv[2])
        found += [one.name for one in MANIFESTS if any(one.url in part for part in command.argv)]
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_the_operators_that_the_kind_needs(kind):
    assert operators(installs(inside(kind=kind))) == OPERATORS[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_an_operator_that_has_been_brought_is_left_alone(kind):
    for piece in OPERATORS[kind]:
        left = [name for name in OPERATORS[kind] if name != piece]
        assert operators(installs(inside(kind=kind, brought=frozenset({piece})))) == left


def test_kinds_that_charts_bring_are_waited_for_before_they_are_used():
    plan = installs(inside(kind="trainjob", agent="example.com/seatrial:1"))
    order = [
        "update-kubeconfig", "namespaces.yaml", "chart.sh jobset", "crd/jobsets.", "chart.sh kubeflow-trainer",
        "chart.sh kueue", "crd/clusterqueues.", "queue.yaml", "plugins.yaml", "volume.yaml", "agent.yaml",
        "daemonset/nvidia", "daemonset/seatrial-agent",
    ]  # fmt: skip
    places = [position(plan, part) for part in order]
    assert places == sorted(places)
    for chart in CHARTS:
        wait = lines(plan)[position(plan, f"chart.sh {chart.name}") + 1]
        assert "--for=condition=Established" in wait and all(f"crd/{name}" in wait for name in chart.crds)
    assert KINDS["trainjob"].plural in lines(plan)[position(plan, "crd/trainjobs.")]


@given(st.sampled_from(sorted(KINDS)), st.booleans(), st.booleans(), st.sampled_from([None, "mine"]))
@settings(max_examples=25, deadline=None)
def test_commands_name_their_cluster_and_files_that_are_there(kind, agent, topology, profile):
    what = inside(kind=kind, topology=topology, profile=profile, agent="example.com/a:1" if agent else None)
    plan = installs(what)
    used = set()
    for command in plan.commands:
        program, *arguments = command.argv
        assert program in ("aws", "kubectl", "sh")
        if program == "kubectl":
            assert arguments[:2] == ["--context", "seatrial-eks"]
        if program == "sh":
            assert arguments[-1] == "seatrial-eks"
            used |= {"chart.sh", f"{arguments[1]}.yaml"}
        if program == "aws":
            assert ("--profile" in arguments) is (profile is not None) and "us-west-2" in arguments
        used |= {part.partition("=")[2] for part in arguments if part.startswith("--filename=")}
    assert used == set(plan.files)
    assert installs(what) == plan


@pytest.mark.parametrize(
    ("choices", "programs"),
    [
        ({"kind": "jobset"}, {"helm"}),
        ({"kind": "mpijob"}, {"helm", "git"}),
        ({"kind": "job", "brought": frozenset({"kueue"})}, set()),
    ],
)
def test_programs_that_others_start_are_named(choices, programs):
    commands = installs(inside(**choices)).commands
    assert {name for command in commands for name in command.programs} == programs
    assert all(command.programs for command in commands if command.argv[0] == "sh")


def test_everything_is_pinned_by_its_content_or_says_that_it_is_not():
    for chart in CHARTS:
        assert chart.pin.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", chart.pin.sha256)
        assert re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", chart.pin.version) and chart.pin.source
    for one in MANIFESTS:
        assert (
            one.url.endswith(f"?ref={one.pin.commit}")
            and re.fullmatch(r"[0-9a-f]{40}", one.pin.commit)
            and one.pin.source
        )
    for plugin in PLUGINS:
        assert re.fullmatch(r".+:v?[0-9]+(\.[0-9]+)+", plugin.image.tagged) and plugin.image.source
        assert plugin.image.digest is None or re.fullmatch(r"sha256:[0-9a-f]{64}", plugin.image.digest)


def test_a_chart_without_a_digest_is_handed_over_as_unknown(monkeypatch):
    monkeypatch.setattr(charts, "CHARTS", (replace(charts.KUEUE, pin=replace(charts.KUEUE.pin, sha256=None)),))
    plan = installs(inside(kind="job"))
    assert f" {charts.KUEUE.pin.version} unknown kueue-system " in lines(plan)[position(plan, "chart.sh")]


def test_charts_work_with_every_kubernetes_that_is_offered():
    def number(version: str) -> tuple[int, ...]:
        return tuple(map(int, version.split(".")))

    for chart in CHARTS:
        assert all(number(chart.pin.oldest) <= number(version) for version in VERSIONS)
        assert all(number(version) >= number(chart.pin.oldest) for version in chart.pin.tested)


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)
def test_values_are_keys_that_the_chart_has(chart):
    text = installs(inside(kind="trainjob")).files[f"{chart.name}.yaml"]
    assert yaml.safe_load(text) == chart.values

    def fits(values: Any, known: Any) -> bool:
        if isinstance(known, dict):
            return isinstance(values, dict) and all(key in known and fits(values[key], known[key]) for key in values)
        return type(values) is known

    assert fits(chart.values, KNOWN[chart.name])
    assert not fits({**chart.values, "misspelt": True}, KNOWN[chart.name])


def test_jobset_comes_once():
    """Trainer would bring its own, which nobody has pinned."""
    plan = installs(inside(kind="trainjob"))
    assert yaml.safe_load(plan.files["kubeflow-trainer.yaml"])["jobset"]["install"] is False
    assert operators(plan).count("jobset") == 1


def test_outputs_that_are_not_known_yet_are_text_like_any_other():
    """What is shown before there is a stack has names of outputs in place of values."""
    unknown = Lustre(id="{LustreId}", dns_name="{LustreDnsName}", mount_name="{LustreMountName}", gib=1200)
    plan = installs(inside(cluster="{ClusterName}", lustre=unknown))
    [volume, _] = yaml.safe_load_all(plan.files["volume.yaml"])
    assert volume["spec"]["csi"]["volumeHandle"] == "{LustreId}"
