"""The counters that NVIDIA's DCGM exporter is asked for: those that our rules and dashboards name."""

from __future__ import annotations

import re

from seatrial.observe.catalogue import EMITTERS
from seatrial.observe.dashboards import DASHBOARDS
from seatrial.observe.rules import TOPICS

FILE = "dcgm-counters.csv"


def counters() -> str:
    """Its CSV: field, type, help. Some of them are off by default, the counts of Xids among them."""
    queries = [one.expr for topic in TOPICS.values() for one in topic.recordings]
    queries += [one.expr for topic in TOPICS.values() for one in topic.alerts]
    words = {word for query in queries for word in re.findall(r"\w+", query)}
    words |= {name for board in DASHBOARDS.values() for panel in board.panels for name in panel.metrics}
    asked = [metric for metric in EMITTERS["dcgm"].metrics if words & {metric.name, *metric.old_names}]
    return "".join(f"{metric.name}, {metric.type}, {_help(metric.help)}\n" for metric in asked)


def _help(text: str) -> str:
    """A comma would begin a fourth field, which the exporter refuses."""
    return text.rstrip(".").replace(",", ";")
