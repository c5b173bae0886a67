"""A real run whose program tells figures that cannot be: its verdict says why, and a right one's says nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.errors import ExitCode
from seatrial.findings import Finding, Verdict
from seatrial.runs import Run
from seatrial.verdict import judge
from tests.command import Command

PROGRAM = Path(__file__).with_name("wrong_figures.py")


def possible(root: Path, setting: str, expect: int) -> list[Finding]:
    """What the run's verdict says of its figures."""
    Command(root)("run", str(PROGRAM), "--name", "told", "--expect", "none", "--set", setting, expect=expect)
    return [finding for finding in judge(Run(root / "told")) if finding.check == "run.possible"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("setting", "why"),
    [("told=0.5", "s pass for each second that its steps say"), ("counted=2", "its steps count 2,048 tokens")],
)
def test_figures_that_cannot_be_are_rejected(setting: str, why: str, tmp_path: Path) -> None:
    [found] = possible(tmp_path, setting, ExitCode.UNKNOWN)
    assert found.verdict is Verdict.UNKNOWN and why in found.observed


@pytest.mark.slow
def test_figures_that_can_be_are_not_doubted(tmp_path: Path) -> None:
    assert possible(tmp_path, "seed=1", ExitCode.PASSED) == []
