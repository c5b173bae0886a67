"""DCGM's diagnosis of both generations: nothing that failed, was left out or cannot be read passes."""

from __future__ import annotations

import json

import pytest

from seatrial.checks.catalogue import find, sources
from seatrial.checks.node.dcgm import TESTS, example
from seatrial.checks.node.dcgm_json import ROOTS
from seatrial.findings import Severity, Verdict
from tests.checks.node.observing import judged, recorded, verdict

P5 = "p5.48xlarge"
OLD = recorded("dcgm", "gpus8_3_level2")


def changed(text: str, test: str, **fields: object) -> str:
    """One test of a diagnosis with other results, by their key; None takes the test away."""
    found = json.loads(text)
    [root] = [found[name] for name in ROOTS if name in found]
    for category in root["test_categories"]:
        category["tests"] = [
            {**entry, **fields} if entry and entry["name"] == test else entry
            for entry in category["tests"]
            if fields or not entry or entry["name"] != test
        ]
    return json.dumps(found)


@pytest.mark.parametrize(
    ("number", "word", "expected"),
    [
        (0, "none", Severity.MONITOR),
        (1, "monitor", Severity.MONITOR),
        (2, "isolate", Severity.ISOLATE),
        (3, "unknown", Severity.ISOLATE),
        (4, "triage", Severity.RESET),
        (5, "config", Severity.MONITOR),
        (6, "reset", Severity.RESET),
    ],
)
def test_dcgms_severity_becomes_ours_and_its_own_word_is_told(number, word, expected):
    findings = judged("dcgm.diag", example(2, "Fail", number, "GPU 7 has 3 memory errors."), P5)
    [failed] = [f for f in findings if f.verdict is Verdict.FAIL]
    assert failed.severity is expected
    assert failed.scope == {"test": "memory", "gpu": "7"}
    assert failed.observed == f"GPU 7 has 3 memory errors. (DCGM: {word})"


def test_a_severity_that_nobody_knows_is_not_taken_lightly():
    [failed] = [f for f in judged("dcgm.diag", example(2, "Fail", 7, "x"), P5) if f.verdict is Verdict.FAIL]
    assert failed.severity is Severity.ISOLATE


@pytest.mark.parametrize("text", [example(2), example(4), OLD], ids=["4, level 2", "4, level 4", "3, level 2"])
def test_both_generations_pass_and_fail(text):
    assert verdict("dcgm.diag", text, P5) is Verdict.PASS
    for old in ("Pass", "PASS"):
        for new in ("Fail", "FAIL"):
            if f'"{old}"' in text:
                assert verdict("dcgm.diag", text.replace(f'"{old}"', f'"{new}"', 1), P5) is Verdict.FAIL


def test_a_configuration_blames_no_gpu():
    [failed, *_] = judged("dcgm.diag", recorded("dcgm", "gb10_4.2.3_level1"), "g6.xlarge", status=226)
    assert (failed.verdict, failed.severity) == (Verdict.FAIL, Severity.MONITOR)


@pytest.mark.parametrize(
    "text",
    [
        '{"runtime_error": "no GPU"}\n',
        '{"DCGM Diagnostic": {"runtime_error": "the hostengine is not there"}}\n',
        '{"DCGM GPU Diagnostic": {"runtime_error": "busy", "version": "3.1.0"}}\n',
        '{"DCGM Diagnostic": {"test_categories": []}}\n',
        '{"DCGM Diagnostic 5": {"test_categories": []}}\n',
        example(2) + example(2),
        example(2).replace('"Pass"', '"Passed"'),
        example(2).replace('"test_categories"', '"categories"'),
    ],
)
def test_no_verdict_is_no_pass(text):
    findings = judged("dcgm.diag", text, P5)
    assert {f.verdict for f in findings} == {Verdict.UNKNOWN}


def test_what_was_run_before_an_error_is_told_but_does_not_pass():
    text = example(2).replace('"test_categories"', '"runtime_error": "the driver went away", "test_categories"', 1)
    assert verdict("dcgm.diag", text, P5) is Verdict.UNKNOWN
    assert "the driver went away" in judged("dcgm.diag", text, P5)[0].observed


@pytest.mark.parametrize("test", TESTS[4])
def test_a_test_that_is_missing_is_not_known(test):
    text = changed(example(4), test.replace(" ", "_"))
    unknown = [f for f in judged("dcgm.diag-4", text, P5) if f.verdict is Verdict.UNKNOWN]
    assert [f.scope for f in unknown] == [{"test": test}]


@pytest.mark.parametrize("test", ["Inforom", "Page Retirement/Row Remap", "PCIe", "GPU Memory"])
def test_a_test_of_generation_3_that_is_missing_is_not_known(test):
    assert verdict("dcgm.diag", changed(OLD, test), P5) is Verdict.UNKNOWN


def test_a_level_is_not_proven_by_a_lower_one():
    assert verdict("dcgm.diag-4", example(2), P5) is Verdict.UNKNOWN
    assert verdict("dcgm.diag", recorded("dcgm", "gpus8_3.1.0_software"), P5) is Verdict.UNKNOWN


def test_a_test_that_was_skipped_is_listed():
    skipped = [{"entity_group": "GPU", "entity_id": gpu, "status": "Skip"} for gpu in range(8)]
    needed = changed(example(2), "memory", results=skipped, test_summary={"status": "Skip"})
    assert {f.verdict for f in judged("dcgm.diag", needed, P5)} == {Verdict.PASS, Verdict.UNKNOWN}
    more = json.loads(example(2))
    more[ROOTS[0]]["test_categories"][0]["tests"].append({"name": "eud", "results": skipped})
    findings = judged("dcgm.diag", json.dumps(more), P5)
    assert {f.verdict for f in findings} == {Verdict.PASS, Verdict.SKIP}


def test_gpus_that_a_test_does_not_speak_of_are_not_known():
    results = [{"entity_group": "GPU", "entity_id": gpu, "status": "Pass"} for gpu in range(7)]
    text = changed(example(2), "memory", results=results)
    assert verdict("dcgm.diag", text, P5) is Verdict.UNKNOWN
    assert verdict("dcgm.diag", text) is Verdict.UNKNOWN, "other tests speak of eight"


def test_a_summary_that_contradicts_its_results_rules():
    assert verdict("dcgm.diag", changed(example(2), "memory", test_summary={"status": "Fail"}), P5) is Verdict.FAIL


def test_a_pass_with_a_warning_is_none():
    results = json.loads(example(2))[ROOTS[0]]["test_categories"][2]["tests"][0]["results"]
    results[3]["warnings"] = [{"warning": "GPU 3 is hot", "error_severity": 1, "error_id": 1, "error_category": 1}]
    assert verdict("dcgm.diag", changed(example(2), "memory", results=results), P5) in (Verdict.WARN, Verdict.UNKNOWN)


def test_an_exit_status_beside_passed_tests_makes_them_unknown():
    assert verdict("dcgm.diag", example(2), P5, status=226) is Verdict.UNKNOWN


def test_the_levels_and_their_time():
    assert (find("dcgm.diag").source.level, find("dcgm.diag-4").source.level) == ("full", "deep")
    assert "dcgm" not in sources("quick") and "dcgm-4" not in sources("full")
    assert all(source.alone for kind, source in sources("deep").items() if kind.startswith("dcgm"))
