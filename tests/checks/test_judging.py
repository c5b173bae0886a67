"""Findings of observations: nothing is overwritten, and what may not be all does not pass."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seatrial.checks.catalogue import Check, Rule
from seatrial.checks.judging import AGAIN, judge, severity
from seatrial.checks.observations import Lines, Observation, Source, Unreadable
from seatrial.checks.profile import NOT_KNOWN, Profile
from seatrial.findings import Finding, Severity, Verdict, judged, overall


def words(lines: Lines) -> list[str]:
    found = []
    for line in lines:
        if "?" in line:
            raise Unreadable("words", line)
        found += line.split()
    return found


SOURCE = Source(kind="words", title="", part="gpu", level="quick", parse=words, command=("words",), package="x")
RULE = Rule(
    id="x.y",
    verdicts=(*Verdict,),
    reads="words",
    expected="good",
    why="Why.",
    remedy="do",
    source="here",
    severity=Severity.REBOOT,
    good="good\n",
    bad="bad\n",
    scope="gpu",
    on="p5.48xlarge",
)


def good(rule: Rule, seen: list[str], _: Profile) -> list[Finding]:
    return [rule.finding(judged(word == "good"), word) for word in seen]


CHECK = Check(RULE, SOURCE, good)
NODE = Profile.of("p5.48xlarge")


def found(text: str = "", profile: Profile = NODE, **fields: object) -> list[Finding]:
    return judge([CHECK], [Observation(kind="words", origin="words -a", text=text, **fields)], profile)


def test_each_observation_is_judged_and_told_where_it_was_seen():
    [one, two] = found("good bad\n")
    assert (one.verdict, two.verdict) == (Verdict.PASS, Verdict.FAIL)
    assert one.evidence == two.evidence == "words -a"
    assert overall([one, two]) is Verdict.FAIL
    assert severity([two, one]) is Severity.REBOOT


def test_a_later_look_takes_nothing_back():
    observations = [Observation(kind="words", origin=str(n), text=text) for n, text in enumerate(["bad\n", "good\n"])]
    verdicts = [finding.verdict for finding in judge([CHECK], observations, NODE)]
    assert verdicts == [Verdict.FAIL, Verdict.PASS]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"text": "good"}, "its last line is cut off"),
        ({"text": "good\n", "status": 3, "error": "no device"}, "exit status 3: no device"),
        ({"text": "good\n", "status": -9}, "signal 9"),
    ],
)
def test_what_may_not_be_all_does_not_pass(fields, said):
    [finding] = found(**fields)
    assert finding.verdict is Verdict.UNKNOWN
    assert said in finding.observed


def test_a_fault_is_a_fault_also_in_half_a_text():
    [finding] = found("bad", status=3)
    assert finding.verdict is Verdict.FAIL


@pytest.mark.parametrize("text", ["good\nwhat?\n", ""])
def test_the_first_line_that_cannot_be_read_is_told(text):
    [finding] = found(text)
    assert finding.verdict is Verdict.UNKNOWN
    if text:
        assert "line 2" in finding.observed and "what?" in finding.observed and "words" in finding.observed


def test_what_is_missing_names_the_package_and_the_instance_type():
    [finding] = found(problem="words is not installed", remedy="install x")
    assert (finding.observed, finding.remedy) == ("words is not installed", "install x")
    [finding] = found(problem="words is not installed", remedy="install x", profile=NOT_KNOWN)
    assert finding.verdict is Verdict.UNKNOWN
    assert "--instance" in finding.remedy


@pytest.mark.parametrize(
    "fields", [{"text": "what?\n"}, {"text": "good"}, {"text": "good\n", "status": 3}, {"problem": "x"}]
)
def test_what_was_not_seen_asks_for_no_repair(fields):
    [seen], [unseen] = found(**fields), judge([CHECK], [], NODE)
    assert RULE.remedy not in (seen.remedy, unseen.remedy)
    assert (seen.remedy == AGAIN) is ("text" in fields)


def test_a_file_is_read_line_by_line_and_engines_prefixes_are_taken_off(tmp_path):
    path = tmp_path / "log"
    path.write_text("0: good\n1: good\n")
    observation = Observation(kind="words", origin="log", path=path, foreign=True)
    assert [f.verdict for f in judge([CHECK], [observation], NODE)] == [Verdict.PASS] * 2
    assert [f.observed for f in judge([CHECK], [replace(observation, foreign=False)], NODE)][:2] == ["0:", "good"]
    path.unlink()
    [finding] = judge([CHECK], [observation], NODE)
    assert finding.verdict is Verdict.UNKNOWN and "No such file" in finding.observed
