"""A tree with typical defects, as text and as SARIF; the page about the rules."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from seatrial.findings import Verdict
from seatrial.lint import output
from seatrial.lint.judge import Report, lint
from seatrial.lint.rules import all_rules
from tests.conftest import UPDATE_GOLDEN

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "lint.md"


@pytest.fixture
def report(monkeypatch) -> Report:
    monkeypatch.chdir(HERE)
    return lint([Path("tree")])


def test_the_text(report, golden):
    golden("lint.txt", output.text(report))


def test_the_sarif(report, golden):
    """All of it but the rules that found nothing, which docs/lint.md shows: a line for each rule and each result."""
    value = json.loads(output.sarif(report))
    [run] = value["runs"]
    found = {result["ruleId"] for result in run["results"]}
    driver = run["tool"]["driver"]
    driver["version"] = "VERSION"
    driver["rules"] = [rule for rule in driver["rules"] if rule["id"] in found]
    lines = [json.dumps(entry, ensure_ascii=False) for entry in (*driver.pop("rules"), *run.pop("results"), value)]
    golden("lint.sarif", "\n".join(lines) + "\n")


def test_every_result_of_the_sarif_names_a_rule_and_a_place(report):
    value = json.loads(output.sarif(report))
    [run] = value["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert value["version"] == "2.1.0" and len({rule["id"] for rule in rules}) == len(rules)
    assert len(run["results"]) == len(report.findings)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note") and result["message"]["text"]
        [location] = result["locations"]
        place = location["physicalLocation"]
        lines = (HERE / place["artifactLocation"]["uri"]).read_text(encoding="utf-8").count("\n")
        assert 1 <= place["region"]["startLine"] <= lines


def test_the_json_has_a_verdict_for_every_file(report):
    value = json.loads(output.as_json(report))
    verdicts = {Path(file["path"]).name: file["verdict"] for file in value["files"]}
    assert verdicts["storage.yaml"] == "PASS" and verdicts["chart.yaml"] == "UNKNOWN"
    assert verdicts["Dockerfile"] == verdicts["train.sbatch"] == "FAIL"
    assert len(value["findings"]) == len(report.findings)


@pytest.mark.parametrize(
    ("paths", "verdicts", "line"),
    [
        (1, [], "1 file, no findings"),
        (2, [Verdict.FAIL], "2 files, 1 finding: 1 FAIL"),
        (2, [Verdict.WARN, Verdict.FAIL, Verdict.WARN], "2 files, 3 findings: 1 FAIL, 2 WARN"),
        (1, [Verdict.UNKNOWN], "1 file, 1 finding: 1 UNKNOWN"),
    ],
)
def test_the_line_that_counts(report, paths, verdicts, line):
    found = [next(f for f in report.findings if f.verdict is verdict) for verdict in verdicts]
    assert output.summary(Report(paths=(Path("x"),) * paths, findings=tuple(found))) == line


def test_the_page_is_up_to_date():
    if os.environ.get(UPDATE_GOLDEN):
        PAGE.write_text(output.page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == output.page(), "docs/lint.md is old: make goldens"


def test_the_page_names_every_rule_twice():
    text = output.page()
    for rule in all_rules():
        assert f"| {rule.id} |" in text and f"### {rule.id}\n" in text and rule.source in text
