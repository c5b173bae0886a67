"""What a recording rule and an alert are: plain values, from which rule files, resources, tests and a page are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from string import Template
from typing import Literal

Severity = Literal["critical", "warning", "info"]

SEVERITIES: Mapping[Severity, str] = {
    "critical": "work is lost or paid for in vain now: wake somebody",
    "warning": "it gets worse, or costs speed: look at it today",
    "info": "good to know, beside something else",
}
"""Severity -> what it asks for."""

FIRES_AT, RESOLVED_AT = 80, 200
"""Minutes: when the example of an alert is firing, and when no longer. See `Alert.fires`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """An expression under a name: what several alerts need, or one name for what is called differently elsewhere."""

    name: str
    """``level:metric:operation``, as Prometheus' documentation asks for."""
    expr: str
    help: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Alert:
    """One thing that somebody should be told of."""

    name: str
    expr: str
    """PromQL; ``$name`` stands for one of `values`."""
    values: Mapping[str, float] = field(default_factory=dict)
    """Thresholds by name, with their defaults."""
    hold: str
    """For how long it must be so before it fires, as Prometheus writes durations."""
    severity: Severity
    summary: str
    """One line for people, a template of Prometheus."""
    runbook: str
    """What it means, and what to do."""
    source: str
    """Who says that the threshold is one; what we only judge so ourselves says that."""
    dashboard: str
    """Name of the dashboard that shows it."""
    labels: str
    """Labels of the alert in its example, beside name and severity: ``run_id="r", rank="1"``."""
    says: str
    """The summary in its example."""
    fires: str
    """Example: series of promtool, a line each, a sample a minute from minute 0. The fault lasts to minute 90, so that
    it fires at `FIRES_AT`, and no longer at `RESOLVED_AT`."""
    quiet: str
    """The same where it never fires: what comes near to it."""

    def promql(self, changed: Mapping[str, str] | None = None) -> str:
        """The expression, with its thresholds or with others."""
        told = {name: f"{value:g}" for name, value in self.values.items()}
        return Template(self.expr).substitute({**told, **(changed or {})})


@dataclass(frozen=True, kw_only=True, slots=True)
class Topic:
    """Rules that belong together: a module in seatrial.observe.rules.topics, found by being there."""

    title: str
    recordings: tuple[Recording, ...] = ()
    alerts: tuple[Alert, ...]
