"""A gate for CI: worse than the baseline by more than noise, not worse, or not to be told; words for each."""

import json
import math
import random

import pytest
from click.testing import CliRunner

from seatrial.cli import cli
from seatrial.findings import Finding, Verdict
from seatrial.report.comparison_page import to_html
from seatrial.report.gate import Outcome, gate
from seatrial.report.summary import summarise

FAILED = [Finding(check="c", verdict=Verdict.FAIL, observed="")]


@pytest.fixture
def run(make_run, story):
    """A run of 60 steps of about 100 ms: run(name, level of its times, what is added to its losses)."""

    def make(name, level=1.0, worse=0.0, *, steps=60, findings=(), **changes):
        chance = random.Random(name)
        events = [(0.0, story.start(**changes))]
        for number in range(1, steps + 1):
            seconds = 0.1 * level * (1 + chance.gauss(0, 0.01))
            loss = 3.0 + 2.0 * math.exp(-number / 15) + chance.gauss(0, 0.02) + worse
            events.append((number * 0.1, story.step(number, seconds=seconds, loss=loss)))
        return summarise(make_run(events, name=name), list(findings))

    return make


def test_the_same_within_noise_is_not_worse(run):
    found = gate(run("base"), run("other"))
    assert found.outcome is Outcome.NOT_WORSE and len(found.reasons) == 3
    assert all("within noise" in reason for reason in found.reasons)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"level": 1.1}, "% lower, more than noise"),
        ({"worse": 0.2}, "loss at the end of common steps 6"),
        ({"worse": math.nan}, "not a finite number at step 1"),
        ({"findings": FAILED}, "it failed its checks, the baseline did not"),
    ],
)
def test_slower_or_with_a_higher_loss_is_worse(run, changes, words):
    found = gate(run("base"), run("other", **changes))
    assert found.outcome is Outcome.WORSE and words in found.reasons[0]


def test_faster_is_not_worse(run):
    found = gate(run("base", 1.1), run("other"))
    assert found.outcome is Outcome.NOT_WORSE and "% higher, more than noise" in found.reasons[0]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"steps": 6}, "it did 6 steps, the baseline 60"),
        ({"unit": "samples"}, "one counts tokens, the other samples"),
        ({"steps": 1}, "throughput of this run is unknown"),
    ],
)
def test_what_cannot_be_compared_is_not_to_be_told(run, changes, words):
    found = gate(run("base"), run("other", **changes))
    assert found.outcome is Outcome.UNKNOWN and any(words in reason for reason in found.reasons)


@pytest.fixture
def compare(tmp_path):
    def call(*args):
        return CliRunner().invoke(cli, ["compare", *args, "--runs-dir", str(tmp_path)])

    return call


def test_exit_codes_and_words_for_each_run(run, compare):
    for name, changes in (("base", {}), ("good", {}), ("slow", {"level": 1.2}), ("images", {"unit": "samples"})):
        run(name, **changes)
    codes = {
        names: compare("--baseline", "base", *names.split()).exit_code
        for names in ("good", "slow", "images", "good images", "images slow")
    }
    assert codes == {"good": 0, "slow": 1, "images": 3, "good images": 3, "images slow": 1}
    told = json.loads(compare("--baseline", "base", "good", "slow", "--json").stdout)["gate"]
    assert [(one["run"], one["outcome"]) for one in told] == [("good", "not worse"), ("slow", "worse")]
    text = compare("--baseline", "base", "slow").stdout
    assert text.index("Against base") < text.index("worse") < text.index("Measures")


def test_more_than_two_runs_stand_side_by_side(run, compare):
    for name in ("one", "two", "three"):
        run(name)
    done = compare("one", "two", "three")
    assert done.exit_code == 0 and "one (A), two (B) and three (C)" in done.stdout
    record = json.loads(compare("one", "two", "three", "--format", "json").stdout)
    assert record["baseline"] == "one" and [one["b"] for one in record["comparisons"]] == ["two", "three"]
    page = compare("one", "two", "three", "--format", "html").stdout
    assert page.startswith("<!doctype html>") and page.count("<svg") == 2
    assert all(letter in page for letter in ("three (C)", "A and C", ">C</text>"))


def test_without_a_baseline_nothing_is_a_gate(run, compare):
    run("base")
    run("slow", level=1.2)
    done = compare("base", "slow")
    assert done.exit_code == 0 and "larger than noise" in done.stdout and "Against base" not in done.stdout


def test_no_form_of_a_comparison_shows_a_key(run, compare):
    key = "hf_" + 20 * "a"
    first, second = run("one"), run("two", versions={"torch": key})
    for format_ in ("text", "md", "json", "html"):
        said = compare("one", "two", "--format", format_).stdout
        assert "hf_***" in said and key not in said
    page = to_html([first, second])  # as it is served
    assert "hf_***" in page and key not in page


def test_one_run_alone_is_not_compared(run, compare):
    run("one")
    assert "there is one run only" in str(compare("one").exception)
