"""The table of rules: whole, named as the catalogue names things, and changed only where it may be."""

from __future__ import annotations

import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from seatrial.checks.node.xid_table import XIDS
from seatrial.errors import UserError
from seatrial.observe.dashboards import DASHBOARDS
from seatrial.observe.rules import ALERTS, FILE, MOST, SEVERITIES, TOPICS, Alert, Rules, dump, settings
from seatrial.observe.rules.topics.gpu import HARDWARE, TOPIC

EVERY = [*ALERTS.values(), *Rules(jobs=("dcgm",)).alerts("exporters")[-1:]]
ASKED_FOR = [
    "TrainingHang",
    "TrainingRankLost",
    "TrainingStraggler",
    "TrainingSlower",
    "TrainingLossNonFinite",
    "TrainingLossSpike",
    "TrainingDataStarved",
    "GpuXid",
    "GpuRowRemapFailure",
    "GpuEccDoubleBit",
    "GpuThermalThrottle",
    "GpuPowerBrake",
    "GpuIdleWhileJobRuns",
    "GpuMissing",
    "GpuNvlinkErrors",
    "GpuPcieReplays",
    "EfaRetransmitTimeouts",
    "EfaReceiveDrops",
    "EfaDeviceMissing",
    "EfaSilentTcpFallback",
    "EfaImbalance",
    "NodeFilesystemFilling",
    "NodeClockSkew",
    "SlurmNodeDrained",
    "SlurmNodeDown",
    "ExporterDown",
    "ExporterAbsent",
    "SharedFilesystemLow",
]


def test_what_was_asked_for_is_there() -> None:
    assert not set(ASKED_FOR) - {alert.name for alert in EVERY}


@pytest.mark.parametrize("alert", EVERY, ids=lambda alert: alert.name)
def test_an_alert_says_everything(alert: Alert) -> None:
    assert re.fullmatch(r"[A-Z][A-Za-z]+", alert.name) and alert.severity in SEVERITIES
    assert alert.dashboard in DASHBOARDS and alert.says and alert.fires.strip() and alert.quiet.strip()
    assert len(alert.runbook) > 60 and alert.runbook.endswith(".") and "{{" not in alert.runbook
    assert alert.source and not alert.source.endswith(".")
    assert set(re.findall(r"\$(\w+)", alert.expr)) == set(alert.values)


def test_names_are_there_once() -> None:
    names = [alert.name for topic in TOPICS.values() for alert in topic.alerts]
    names += [one.name for topic in TOPICS.values() for one in topic.recordings]
    assert len(names) == len(set(names))
    for topic in TOPICS.values():
        assert all(re.fullmatch(r"[a-z]+:\w+(:\w+)?", one.name) and one.help.endswith(".") for one in topic.recordings)


def test_a_recording_rule_stands_before_what_needs_it() -> None:
    for topic in TOPICS.values():
        seen: set[str] = set()
        mine = {one.name for one in topic.recordings}
        for one in topic.recordings:
            assert {name for name in mine if name in one.expr} <= seen
            seen.add(one.name)


def test_groups_are_no_larger_than_managed_prometheus_takes() -> None:
    [groups] = Rules(jobs=("seatrial", "dcgm", "node")).files().values()
    assert all(0 < len(group["rules"]) <= MOST for group in groups)
    assert len({group["name"] for group in groups}) == len(groups)
    assert sum(len(group["rules"]) for group in groups) == len(ALERTS) + 1 + sum(
        len(topic.recordings) for topic in TOPICS.values()
    )


def test_xids_of_hardware_are_not_those_of_applications() -> None:
    assert {48, 64, 74, 79, 95, 119, 140, 154} <= set(HARDWARE) <= set(XIDS)
    assert not {13, 31, 43, 45, 63, 94} & set(HARDWARE)


