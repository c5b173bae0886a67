"""Rules have one header, whatever they are about; findings are made of it, and old ones are still read."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

import pytest

import seatrial
from seatrial.binding import bind
from seatrial.checks.catalogue import all_checks
from seatrial.cluster import Cluster
from seatrial.events import EventLog, decode
from seatrial.expected import Expected, Range
from seatrial.findings import Finding, Rule, Severity, Verdict
from seatrial.hardware.instances import instance
from seatrial.lint.judge import headers
from seatrial.network.conflicts import CONFLICTS
from seatrial.network.general import MISSING, MISSPELT, OBSOLETE, UNREAD, UNREADABLE, VALUE
from seatrial.network.lint import RULES, lint_environment, lint_missing
from seatrial.spec import Case, CaseArgs, Expectations, Published, Recipe
from seatrial.verdict import judge_events, loss_rules, rules
from seatrial.versions import STACK


@cache
def everywhere() -> dict[str, Rule]:
    """Every rule that stands in a module of Seatrial, alone or in a tuple, and those of the linter."""
    found: list[object] = [*headers(), *(check.rule for check in all_checks())]
    for module in pkgutil.walk_packages(seatrial.__path__, "seatrial."):
        if module.name.rpartition(".")[2] in ("__main__", "train") or ".cases._composer" in module.name:
            continue
        if module.name.startswith("seatrial.cases.") and module.name.count(".") > 2 and "datasets" not in module.name:
            continue  # needs its framework, and judges nothing itself
        values = vars(importlib.import_module(module.name)).values()
        found += [item for value in values for item in (value if isinstance(value, tuple) else (value,))]
    return {rule.id: rule for rule in found if isinstance(rule, Rule)}


def test_no_two_rules_have_one_id():
    topics = {name.partition(".")[0] for name in everywhere()}
    assert {"run", "cluster", "checkpoint", "data", "network", "lint", "node"} <= topics
    assert len(headers()) == len({rule.id for rule in headers()})
    assert rules.NOT_SAVED in everywhere()  # which the verdict counts


def test_a_rule_says_what_why_and_what_to_do():
    for rule in everywhere().values():
        assert rule.reads and rule.why and rule.source and rule.verdicts, rule.id
        judges = set(rule.verdicts) - {Verdict.PASS, Verdict.SKIP}
        assert not judges or (rule.expected and rule.remedy and rule.bad and rule.good != rule.bad), rule.id


def test_only_a_rule_makes_findings():
    sources = Path(seatrial.__file__).parent.rglob("*.py")
    made = re.compile(r"(?<!class )(?<!case )\bFinding\(")
    assert [path.name for path in sources if made.search(path.read_text())] == ["findings.py"]


def test_severity_follows_from_the_rule_and_the_verdict():
    rule = replace(rules.COMPLETED, severity=Severity.REBOOT)
    assert rule.finding(Verdict.PASS, "x").severity is Severity.NONE
    assert rule.finding(Verdict.FAIL, "x").severity is Severity.REBOOT
    assert rule.finding(Verdict.UNKNOWN, "x").severity is Severity.MONITOR
    assert rules.COMPLETED.finding(Verdict.FAIL, "x").severity is Severity.NONE


def test_a_finding_says_what_its_rule_says_unless_more_is_known():
    rule = rules.FINITE
    plain, more = rule.finding(Verdict.FAIL, "x"), rule.finding(Verdict.FAIL, "x", expected="e", remedy="r")
    assert (plain.expected, plain.remedy, plain.source) == (rule.expected, rule.remedy, rule.source)
    assert (more.expected, more.remedy) == ("e", "r")
    assert rule.finding(Verdict.PASS, "x", remedy="r").remedy == ""
    with pytest.raises(AssertionError, match="gives no SKIP"):
        rule.finding(Verdict.SKIP, "x")


# --- examples


def environment(text: str) -> dict[str, str | None]:
    pairs = (line.partition("=") for line in text.splitlines())
    return {name: value if equals else None for name, equals, value in pairs}


@pytest.mark.parametrize("rule", [*RULES, *CONFLICTS], ids=lambda rule: rule.id)
def test_the_examples_of_a_rule_about_variables(rule):
    pods = rule.id in ("network.harmful.excludes-eth", "network.harmful.host-interface")
    on = getattr(rule, "on", "p4d.24xlarge")
    there = {"instance": instance(on) if on else None, "pod_network": pods, **STACK}
    if rule in CONFLICTS:
        there = {"instance": there["instance"]}
    bad, good = (lint_environment(environment(text), **there) for text in (rule.bad, rule.good))
    [found] = [finding for finding in bad if finding.check == rule.id]
    assert found.verdict in rule.header.verdicts and found.source == rule.source
    assert rule.id not in {finding.check for finding in good}


@pytest.mark.parametrize("rule", [MISSPELT, OBSOLETE, UNREAD, UNREADABLE, VALUE], ids=lambda rule: rule.id)
def test_the_examples_of_a_rule_about_names(rule):
    bad, good = (lint_environment(environment(text)) for text in (rule.bad, rule.good))
    assert rule.id in {finding.check for finding in bad} and rule.id not in {finding.check for finding in good}


def test_the_example_of_what_is_missing():
    there = {"instance": instance("p4d.24xlarge"), "aws_ofi_nccl": "1.5.0"}
    assert lint_missing(environment(MISSING.bad), **there) and not lint_missing(environment(MISSING.good), **there)


@dataclass(frozen=True, kw_only=True)
class Args(CaseArgs):
    """Nothing to choose."""


def job():
    figure = Published(metric="samples/s", value=1000, instance_type="p5.48xlarge", nodes=1, source="a test")
    recipe = Recipe(
        name="r",
        title="",
        args=Args(),
        expectations=Expectations(loss_decrease=1.0, at_least={"metric": 0.9}),
        published=(figure,),
    )
    case = Case(name="c", title="", framework="", Args=Args, recipes=(recipe,), program="x")
    where = Cluster(name="x", launcher="x", nodes=1, cpus_per_node=1, processes_per_node=8, instance_type="p5.48xlarge")
    rate = Range(low=950, expected=1000, high=1050, evidence=("a test",))
    memory = Range(low=900, expected=1000, high=1100, evidence=("a test",))
    expected = Expected(rate=rate, memory=memory)
    return replace(bind(case, recipe, where), expected=expected, classes=100)


AGAINST_A_BASELINE = loss_rules.BAND  # its examples are held against one in tests/verdict/test_baselines.py
RUN_RULES = [rule for rule in (vars(rules) | vars(loss_rules)).values() if isinstance(rule, Rule)]
RUN_RULES.remove(AGAINST_A_BASELINE)


@pytest.mark.parametrize("rule", RUN_RULES, ids=lambda rule: rule.id)
def test_the_examples_of_a_rule_about_runs(rule):
    def verdict(text: str) -> Verdict | None:
        log = EventLog()
        for line in text.splitlines():
            try:
                log.events += filter(None, [decode(line.replace("{", '{"time": 1.0, ', 1))])
            except ValueError:
                log.unreadable += 1
        # Of two findings with one id the later is the verdict's own.
        return {finding.check: finding.verdict for finding in judge_events(job(), log)}.get(rule.id)

    assert verdict(rule.good) is (Verdict.PASS if Verdict.PASS in rule.verdicts else None)
    assert verdict(rule.bad) is next(verdict for verdict in rule.verdicts if verdict is not Verdict.PASS)


# --- findings of before


OLD = {
    "check": "run.finite",
    "verdict": "FAIL",
    "observed": "not finite at step 3",
    "expected": "finite losses",
    "severity": "high",
    "evidence": "logs/rank-0.log",
    "action": "lower the learning rate",
    "scope": {"step": 3},
}


def test_a_finding_of_before_is_read():
    found = Finding.of(OLD)
    assert (found.remedy, found.severity, found.evidence) == (OLD["action"], Severity.MONITOR, OLD["evidence"])
    event = decode(json.dumps({"v": 1, "time": 1.0, "type": "finding", **OLD}))
    assert event is not None and event.event == found


def test_a_finding_survives_json_and_fields_of_later_versions():
    found = rules.FINITE.finding(Verdict.FAIL, "x", evidence="e", scope={"step": 1})
    assert Finding.of(json.loads(json.dumps({**asdict(found), "later": 1}))) == found


@pytest.mark.parametrize("record", [{}, {**OLD, "verdict": "GOOD"}, {**OLD, "severity": "grave"}])
def test_what_is_no_finding_is_refused(record):
    with pytest.raises((ValueError, KeyError, TypeError)):
        Finding.of(record)
