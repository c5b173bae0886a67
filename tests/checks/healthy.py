"""What every source says on a healthy p5.48xlarge, and on one that a fault was planted in."""

from __future__ import annotations

from pathlib import Path

from seatrial.checks.catalogue import all_checks
from seatrial.checks.evidence import keep
from seatrial.checks.observations import Observation

FAULTS = ("node.memory",)
"""Rules of which one finds the planted fault."""


def make_healthy(folder: Path) -> None:
    keep([Observation(kind=c.source.kind, origin="recorded", text=c.rule.good) for c in all_checks()], folder)


def make_sick(folder: Path) -> None:
    keep([Observation(kind=c.source.kind, origin="recorded", text=c.rule.bad) for c in all_checks()], folder)
