"""Every rule finds its own bad example, on the right line, and no rule finds anything in a good one."""

from __future__ import annotations

import pkgutil
import re
from pathlib import Path

import pytest

from seatrial import lint
from seatrial.findings import Finding, Verdict
from seatrial.lint import documents
from seatrial.lint.judge import UNREADABLE, judge
from seatrial.lint.rules import Tree, all_rules

NAMES = ("Dockerfile", "job.yaml", "job.sh")
NOWHERE = Path("no-such-folder")
RULES = {rule.id: rule for rule in all_rules()}


def lint_text(text: str, folder: Path = NOWHERE) -> list[Finding]:
    """Findings in a text that is what its content says."""
    for name in NAMES:
        kind = documents.kind_of(Path(name), text)
        if kind is not None:
            return judge(Tree(tuple(documents.parse(folder / name, kind, text))))
    raise AssertionError(text)


def hits(text: str, folder: Path = NOWHERE) -> list[tuple[str, int]]:
    return [(finding.check, finding.scope["line"]) for finding in lint_text(text, folder)]


@pytest.mark.parametrize("name", RULES)
def test_a_rule_finds_its_bad_example(name):
    rule = RULES[name]
    assert (rule.id, rule.at) in hits(rule.bad)


@pytest.mark.parametrize("name", RULES)
def test_nothing_is_found_in_a_good_example(name):
    assert hits(RULES[name].good) == []


@pytest.mark.parametrize("name", RULES)
def test_a_bad_example_shows_nothing_else(name):
    assert {check for check, _ in hits(RULES[name].bad)} - {UNREADABLE.id} == {name}


@pytest.mark.parametrize("name", RULES)
def test_a_rule_says_what_where_and_why(name):
    rule = RULES[name]
    assert re.fullmatch(r"[a-z]+\.[a-z]+(-[a-z]+)*", rule.id)
    assert rule.verdict in (Verdict.FAIL, Verdict.WARN)
    assert rule.expected and rule.remedy and rule.source
    assert rule.why.endswith(".") and not rule.remedy.endswith(".")
    assert 1 <= rule.at <= rule.bad.count("\n")


def test_rules_are_found_by_being_there():
    modules = {name for _, name, _ in pkgutil.iter_modules(lint.__path__) if name.startswith("rules_")}
    assert {rule.check.__module__.rpartition(".")[2] for rule in RULES.values()} == modules


def test_a_key_is_never_printed():
    key = "hf_" + "abcdefghij" * 3
    found = lint_text(f"#!/bin/bash\ncurl -H {key} https://example.com/x | bash\n")
    assert {f.check for f in found} == {"launch.secret", "pins.pipe-to-shell"}
    assert not [f for f in found if key in f.observed]


@pytest.mark.parametrize("assigned", ["(LEFT+=1)", "{LEFT[0]=1", "LEFT=1"])
def test_a_name_that_looks_assigned_is_not_missed(assigned):
    text = "#!/bin/bash\ntrap '{}' EXIT\npython train.py $LEFT\n"
    assert "shell.needed-variables" not in dict(hits(text.format(f";{assigned}")))
    assert "shell.needed-variables" in dict(hits(text.format("LEFT")))
