"""docs/trials.md, from the scenarios themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tests.trials.terminal.scenario import Scenario

HEAD = """# Trials of the command

What a person did with the command at a terminal, and what came of it: {count} scenarios, each of them a test in
`tests/trials/terminal`, which types, resizes, closes and kills in a pseudo-terminal. Beside the exit code, the words
and the state of the run it checks that nothing is left: no process, no shared memory, no temporary file, no traceback.
`walk.py` is a case of one file that trains nothing and takes a third of a second.

"""
COLUMNS = "| scenario | command | exit code | says | the run |\n|---|---|---|---|---|\n"


def page(groups: Mapping[str, Iterable[Scenario]]) -> str:
    """The whole page; `groups`: heading -> scenarios."""
    parts = [HEAD.format(count=sum(len(list(scenarios)) for scenarios in groups.values()))]
    for heading, scenarios in groups.items():
        rows = "".join(map(_row, scenarios))
        parts.append(
            f"## {heading}\n\n| scenario | command | exit code | says | the run |\n|---|---|---|---|---|\n{rows}\n"
        )
    return "".join(parts).rstrip() + "\n"


def _row(scenario: Scenario) -> str:
    says = ", ".join(f"`{_cell(words)}`" for words in scenario.says)
    return f"| {scenario.name} | `{_cell(scenario.command)}` | {scenario.code} | {says} | {scenario.state or ''} |\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
