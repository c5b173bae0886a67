"""Whether a node is kept away from jobs, and what lifts that.

The scheduler itself holds the mark: an agent that is restarted, upgraded or evicted forgets nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from seatrial.checks.catalogue import Check
from seatrial.checks.judging import ORDER
from seatrial.checks.observations import LEVELS, Level
from seatrial.findings import Finding, Severity, Verdict, overall

SHARE = 0.10
"""Of a cluster that is quarantined at most: beyond that it is more likely the check, or a rack, than so many nodes."""
LEAST = Severity.RESET
"""What a FAIL must ask for to keep jobs away: a node to look at again may go on working."""
LONGEST = 200
"""Characters of a mark: Slurm shows a reason in a column, and Kubernetes keeps labels short."""

_MARK = re.compile(r"seatrial/(quick|full|deep) ([a-z0-9.-]+): ?(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Mark:
    """Why a node is quarantined, as the scheduler shows it: ``seatrial/deep kernel.xid: Xid 79 on 0000:0f:00``."""

    level: Level
    """A passing check of this level, or of a higher one, lifts it."""
    check: str
    words: str

    def __str__(self) -> str:
        return f"seatrial/{self.level} {self.check}: {self.words}"[:LONGEST]

    @classmethod
    def of(cls, reason: str) -> Mark | None:
        """The mark that a scheduler's reason is; None for words of somebody else, which stay his to take back."""
        found = _MARK.match(reason.strip())
        if found is None:
            return None
        level = next(level for level in LEVELS if level == found[1])
        return cls(level, found[2], found[3])


class Step(StrEnum):
    """What follows from a check for the node that it was made on."""

    NOTHING = "nothing"
    QUARANTINE = "quarantine"
    KEEP = "keep"
    """It is quarantined and stays so."""
    RELEASE = "release"
    HOLD = "hold"
    """It ought to be quarantined, but too much of the cluster is."""


def mark(checks: Iterable[Check], findings: Iterable[Finding], level: Level) -> Mark | None:
    """The mark that the worst finding makes; None if none keeps jobs away."""
    grave = [
        finding
        for finding in findings
        if finding.verdict is Verdict.FAIL and ORDER.index(finding.severity) >= ORDER.index(LEAST)
    ]
    if not grave:
        return None
    worst = max(grave, key=lambda finding: ORDER.index(finding.severity))  # the first of the worst
    disproved = {check.id: check.source.disproved_by for check in checks}.get(worst.check) or level
    needed = max(disproved, level, key=LEVELS.index)
    return Mark(needed, worst.check, " ".join(", ".join(filter(None, (worst.observed, worst.about()))).split()))


def step(
    new: Mark | None, old: Mark | None, findings: Iterable[Finding], level: Level, quarantined: int, nodes: int
) -> Step:
    """What to do with a node that has the mark `old`, and by a check of this level ought to have `new`.

    `quarantined`: nodes of the cluster that have a mark; `nodes`: all of them.
    """
    if new is not None:
        if old is not None:  # what takes more to be disproved replaces what takes less
            return Step.KEEP if LEVELS.index(new.level) <= LEVELS.index(old.level) else Step.QUARANTINE
        return Step.QUARANTINE if quarantined < max(1, int(SHARE * nodes)) else Step.HOLD
    if old is None:
        return Step.NOTHING
    passed = overall(findings) in (Verdict.PASS, Verdict.WARN)
    return Step.RELEASE if passed and LEVELS.index(level) >= LEVELS.index(old.level) else Step.KEEP