def test_one_name_is_recorded_for_all_names_of_a_metric() -> None:
    [replays] = [one.expr for one in TOPIC.recordings if one.name == "gpu:DCGM_FI_DEV_PCIE_REPLAY_COUNTER"]
    for name in ("DCGM_FI_DEV_PCIE_REPLAY_COUNTER_total{", '"Hostname"', '"hostname"', '"uuid"', '"gpu_uuid"'):
        assert name in replays
    [temperature] = [one.expr for one in TOPIC.recordings if one.name == "gpu:DCGM_FI_DEV_GPU_TEMP"]
    assert "_total" not in temperature, "a gauge has no such name"


def test_thresholds_and_durations_can_be_changed() -> None:
    changed = settings(["TrainingStraggler.ratio=1.5", "TrainingStraggler.for=30s", "GpuMissing.expected=8"])
    [groups] = Rules(changed=changed).files().values()
    rules = {rule.get("alert"): rule for group in groups for rule in group["rules"]}
    assert "> 1.5 and" in rules["TrainingStraggler"]["expr"] and rules["TrainingStraggler"]["for"] == "30s"
    assert rules["GpuMissing"]["expr"].endswith("[1d]), 8)") and rules["GpuMissing"]["for"] == "5m"


def test_every_wrong_setting_is_told_at_once() -> None:
    with pytest.raises(UserError) as caught:
        settings(
            ["TrainingStragler.ratio=2", "TrainingHang.factr=2", "TrainingHang.for=soon", "TrainingHang.least=x", ""]
        )
    told = [str(problem) for problem in caught.value.problems]
    assert "did you mean TrainingStraggler" in told[0] and "did you mean factor" in told[1]
    assert "its default is 1m" in told[2] and "its default is 60" in told[3] and len(told) == 5


@given(st.text())
def test_any_setting_is_taken_or_refused(text: str) -> None:
    try:
        changed = settings([f"TrainingHang.factor={text}"])
    except UserError:
        return
    assert float(changed["TrainingHang"]["factor"]) == float(text)


OWN = """
groups:
- name: mine
  rules:
  - record: run:mine
    expr: max by (run_id) (train_loss)
  - alert: Mine
    expr: run:mine > 3
    annotations: {summary: "run {{ $labels.run_id }}"}
"""


def test_rules_of_the_user_go_with_ours() -> None:
    wrapped = dump({"kind": "PrometheusRule", "spec": yaml.safe_load(OWN.replace("run:mine", "run:other"))})
    files = Rules(more={"mine.yml": OWN, "wrapped.yml": wrapped}).files()
    assert [*files] == [FILE, "mine.yml", "wrapped.yml"]
    assert files["mine.yml"] == yaml.safe_load(OWN)["groups"] and files["wrapped.yml"][0]["name"] == "mine"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (OWN.replace("train_loss", "train_los"), "did you mean train_loss"),
        (OWN.replace("> 3", "> on (rank) vector(3)"), "has no label 'rank'"),
        (OWN.replace("labels.run_id", "labels.rank"), "names a label 'rank'"),
        (OWN.replace("run:mine > 3", "run:mine >"), "is no PromQL"),
        ("groups: [{name: x", "is no YAML"),
        ("panels: []", "is no file of rules"),
        ("groups: [{name: x}]", "is no file of rules"),
        ("", "is no file of rules"),
    ],
)
def test_rules_of_the_user_that_cannot_work_are_refused(text: str, says: str) -> None:
    with pytest.raises(UserError) as caught:
        Rules(more={"mine.yml": text}).files()
    assert says in str(caught.value) and "mine.yml" in str(caught.value)


def test_links_lead_to_the_runbook_and_to_the_dashboard_of_what_it_is_about() -> None:
    rules = Rules(runbooks="https://docs.example.com/alerts", grafana="https://grafana.example.com/")
    told = rules.rule(ALERTS["TrainingStraggler"])["annotations"]
    assert told["runbook_url"] == "https://docs.example.com/alerts#trainingstraggler"
    assert told["dashboard_url"].startswith("https://grafana.example.com/d/seatrial-ranks?var-run={{ $labels.run_id")
    assert Rules().rule(ALERTS["GpuXid"])["annotations"]["dashboard_url"].startswith("/d/seatrial-gpu?var-node=")
