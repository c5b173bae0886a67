"""The command at a terminal: exit code, words, and what is left behind. docs/trials.md lists what was tried."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.trials.terminal.person import SECONDS, Person
from tests.trials.terminal.scenario import Scenario
from tests.trials.terminal.scenarios import GROUPS
from tests.waiting import poll

SCENARIOS = [scenario for scenarios in GROUPS.values() for scenario in scenarios]


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    found = Person(tmp_path)
    yield found
    found.away()


@pytest.mark.timeout(240)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_it_ends_as_it_should(person: Person, scenario: Scenario) -> None:
    for action in scenario.before:
        person.do(*action)
    person.start(scenario.command, rows=scenario.size[0], columns=scenario.size[1])
    for action in scenario.does:
        person.do(*action)
    code = person.end() if person.terminal is not None else scenario.code
    said = person.said()
    assert code == scenario.code, said
    flat = " ".join(said.split())
    for words in scenario.says:
        assert " ".join(words.split()) in flat, said
    for words in ("Traceback (most recent call last)", *scenario.never):
        assert words not in said or words in scenario.says, said
    if scenario.state == "running":
        poll(lambda: person.run().state() == "running", SECONDS, "it runs")
        person.do("elsewhere", "seatrial cancel w")
    elif scenario.state is not None:
        assert person.run().state() == scenario.state, said
    assert person.left_behind() == []
