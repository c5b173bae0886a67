"""Queries of a Grafana dashboard: of its panels, variables and annotations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from seatrial.observe.checking.found import Found, listed, mapping, text

_VALUES = re.compile(r"\s*label_values\(\s*(.+?)\s*,\s*(\w+)\s*\)\s*", re.DOTALL)
_RESULT = re.compile(r"\s*query_result\((.+)\)\s*", re.DOTALL)
# A variable of the dashboard: $name, ${name}, ${name:format}, [[name]]. Those that begin with two underscores are
# Grafana's own.
_VARIABLE = r"\$\{(?P<a>(?!__)\w+)(?::\w+)?\}|\$(?P<b>(?!__)\w+)|\[\[(?P<c>\w+)(?::\w+)?\]\]"
_PARTS = re.compile(rf"""(?P<quoted>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)|{_VARIABLE}""")


def queries(name: str, value: Any) -> Iterable[Found] | None:
    """What a dashboard asks of Prometheus; None if it is none."""
    held = mapping(value)
    board = mapping(held.get("dashboard")) or held  # as Grafana's API wraps it
    if not any(isinstance(board.get(key), list) for key in ("panels", "rows")):
        return None
    return _queries(name, board)


def _queries(name: str, board: Mapping[str, Any]) -> Iterator[Found]:
    variables = listed(mapping(board.get("templating")).get("list"))
    values = {text(variable.get("name")): _chosen(variable) for variable in variables}
    for panel in _panels(board):
        for target in listed(panel.get("targets")):
            if (promql := text(target.get("expr"))) and _is_prometheus(target, panel):
                title, legend = text(panel.get("title")), text(target.get("legendFormat"))
                yield Found.of_panel(name, title, _filled(promql, values), legend)
    for variable in variables:
        if variable.get("type") == "query" and _is_prometheus(variable):
            yield from _of_variable(f"{name}: variable {text(variable.get('name'))!r}", variable, values)
    for annotation in listed(mapping(board.get("annotations")).get("list")):
        if (promql := text(annotation.get("expr"))) and _is_prometheus(annotation):
            yield Found(where=f"{name}: annotation {text(annotation.get('name'))!r}", promql=_filled(promql, values))


def _panels(held: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Those of rows, too: in the row, as now, or in ``rows``, as before Grafana 5."""
    for panel in listed(held.get("panels")):
        yield panel
        yield from _panels(panel)
    for row in listed(held.get("rows")):
        yield from _panels(row)


def _is_prometheus(*held: Mapping[str, Any]) -> bool:
    """By the innermost that says so. A data source by name alone can be anything: then it is taken for Prometheus."""
    kinds = (mapping(one.get("datasource")).get("type") for one in held)
    return next((kind for kind in kinds if kind and kind != "mixed"), "prometheus") == "prometheus"


def _of_variable(where: str, variable: Mapping[str, Any], values: Mapping[str, list[str]]) -> Iterator[Found]:
    """A query of what can be chosen. Lists of names, ``metrics(…)`` and ``label_names()``, cannot be wrong."""
    asked = text(variable.get("query")) or text(mapping(variable.get("query")).get("query"))
    if found := _VALUES.fullmatch(asked):
        yield Found(where=where, promql=_filled(found[1], values), named=frozenset((found[2],)), naming="it")
    elif found := _RESULT.fullmatch(asked):
        yield Found(where=where, promql=_filled(found[1], values))


def _chosen(variable: Mapping[str, Any]) -> list[str]:
    """What was chosen of a variable when the dashboard was saved, or the first that can be."""
    chosen = mapping(variable.get("current")).get("value")
    several = [text(value) for value in (chosen if isinstance(chosen, list) else [chosen]) if text(value)]
    if not several or several == ["$__all"]:
        offered = (text(option.get("value")) for option in listed(variable.get("options")))
        several = [value for value in (text(variable.get("allValue")), *offered) if value not in ("", "$__all")][:1]
    if variable.get("type") == "interval" and (not several or several[0].startswith("$__auto")):
        return ["5m"]
    return several


def _filled(promql: str, chosen: Mapping[str, list[str]]) -> str:
    """The query with values in the place of the dashboard's own variables: what Prometheus would be asked.

    In quotes, which are patterns mostly, one of which nothing is known stands for everything.
    """

    def values(found: re.Match[str]) -> list[str]:
        return chosen.get(found["a"] or found["b"] or found["c"], [])

    def pattern(found: re.Match[str]) -> str:
        return re.sub(r"[\"'`\\]", ".", "|".join(values(found))) or ".*"

    def part(found: re.Match[str]) -> str:
        if quoted := found["quoted"]:
            return re.sub(_VARIABLE, pattern, quoted)
        return ",".join(values(found)) or found[0]

    return _PARTS.sub(part, promql)
