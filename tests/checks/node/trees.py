"""Fake trees of /proc and /sys, which are looked at as the real ones are."""

from __future__ import annotations

from pathlib import Path

from seatrial.checks.collecting import collect
from seatrial.checks.judging import judge
from seatrial.checks.observations import Source
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, Verdict, overall
from tests.checks.test_checks import CHECKS, judged

C5 = Profile.of("c5.2xlarge")
"""Neither EFA nor an accelerator."""


def seen(rule: str, root: Path, profile: Profile = C5, source: Source | None = None) -> list[Finding]:
    check = CHECKS[rule]
    [observation] = collect([source or check.source], profile, root)
    return judge([check], [observation], profile)


def write(root: Path, **files: str) -> None:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def verdicts(findings: list[Finding]) -> list[Verdict]:
    return [finding.verdict for finding in findings]


def edited(rule: str, old: str, new: str, profile: Profile | None = None) -> Verdict:
    """The verdict on the good example in which something is otherwise."""
    good = CHECKS[rule].rule.good
    assert old in good
    return overall(judged(CHECKS[rule], good.replace(old, new), profile))
