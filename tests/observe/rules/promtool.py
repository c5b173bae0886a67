"""The examples of alerts as unit tests of promtool: each fires, stays quiet, and resolves."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from seatrial.observe.rules import TOPICS, Alert, Rules, dump
from seatrial.observe.rules.rule import FIRES_AT, RESOLVED_AT

MINUTES = ("0m", "30m", "60m", f"{FIRES_AT}m", "100m", "120m", f"{RESOLVED_AT}m")
"""When an alert that stays quiet is looked at."""


def write(rules: Rules, alert: Alert, folder: Path) -> Path:
    """A test file of promtool in `folder`, beside the alert with the recording rules that it needs.

    The other rules are left out: promtool evaluates all of a file for each example, which takes minutes.
    """
    group = {"name": alert.name, "rules": [*_needed(alert.promql()), rules.rule(alert)]}
    rule_file, test_file = folder / f"{alert.name}.rules.yml", folder / f"{alert.name}.test.yml"
    rule_file.write_text(dump({"groups": [group]}))
    tests = [_fires(rules, alert), _quiet(alert)]
    test_file.write_text(dump({"rule_files": [rule_file.name], "evaluation_interval": "1m", "tests": tests}))
    return test_file


def _needed(promql: str) -> list[dict[str, str]]:
    """The recording rules that an expression names, those that they name first."""
    found: dict[str, dict[str, str]] = {}
    for topic in TOPICS.values():
        for one in topic.recordings:
            if one.name in promql:
                found |= {rule["record"]: rule for rule in _needed(one.expr)}
                found[one.name] = {"record": one.name, "expr": one.expr}
    return [*found.values()]


def _fires(rules: Rules, alert: Alert) -> dict[str, Any]:
    labels = dict(re.findall(r'(\w+)="([^"]*)"', alert.labels))
    told = rules.rule(alert)
    annotations = {name: _filled(text, labels) for name, text in told["annotations"].items()}
    expected = {"exp_labels": {**told["labels"], **labels}, "exp_annotations": {**annotations, "summary": alert.says}}
    return {
        "name": f"{alert.name} fires and resolves",
        "interval": "1m",
        "input_series": _series(alert.fires),
        "alert_rule_test": [
            {"eval_time": f"{FIRES_AT}m", "alertname": alert.name, "exp_alerts": [expected]},
            {"eval_time": f"{RESOLVED_AT}m", "alertname": alert.name, "exp_alerts": []},
        ],
    }


def _quiet(alert: Alert) -> dict[str, Any]:
    looks = [{"eval_time": minute, "alertname": alert.name, "exp_alerts": []} for minute in MINUTES]
    return {
        "name": f"{alert.name} stays quiet",
        "interval": "1m",
        "input_series": _series(alert.quiet),
        "alert_rule_test": looks,
    }


def _series(text: str) -> list[dict[str, str]]:
    lines = [line.split("  ", 1) for line in text.strip().splitlines()]
    return [{"series": series.strip(), "values": values.strip()} for series, values in lines]


def _filled(text: str, labels: dict[str, str]) -> str:
    """Labels in their places, as far as links name them."""
    return re.sub(r"\{\{ \$labels\.(\w+) \| urlquery \}\}", lambda found: labels[found[1]], text)
