"""docs/alerts.md, from the table of rules."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.observe.dashboards import DASHBOARDS
from seatrial.observe.rules import HOLD, SEVERITIES, TOPICS, Alert, Rules, Topic
from tests.docs.tables import table

HEAD = """\
# Alerts

This page is written from the table of rules, `make goldens` writes it anew. [stack.md](stack.md) says how alerts
get to Prometheus, to Kubernetes and to Amazon Managed Service for Prometheus; each leads here when it fires.

An alert names only metrics that somebody emits. Each has an example, in which Prometheus' own `promtool` sees it fire,
resolve, and stay quiet where it only comes near. What is named behind `for` can be changed, and so can how long it must
be so: `seatrial observe render --set ALERT.NAME=VALUE`, `--set ALERT.for=10m`. No alert here has fired on GPUs or EFA
devices yet: those on what DCGM and the EFA driver tell are true to their documents only.

"""


def page() -> str:
    """The whole page."""
    severities = ((f"`{name}`", told) for name, told in SEVERITIES.items())
    return "\n".join(
        (
            HEAD + table(("severity", "means"), severities),
            *(part for name, topic in TOPICS.items() for part in _topic(topic, alerts(name))),
            "## Recording rules\n",
            "One name for what versions and pipelines of exporters call differently, and what several alerts need.\n",
            table(
                ("name", "what it is"),
                ((f"`{one.name}`", one.help) for topic in TOPICS.values() for one in topic.recordings),
            ),
        )
    )


def alerts(topic: str) -> tuple[Alert, ...]:
    """Those of a topic, `ExporterAbsent` with them."""
    return Rules(jobs=("JOB",)).alerts(topic)


def _topic(topic: Topic, some: tuple[Alert, ...]) -> Iterator[str]:
    yield f"## {topic.title}\n"
    rows = ((f"[{alert.name}](#{alert.name.lower()})", f"`{alert.severity}`", alert.hold) for alert in some)
    yield table(("alert", "severity", "after"), rows)
    yield from map(_alert, some)


def _alert(alert: Alert) -> str:
    values = "".join(f", {name} {value:g}" for name, value in alert.values.items())
    board = DASHBOARDS[alert.dashboard]
    return f"""\
### {alert.name}

{alert.runbook} *Says:* "{alert.says}". *Source:* {alert.source}. *Dashboard:*
[{board.title}](dashboards.md#{board.name}).

```promql
# {HOLD} {alert.hold}{values}
{alert.expr}
```
"""
