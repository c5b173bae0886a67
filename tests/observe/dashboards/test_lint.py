"""Rules of Grafana's dashboard-linter (https://github.com/grafana/dashboard-linter, docs/index.md), on our dashboards.

Its rules about `job` and `instance` are kept by `cluster`, and by `run` or `node`, in their place: those are the labels
that every series has here, and by which series of different exporters meet.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest

from seatrial.observe import dashboards
from seatrial.observe.catalogue import METRICS
from seatrial.observe.dashboards.units import GRAFANA

BOARDS = {name: json.loads(text) for name, text in dashboards.render().items()}
TARGETS = [
    pytest.param(panel, target, id=f"{name}: {panel['title']} {target['refId']}")
    for name, board in BOARDS.items()
    for panel in board["panels"]
    for target in panel["targets"]
]
COUNTED = {"DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS", "DCGM_FI_DEV_CORRECTABLE_REMAPPED_ROWS"}
"""Counters that are of interest as they are: for the life of the GPU, it cannot remap more than so many."""
# packages/grafana-data/src/valueFormats/categories.ts of Grafana 10, those of them that the linter knows, too
KNOWN = {
    *("none", "short", "percent", "percentunit", "flops", "bytes", "decbytes", "deckbytes", "mbytes", "decbits", "Bps"),
    *("GBs", "watt", "rotrpm", "celsius", "hertz", "ns", "µs", "ms", "s", "cps", "bool_yes_no"),
}


def selectors(part: Any, around: tuple[Any, ...] = ()) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Each selector of an expression, with what is around it."""
    if type(part).__name__ == "VectorSelector":
        yield part, around
    for name in ("expr", "lhs", "rhs", "vector_selector", "param"):
        if (inner := getattr(part, name, None)) is not None:
            yield from selectors(inner, (*around, part))
    for inner in getattr(part, "args", ()):
        yield from selectors(inner, (*around, part))


def parsed(promql: str) -> Any:
    return promql_parser.parse(re.sub(r"\$__\w+", "5m", promql))


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_a_dashboard(board: dict[str, Any]) -> None:
    sources = [variable for variable in board["templating"]["list"] if variable["type"] == "datasource"]
    assert [(s["name"], s["label"], s["query"]) for s in sources] == [("datasource", "Data source", "prometheus")]
    assert not board["editable"], "template-uneditable-rule"
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            assert variable["refresh"] == 2, "template-on-time-change-reload-rule"
            assert variable["datasource"]["uid"] == "${datasource}" and variable["label"]
            assert variable["query"]["query"].startswith("label_values("), "template-label-promql-rule"


@pytest.mark.parametrize(("panel", "target"), TARGETS)
def test_a_panel(panel: dict[str, Any], target: dict[str, Any]) -> None:
    assert panel["title"] and panel["description"], "panel-title-description-rule"
    assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}, "panel-datasource-rule"
    assert panel["fieldConfig"]["defaults"]["unit"] in KNOWN, "panel-units-rule"
    for part, around in selectors(parsed(target["expr"])):
        matchers = {m.name: m.value for m in part.matchers.matchers}
        assert matchers.get("cluster") == "$cluster", "target-required-matchers-rule"
        assert not {"job", "instance"} & set(matchers), "no job is fixed"
        if METRICS[part.name].type == "counter" and part.name not in COUNTED:
            assert around[-2].func.name in ("rate", "increase"), "target-counter-agg-rule"
    for span in re.findall(r"\[([^\]]*)\]", target["expr"]):
        assert span in ("$__rate_interval", "$__range") or "predict_linear" in target["expr"], (
            "target-rate-interval-rule"
        )


def test_the_units_are_those_that_the_linter_knows() -> None:
    assert set(GRAFANA.values()) <= KNOWN
