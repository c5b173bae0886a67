"""Recording rules and alerts: one table by topics, of which rule files, resources, tests and docs/alerts.md are made.

A module in seatrial.observe.rules.topics is a topic, found by being there. What of it is rendered names only what some
exporter emits, and so do the rules of the user's own that go with it.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from seatrial.errors import Problem, UserError, unknown
from seatrial.observe import checking
from seatrial.observe.dashboards import DASHBOARDS
from seatrial.observe.dashboards.model import LABELS
from seatrial.observe.rules.rule import SEVERITIES, Alert, Recording, Topic
from seatrial.observe.rules.topics.exporters import absent

__all__ = ["ALERTS", "FILE", "HOLD", "SEVERITIES", "TOPICS", "Alert", "Recording", "Rules", "Topic", "settings"]

FILE = "seatrial.yml"
"""Name of the file of our rules; those of the user stand beside it."""
HOLD = "for"
"""The setting of every alert that is no threshold: how long it must be so."""
MOST = 20
"""Rules of a group at most: a quota of Amazon Managed Service for Prometheus,
https://docs.aws.amazon.com/prometheus/latest/userguide/AMP_quotas.html (November 2026)."""

_DURATION = re.compile(r"(\d+(ms|[smhdwy]))+")


def _topics() -> Iterable[tuple[str, Topic]]:
    package = importlib.import_module("seatrial.observe.rules.topics")
    for module in pkgutil.iter_modules(package.__path__):
        yield module.name, importlib.import_module(f"{package.__name__}.{module.name}").TOPIC


TOPICS: dict[str, Topic] = dict(_topics())
"""Name -> recording rules and alerts."""

ALERTS: dict[str, Alert] = {alert.name: alert for topic in TOPICS.values() for alert in topic.alerts}
"""Name -> alert, but for `ExporterAbsent`, which is made of a scrape configuration."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """The rules of one place."""

    jobs: Sequence[str] = ()
    """Jobs of the scrape configuration there: each must have somebody to ask."""
    changed: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Alert -> threshold, or `HOLD` -> another value than the default: see `settings`."""
    runbooks: str = "docs/alerts.md"
    """Where docs/alerts.md can be read."""
    grafana: str = ""
    """Address of Grafana; empty: links to dashboards are relative to it."""
    more: Mapping[str, str] = field(default_factory=dict)
    """Rule files of the user: name -> text."""

    def alerts(self, topic: str) -> tuple[Alert, ...]:
        """Those of a topic."""
        return TOPICS[topic].alerts + ((absent(self.jobs),) if topic == "exporters" and self.jobs else ())

    def files(self) -> dict[str, list[dict[str, Any]]]:
        """Name of a file -> its groups of rules. Raises UserError if one names what nobody emits."""
        found = {FILE: [group for topic in TOPICS for group in self._groups(topic)]}
        found |= {name: _own(name, text) for name, text in self.more.items()}
        texts = {name: dump({"groups": groups}) for name, groups in found.items()}
        if problems := checking.check(texts).problems:
            raise UserError(problems)
        return found

    def _groups(self, topic: str) -> Iterable[dict[str, Any]]:
        recordings = [{"record": one.name, "expr": one.expr} for one in TOPICS[topic].recordings]
        rules = [*recordings, *(self.rule(alert) for alert in self.alerts(topic))]
        for start in range(0, len(rules), MOST):
            part = f"-{start // MOST + 1}" if start else ""
            yield {"name": f"seatrial-{topic.replace('_', '-')}{part}", "rules": rules[start : start + MOST]}

    def rule(self, alert: Alert) -> dict[str, Any]:
        """An alert as Prometheus reads it."""
        changed = dict(self.changed.get(alert.name, {}))
        hold = changed.pop(HOLD, alert.hold)
        return {
            "alert": alert.name,
            "expr": alert.promql(changed),
            "for": hold,
            "labels": {"severity": alert.severity},
            "annotations": {
                "summary": alert.summary,
                "description": alert.runbook,
                "runbook_url": f"{self.runbooks}#{alert.name.lower()}",
                "dashboard_url": self.grafana.rstrip("/") + _dashboard(alert),
            },
        }


def _dashboard(alert: Alert) -> str:
    """Path of the dashboard that shows it, of the run, node and GPU that it is about."""
    board = DASHBOARDS[alert.dashboard]
    about = dict(re.findall(r'(\w+)="([^"]*)"', alert.labels))
    chosen = [(name, LABELS[name]) for name in board.variables if LABELS[name] in about]
    query = "&".join(f"var-{name}={{{{ $labels.{label} | urlquery }}}}" for name, label in chosen)
    return f"{board.path}?{query}" if query else board.path


def settings(texts: Iterable[str]) -> dict[str, dict[str, str]]:
    """``ALERT.KEY=VALUE`` as `Rules.changed`. Raises UserError with everything that is wrong."""
    found: dict[str, dict[str, str]] = {}
    problems = []
    for text in texts:
        place, _, value = text.partition("=")
        name, _, key = place.partition(".")
        alert = ALERTS.get(name)
        if alert is None:
            problems.append(unknown("alert", name, ALERTS, "--set"))
        elif key != HOLD and key not in alert.values:
            problems.append(unknown(f"setting of {name}", key, [*alert.values, HOLD], "--set"))
        elif not (_DURATION.fullmatch(value) if key == HOLD else _is_number(value)):
            problems.append(
                Problem(
                    f"{value!r} is no {'duration' if key == HOLD else 'number'}",
                    f"--set {place}",
                    f"its default is {alert.hold if key == HOLD else format(alert.values[key], 'g')}",
                )
            )
        else:
            found.setdefault(name, {})[key] = value
    if problems:
        raise UserError(problems)
    return found


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", text) is not None


def _own(name: str, text: str) -> list[dict[str, Any]]:
    """Groups of a rule file of the user, Prometheus' own or a PrometheusRule. Raises UserError if it is none."""
    import yaml

    remedy = "give a file of Prometheus' rules: groups, each with a name and rules"
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UserError(Problem(f"is no YAML: {' '.join(str(error).split())}", name, remedy)) from None
    if isinstance(value, dict) and value.get("kind") == "PrometheusRule":
        value = value.get("spec")
    groups = value.get("groups") if isinstance(value, dict) else None
    if not isinstance(groups, list) or not all(
        isinstance(g, dict) and g.get("name") and g.get("rules") for g in groups
    ):
        raise UserError(Problem("is no file of rules", name, remedy))
    return groups


def dump(value: Any) -> str:
    """YAML, every value on a line of its own."""
    import yaml

    class Plain(yaml.SafeDumper):
        """What is there twice is written twice: not every reader knows references."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    text: str = yaml.dump(value, Dumper=Plain, sort_keys=False, allow_unicode=True, width=10**6)
    return text
