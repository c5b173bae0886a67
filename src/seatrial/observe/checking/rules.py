"""Queries of rule files: Prometheus' own, and resources of the kind PrometheusRule."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from seatrial.observe.checking.found import Found, listed, mapping, text

_LABEL = re.compile(r"\$labels\.(\w+)")


def queries(name: str, value: Any) -> Iterable[Found] | None:
    """What a file of rules asks; None if it is none. Raises ValueError if a rule has no query."""
    held = mapping(value)
    if held.get("kind") == "PrometheusRule":
        held = mapping(held.get("spec"))
    return _rules(name, held["groups"]) if isinstance(held.get("groups"), list) else None


def _rules(name: str, groups: Any) -> Iterator[Found]:
    for group in listed(groups):
        for rule in listed(group.get("rules")):
            record, alert = text(rule.get("record")), text(rule.get("alert"))
            place = f"group {text(group.get('name'))!r}, {'rule' if record else 'alert'} {record or alert!r}"
            # YAML takes a bare number for one, which is PromQL, too.
            promql = str(rule["expr"]) if isinstance(rule.get("expr"), str | int | float) else ""
            if not promql:
                raise ValueError(f"{place} has no expr")
            texts = [*mapping(rule.get("annotations")).values(), *mapping(rule.get("labels")).values()]
            yield Found(
                where=f"{name}: {place}",
                promql=promql,
                named=frozenset(label for words in texts for label in _LABEL.findall(text(words))),
                naming="a text of it",
                record=record,
                labels=frozenset(mapping(rule.get("labels"))),
            )
