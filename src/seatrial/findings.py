"""Findings: what a check observed, what it expected, and what follows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """The outcome of one check, or of all of them together."""

    PASS = "PASS"
    WARN = "WARN"
    FAIL = "FAIL"
    UNKNOWN = "UNKNOWN"
    """It could not be judged. Never counted as a pass."""
    SKIP = "SKIP"
    """Left out on purpose; the finding says why."""


class Severity(StrEnum):
    """How much a finding matters to the node or run that it is about."""

    NONE = "none"
    HIGH = "high"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What one check says about one thing."""

    check: str
    """Stable id of the rule, for example ``run.loss-fell``."""
    verdict: Verdict
    """PASS, WARN, FAIL, UNKNOWN or SKIP."""
    observed: str
    """What was seen."""
    expected: str = ""
    """What would have been right."""
    severity: Severity = Severity.NONE
    """How much it matters to what it is about."""
    evidence: str = ""
    """Where it was seen: a file of the run, an event, a rank."""
    action: str = ""
    """What to do about it."""
    scope: dict[str, Any] = field(default_factory=dict)
    """What it is about: step, rank, node."""


# From best to worst. UNKNOWN is worse than WARN, since nobody looked, and better than FAIL, which is certain.
_ORDER = (Verdict.SKIP, Verdict.PASS, Verdict.WARN, Verdict.UNKNOWN, Verdict.FAIL)


def overall(findings: Iterable[Finding]) -> Verdict:
    """The worst verdict of all. No findings, or only skipped ones, means that nothing was judged: UNKNOWN."""
    worst = max((f.verdict for f in findings), key=_ORDER.index, default=Verdict.SKIP)
    return Verdict.UNKNOWN if worst is Verdict.SKIP else worst
