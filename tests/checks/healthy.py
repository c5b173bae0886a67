"""What every source says on a healthy p5.48xlarge, and on one that a fault was planted in."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

from seatrial.checks.catalogue import Check, all_checks
from seatrial.checks.evidence import keep
from seatrial.checks.judging import judge
from seatrial.checks.observations import Observation
from seatrial.checks.profile import Profile
from seatrial.findings import Verdict
from tests.checks import p5

RECORDED = Path(__file__).with_name("recorded")
TYPE = "p5.48xlarge"
FAULTS = ("gpu.xid", "gpu.on-bus")
"""Rules that find the planted fault."""


def make_healthy(folder: Path) -> None:
    """As check node --save leaves it."""
    keep(healthy(), folder)


def make_sick(folder: Path) -> None:
    """With Xid 79 in its kernel's log: a GPU that has fallen off the bus."""
    rule = next(check for check in all_checks() if check.id == FAULTS[0]).rule
    planted = rule.bad.removeprefix(rule.good)
    keep([replace(seen, text=seen.text + planted) if seen.kind == rule.reads else seen for seen in healthy()], folder)


@cache
def healthy() -> tuple[Observation, ...]:
    """An observation of each kind that such a node has."""
    by_kind: dict[str, list[Check]] = {}
    for check in all_checks():
        if Profile.of(TYPE).has(check.source.part) is not False and (check.source.command or check.source.files):
            by_kind.setdefault(check.source.kind, []).append(check)
    return tuple(Observation(kind=kind, origin=kind, text=_text(kind, found)) for kind, found in by_kind.items())


def _text(kind: str, checks: list[Check]) -> str:
    """The first text, of those that were made and recorded and of the rules' examples, that all rules agree with."""
    made = [p5.MADE[kind]()] if kind in p5.MADE else []
    recorded = [path.read_text() for path in sorted((RECORDED / kind).glob("*"))]
    for text in [*made, *recorded, *(check.rule.good for check in checks)]:
        found = judge(checks, [Observation(kind=kind, origin=kind, text=text)], Profile.of(TYPE))
        if {finding.verdict for finding in found} <= {Verdict.PASS, Verdict.SKIP}:
            return text
    raise AssertionError(f"{kind}: no recorded text and no example is right for {[check.id for check in checks]}")
