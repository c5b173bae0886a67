"""Programs that install something must be here before a stack is made, also those that scripts start."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.findings import Verdict
from seatrial.plan import Command, Plan
from seatrial.preflight import tools
from seatrial.preflight.site import Site
from tests.preflight.conftest import site

COMMANDS = (
    Command(argv=("kubectl", "apply"), title="objects"),
    Command(argv=("sh", "chart.sh"), title="a chart", programs=("helm",)),
)


def installing(*commands: Command) -> Site:
    one = site()
    architecture = replace(one.deployment.architecture, installs=lambda *_: Plan(commands=commands))
    return Site(replace(one.deployment, architecture=architecture))


@pytest.mark.parametrize(
    ("here", "verdict", "told"),
    [
        (("helm", "kubectl"), Verdict.PASS, "helm, kubectl"),
        (("kubectl",), Verdict.FAIL, "helm is not on PATH"),
        ((), Verdict.FAIL, "helm, kubectl are not on PATH"),
    ],
)
def test_programs_are_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: tuple[str, ...], verdict: Verdict, told: str
) -> None:
    for name in here:
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    (found,) = tools.look(installing(*COMMANDS))
    assert (found.check, found.verdict, found.observed) == ("arch.tools", verdict, told)


def test_nothing_is_said_where_nothing_is_installed() -> None:
    assert [*tools.look(installing())] == []
