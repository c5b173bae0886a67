"""Dashboards and rule files of users, against the catalogue."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.observe.checking import check
from seatrial.observe.checking.dashboard import queries


def board(*targets: dict[str, Any], **more: Any) -> str:
    """A dashboard with one panel, as Grafana exports it."""
    return json.dumps({"title": "mine", "panels": [{"title": "Loss", "targets": list(targets)}], **more})


def rules(*some: dict[str, Any]) -> str:
    """A rule file with one group."""
    return yaml.safe_dump({"groups": [{"name": "mine", "rules": list(some)}]})


def told(text: str, name: str = "mine.json") -> list[str]:
    """What is said about one file."""
    return [str(problem) for problem in check({name: text}).problems]


def variable(name: str, **more: Any) -> dict[str, Any]:
    """The part of a dashboard that holds one variable."""
    return {"templating": {"list": [{"name": name, "type": "query", **more}]}}


GOOD = {
    "a query": board({"expr": "rate(train_tokens_total[$__rate_interval])", "legendFormat": "{{run_id}}"}),
    "wrapped, as the API gives it": json.dumps({"dashboard": json.loads(board({"expr": "train_loss"}))}),
    "an old name": board({"expr": "node_amazonefa_rx_drops_total"}),
    "another source of the target": board({"expr": '{job="x"} |= "error"', "datasource": {"type": "loki"}}),
    "a mixed panel": board({"expr": "up"}, datasource={"type": "mixed"}),
    "a variable in quotes": board({"expr": 'train_loss{run_id=~"$run", case=~"${case:regex}"}'}),
    "a metric by a variable in quotes": board({"expr": '{__name__=~"train_$what"}'}),
    "a range": board({"expr": "rate(up[$window])"}, **variable("window", current={"value": "5m"})),
    "an interval": board({"expr": "rate(up[$window])"}, **variable("window", type="interval")),
    "labels": board({"expr": "sum by ($by) (up)"}, **variable("by", current={"value": ["node", "job"]})),
    "all labels": board(
        {"expr": "sum by ([[by]]) (up)"},
        **variable("by", current={"value": "$__all"}, options=[{"value": "$__all"}, {"value": "node"}]),
    ),
    "a number": board({"expr": "topk(${n}, up)"}, **variable("n", type="custom", current={"value": "5"})),
    "what can be chosen": board(
        {"expr": "up"}, **variable("run", query='label_values(train_loss{case="fsdp"}, run_id)')
    ),
    "what can be chosen, by a query": board({"expr": "up"}, **variable("x", query={"query": "query_result(up == 0)"})),
    "all values of a label": board({"expr": "up"}, **variable("x", query="label_values(anything)")),
    "a group of label_replace": board({"expr": 'label_replace(up, "x", "$1", "node", "(.*)")'}),
}

BAD = {
    "a metric": (
        board({"expr": "train_los"}),
        ["mine.json: panel 'Loss': nobody emits a metric 'train_los'", "train_loss"],
    ),
    "a label": (board({"expr": 'train_loss{rank="0"}'}), ["panel 'Loss': train_loss has no label 'rank'"]),
    "a legend": (
        board({"expr": "sum by (run_id) (train_loss)", "legendFormat": "{{run_id}} {{rank}}"}),
        ["panel 'Loss': its legend names a label 'rank'", "its labels are: run_id"],
    ),
    "no PromQL": (board({"expr": "sum(("}), ["panel 'Loss': is no PromQL"]),
    "a variable without a value": (board({"expr": "rate(up[$window])"}), ["panel 'Loss': is no PromQL", "$window"]),
    "in a row": (
        json.dumps({"panels": [{"type": "row", "panels": [{"title": "Inner", "targets": [{"expr": "upp"}]}]}]}),
        ["panel 'Inner': nobody emits a metric 'upp'"],
    ),
    "in a row of before Grafana 5": (
        json.dumps({"rows": [{"panels": [{"title": "Old", "targets": [{"expr": "upp"}]}]}]}),
        ["panel 'Old': nobody emits a metric 'upp'"],
    ),
    "what can be chosen": (
        board({"expr": "up"}, **variable("run", query="label_values(train_loss, rank)")),
        ["variable 'run': it names a label 'rank'"],
    ),
    "what can be chosen, by a query": (
        board({"expr": "up"}, **variable("run", query="query_result(upp)")),
        ["variable 'run': nobody emits a metric 'upp'"],
    ),
    "an annotation": (
        board({"expr": "up"}, annotations={"list": [{"name": "starts", "expr": "upp"}]}),
        ["annotation 'starts': nobody emits a metric 'upp'"],
    ),
    "a metric by a variable": (
        board({"expr": "$metric"}, **variable("metric", current={"value": "upp"})),
        ["panel 'Loss': nobody emits a metric 'upp'"],
    ),
    "cut off": (board({"expr": "up"})[:-3], ["mine.json: cannot be read"]),
    "nested too deeply": ("[" * 100_000, ["mine.json: cannot be read"]),
    "something else": ("[1]", ["mine.json: is neither a dashboard nor a file of rules", "PrometheusRule"]),
    "empty": ("", ["mine.json: cannot be read"]),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_dashboard_passes(name: str) -> None:
    assert told(GOOD[name]) == []


@pytest.mark.parametrize("name", BAD)
def test_a_bad_dashboard_is_refused(name: str) -> None:
    text, words = BAD[name]
    (problem,) = told(text)
    assert all(word in problem for word in words), problem


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"alert": "Lost", "expr": "upp == 0"}, "mine.yml: group 'mine', alert 'Lost': nobody emits a metric 'upp'"),
        (
            {"record": "a:b", "expr": "sum(up)", "labels": {"x": "{{ $labels.node }}"}},
            "rule 'a:b': a text of it names a label 'node'",
        ),
        (
            {"alert": "Lost", "expr": "sum(up)", "annotations": {"summary": "{{ $labels.node }} is lost"}},
            "names a label 'node'",
        ),
        ({"alert": "Lost"}, "group 'mine', alert 'Lost' has no expr"),
        ({"alert": "Used", "expr": "run:loss:max > 1"}, "nobody emits a metric 'run:loss:max'"),
    ],
)
def test_a_bad_rule_is_refused(rule: dict[str, Any], words: str) -> None:
    (problem,) = told(rules(rule), "mine.yml")
    assert words in problem


def test_a_good_rule_passes_also_as_a_resource() -> None:
    rule = {"alert": "Lost", "expr": "up == 0", "labels": {"team": "ml"}, "annotations": {"a": "{{ $labels.team }}"}}
    assert told(rules(rule), "mine.yml") == []
    resource = {"kind": "PrometheusRule", "spec": yaml.safe_load(rules(rule))}
    assert told(yaml.safe_dump(resource), "mine.yml") == []
    assert told(rules({"record": "one", "expr": 1}), "mine.yml") == [], "a number is PromQL"


def test_what_a_rule_records_the_other_files_may_use() -> None:
    recording = rules(
        {"record": "run:loss:max", "expr": "max by (run_id) (train_loss)", "labels": {"team": "ml"}},
        {"record": "run:loss:twice", "expr": "2 * run:loss:max"},
        {"record": "run:loss:max", "expr": "max by (case) (train_loss)"},
    )
    for query in ("run:loss:max", "sum by (team, case, run_id) (run:loss:max)", "sum by (run_id) (run:loss:twice)"):
        assert check({"rules.yml": recording, "mine.json": board({"expr": query})}).problems == ()
    checked = check({"mine.json": board({"expr": "sum by (rank) (run:loss:twice)"}), "rules.yml": recording})
    assert [problem.what for problem in checked.problems] == ["sum has no label 'rank'"] and checked.queries == 4


def test_a_name_that_is_recorded_elsewhere_may_be_given() -> None:
    texts = {"mine.json": board({"expr": "sum by (anything) (some:rule)"})}
    assert check(texts, {"some:rule": None}).problems == ()
    assert len(check(texts, {"some:rule": frozenset({"node"})}).problems) == 1


def test_a_rule_of_which_nothing_is_known_is_not_judged_by_its_labels() -> None:
    recording = rules({"record": "a", "expr": "sum(("})
    checked = check({"rules.yml": recording, "mine.json": board({"expr": "sum by (node) (a)"})})
    assert len(checked.problems) == 1 and "is no PromQL" in checked.problems[0].what


def test_all_files_are_told_at_once() -> None:
    checked = check({"a.json": "{", "b.yml": "a: [", "c.json": board({"expr": "upp"})})
    assert [problem.where.partition(":")[0] for problem in checked.problems] == ["a.json", "b.yml", "c.json"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "up", "sum((", "label_values(up, node)", "a"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["panels", "rows", "targets", "expr", "templating", "list", "name", "query", "current", "value"]
            ),
            inner,
        )
    ),
    max_leaves=12,
)


@given(json_values)
@settings(max_examples=60)
def test_no_value_ends_it(value: Any) -> None:
    checked = check({"mine.json": json.dumps(value), "mine.yml": json.dumps({"groups": [{"rules": [value]}]})})
    assert all(problem.where and problem.remedy for problem in checked.problems)


@given(st.text(alphabet="$[]{}\"'`\\ab_1:|", max_size=30), st.lists(st.text(max_size=5), max_size=2))
def test_no_variable_ends_it(promql: str, value: list[str]) -> None:
    found = [*(queries("mine", json.loads(board({"expr": promql}, **variable("a", current={"value": value})))) or ())]
    assert all(query.where for query in found)
