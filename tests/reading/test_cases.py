"""Small logs with what is right about them: tests/reading/cases, a file for each.

Their first lines: ``# read: CASE/RECIPE --set steps=10`` is what `seatrial read` gets; ``# expect: FAIL run.completed
words`` a finding, and what it says; ``# form: words`` what is said of the log's form; ``# device: words`` what it ran
on, and ``# ranks: 8`` on how many; ``# case: CASE`` whose it is, where `seatrial read auto` has to find it out.
"""

from __future__ import annotations

import re
import shlex
from functools import cache
from pathlib import Path

import pytest

from seatrial import catalog, reading
from seatrial.events import Event, EventLog, RunStart, Step, Timed
from seatrial.findings import Finding, Verdict
from seatrial.job import Job
from seatrial.spec import Case
from seatrial.verdict import judge_events

FOLDER = Path(__file__).with_name("cases")
CASES = sorted(path.name for path in FOLDER.iterdir())
ALL = [*(case for case in catalog.cases() if case.log_reader), *reading.FOREIGN]
FOREIGN = {case.name: case for case in reading.FOREIGN}


def said(name: str, word: str) -> list[str]:
    return re.findall(rf"(?m)^# {word}: (.+)$", (FOLDER / name).read_text(encoding="utf-8"))


def lines(name: str) -> list[str]:
    with (FOLDER / name).open(encoding="utf-8") as file:
        return [line for line in file if not re.match(r"# (?:read|expect|form|device|case|ranks): ", line)]


@cache
def job(name: str) -> tuple[Case, Job, str | None]:
    target, *options = shlex.split(said(name, "read")[0])
    case = FOREIGN.get(target)
    if target == "auto":
        case = reading.recognise(ALL, lines(name))
        recipe = reading.anonymous(case.recipes[0])
    else:
        case, recipe = (case, case.recipes[0]) if case else catalog.recipe(target)
    settings = dict(text.split("=", 1) for text in options if "=" in text)
    instance = options[options.index("--instance") + 1] if "--instance" in options else None
    return case, *reading.job(case, recipe, settings=settings, instance_type=instance)


def read(name: str, log: list[str]) -> list[Event]:
    case, bound, instance = job(name)
    return [event for _, event in reading.events(case, bound, log, 0.0, instance)]


def judged(name: str, log: list[str]) -> dict[str, Finding]:
    _, bound, _ = job(name)
    return {one.check: one for one in judge_events(bound, EventLog([Timed(0.0, event) for event in read(name, log)]))}


@pytest.mark.parametrize("name", CASES)
def test_what_is_found_is_what_is_right(name: str) -> None:
    found = judged(name, lines(name))
    expected = said(name, "expect")
    assert expected, "it says nothing of what is right"
    for text in expected:
        verdict, check, *words = text.split(" ", 2)
        finding = found[check]
        assert finding.verdict is Verdict(verdict), f"{text}: {finding}"
        assert not words or words[0] in finding.observed, f"{text}: {finding.observed}"
    told = {text.split()[1] for text in expected}
    assert told.issuperset(found.keys() & {"run.log-readable", "run.log-times", "run.log-hardware"}), found


@pytest.mark.parametrize("name", [name for name in CASES if said(name, "form")])
def test_the_form_is_told(name: str) -> None:
    start = next(event for event in read(name, lines(name)) if isinstance(event, RunStart))
    assert said(name, "form")[0] in start.versions["log"]


@pytest.mark.parametrize("name", [name for name in CASES if said(name, "device")])
def test_what_it_ran_on_is_told_or_unknown(name: str) -> None:
    start = next(event for event in read(name, lines(name)) if isinstance(event, RunStart))
    assert said(name, "device") == [start.device]


@pytest.mark.parametrize("name", [name for name in CASES if said(name, "ranks")])
def test_how_many_ranks_it_ran_on(name: str) -> None:
    start = next(event for event in read(name, lines(name)) if isinstance(event, RunStart))
    assert said(name, "ranks") == [str(start.world_size)]


def test_a_step_without_a_batch_took_what_passed_between_its_lines() -> None:
    name = "auto-does-not-know-the-hardware.log"
    steps = [event for event in read(name, lines(name)) if isinstance(event, Step)]
    assert [step.seconds for step in steps] == pytest.approx([1.19] * 10, abs=0.01)
    assert [step.count for step in steps] == pytest.approx([8192] * 10, rel=0.01)  # 6,904 a second of one accelerator


@pytest.mark.parametrize("name", CASES)
def test_whose_log_it_is(name: str) -> None:
    found = reading.recognise(ALL, lines(name))
    target = said(name, "read")[0].split()[0].split("/")[0]
    assert found.name == (said(name, "case")[0] if target == "auto" else target)
