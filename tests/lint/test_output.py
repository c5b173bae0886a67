"""A tree with typical defects, as text and as SARIF; the page about the rules."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.findings import Verdict
from seatrial.lint import output
from seatrial.lint.documents import Document
from seatrial.lint.judge import Report, lint
from seatrial.lint.rules import all_rules, at
from seatrial.lint.shards import File
from tests.conftest import UPDATE_GOLDEN

HERE = Path(__file__).parent
RULES = {rule.id: rule for rule in all_rules()}
PAGE = HERE.parents[1] / "docs" / "lint.md"


@pytest.fixture
def report(monkeypatch) -> Report:
    monkeypatch.chdir(HERE)
    return replace(lint([Path("tree")]), seconds=0.25)


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
    lines, unread = (sum(file[name] for file in value["files"]) for name in ("lines", "unread_lines"))
    assert value["unread_share"] == pytest.approx(unread / lines, abs=1e-5) and unread > 0
    assert verdicts["storage.yaml"] == "PASS" and verdicts["chart.yaml"] == "UNKNOWN"
    assert verdicts["Dockerfile"] == verdicts["train.sbatch"] == "FAIL"
    assert len(value["findings"]) == len(report.findings)


@pytest.mark.parametrize(
    ("unread", "verdicts", "known", "line"),
    [
        ([0], [], None, "1 file, no findings; 0 % of the lines unread; 0.3 s"),
        ([0, 0], [Verdict.FAIL], 0, "2 files, 1 finding: 1 FAIL; 0 % of the lines unread; 0.3 s"),
        (
            [0, 50],
            [Verdict.WARN, Verdict.FAIL, Verdict.WARN],
            3,
            "2 files, 3 findings: 1 FAIL, 2 WARN; 3 known; 2.5 % of the lines unread; 0.3 s",
        ),
        ([1], [Verdict.UNKNOWN], None, "1 file, 1 finding: 1 UNKNOWN; 0.1 % of the lines unread; 0.3 s"),
    ],
)
def test_the_line_that_counts(report, unread, verdicts, known, line):
    files = tuple(File(Path("x"), 1000, lines, 1) for lines in unread)
    found = tuple(next(f for f in report.findings if f.verdict is verdict) for verdict in verdicts)
    kept = None if known is None else report.findings[:known]
    assert output.summary(Report(files=files, findings=found, known=kept, seconds=0.25001)) == line


def places(count: int) -> Report:
    """The same finding in several places, and another that costs less."""
    clone = RULES["pins.unpinned-clone"]
    words = RULES["shell.cd-words"]
    found = [at(words, Verdict.FAIL, Document(path=Path("x.sh"), kind="shell", text=""), n, "cd") for n in range(count)]
    found.append(at(clone, Verdict.WARN, Document(path=Path("x.sh"), kind="shell", text=""), 1, "clone"))
    return Report(files=(File(Path("x.sh"), 1, 0, 1),), findings=tuple(found))


@pytest.mark.parametrize(
    ("count", "every", "shown", "heading", "more"),
    [
        (1, False, 1, "FAIL  shell.cd-words", None),
        (10, False, 10, "FAIL  shell.cd-words  10 places", None),
        (13, False, 10, "FAIL  shell.cd-words  13 places", "  and 3 more; --all shows them"),
        (13, True, 13, "FAIL  shell.cd-words  13 places", None),
    ],
)
def test_a_rule_stands_once_with_some_of_its_places(count, every, shown, heading, more):
    lines = output.text(places(count), every=every).splitlines()
    assert lines[0] == heading and lines[1].startswith("    put ; or &&")
    assert [line for line in lines if line.startswith("  x.sh:") and line.endswith("  cd")] == lines[2 : 2 + shown]
    assert [line for line in lines if line.startswith("  and")] == ([more] if more else [])
    assert "WARN  pins.unpinned-clone" in lines


def test_what_has_another_remedy_stands_apart():
    report = places(2)
    first, *others = report.findings
    lines = output.text(replace(report, findings=(replace(first, remedy="another"), *others))).splitlines()
    assert [line for line in lines if line.startswith("FAIL")] == ["FAIL  shell.cd-words"] * 2


def test_programs_get_every_place_and_what_is_known():
    report = places(13)
    assert len(json.loads(output.as_json(report))["findings"]) == 14
    assert "known" not in json.loads(output.as_json(report))
    some = replace(report, findings=report.findings[:2], known=report.findings[2:])
    assert len(json.loads(output.as_json(some))["known"]) == 12
    [run] = json.loads(output.sarif(some))["runs"]
    assert [result["baselineState"] for result in run["results"]] == ["new"] * 2 + ["unchanged"] * 12
    assert run["properties"] == {"unread_share": 0.0, "seconds": 0.0}
    assert all("baselineState" not in one for one in json.loads(output.sarif(report))["runs"][0]["results"])


def test_the_page_is_up_to_date():
    if os.environ.get(UPDATE_GOLDEN):
        PAGE.write_text(output.page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == output.page(), "docs/lint.md is old: make goldens"


def test_the_page_names_every_rule_twice():
    text = output.page()
    for rule in all_rules():
        assert f"| {rule.id} |" in text and f"### {rule.id}\n" in text and rule.source in text
