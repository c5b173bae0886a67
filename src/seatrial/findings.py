"""Rules and findings: what is looked at, what was observed, and what follows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

from seatrial.errors import ExitCode


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
    """What a finding asks to be done with the node that it is about."""

    NONE = "none"
    MONITOR = "monitor"
    """Look at it again; it may go on working."""
    RESET = "reset"
    """Reset the device."""
    REBOOT = "reboot"
    ISOLATE = "isolate"
    """Let no job onto it until it is repaired."""

    @property
    def action(self) -> str:
        """What is to be done, in words."""
        return _ACTIONS[self]


_ACTIONS = {
    Severity.NONE: "nothing to do",
    Severity.MONITOR: "look at it again",
    Severity.RESET: "reset the device",
    Severity.REBOOT: "reboot the node",
    Severity.ISOLATE: "let no job onto the node",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What one rule says about one thing. Made by `Rule.finding`."""

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
    remedy: str = ""
    """What to do about it."""
    source: str = ""
    """Who says what is right: a document, or where it was measured."""
    scope: dict[str, Any] = field(default_factory=dict)
    """What it is about: step, rank, node."""

    def about(self, *known: str) -> str:
        """What of a run or a node it is about, ``gpu 3, link 7``, but for those parts that the reader knows already."""
        words = {
            key: " ".join(map(str, value)) if isinstance(value, list) else value for key, value in self.scope.items()
        }
        return ", ".join(f"{key} {value}" for key, value in words.items() if key not in known)

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Finding:
        """The finding of what dataclasses.asdict and JSON made of one; fields of later versions are passed over.

        Raises ValueError, TypeError or KeyError for what is none.
        """
        values = {name: record[name] for name in _FIELDS if name in record}
        if "action" in record:  # its name before 0.1.0, when the only severity was "high"
            values["remedy"] = record["action"]
        severity = record.get("severity", Severity.NONE)
        values["severity"] = Severity.MONITOR if severity == "high" else Severity(severity)
        values["verdict"] = Verdict(record["verdict"])
        return cls(**values)


_FIELDS = tuple(f.name for f in fields(Finding))


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One thing that is looked at, wherever: in a file, an environment, a run, a cluster, on a node."""

    id: str
    """Topic, dot, name: ``run.loss-fell``. Stable: people select and excuse rules by it."""
    verdicts: tuple[Verdict, ...] = (Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN)
    """Those that it can give."""
    reads: str
    """What it looks at: ``events.jsonl``, ``sinfo``, an environment."""
    expected: str
    """What is right."""
    why: str
    """What goes wrong otherwise."""
    remedy: str
    """What to do about it."""
    source: str
    """Who says so: a document, or where it was measured."""
    severity: Severity = Severity.NONE
    """What FAIL asks to be done with the node. Who is not certain asks for MONITOR at most."""
    good: str
    """An example of what it reads in which nothing is wrong."""
    bad: str
    """The same with the fault."""

    def finding(
        self,
        verdict: Verdict,
        observed: str,
        *,
        expected: str = "",
        remedy: str = "",
        evidence: str = "",
        scope: Mapping[str, Any] | None = None,
    ) -> Finding:
        """What was found; `expected` and `remedy` where the case at hand allows more to be said than the rule does."""
        assert verdict in self.verdicts, f"{self.id} gives no {verdict}"
        fine = verdict in (Verdict.PASS, Verdict.SKIP)
        severity = self.severity if verdict is Verdict.FAIL or self.severity is Severity.NONE else Severity.MONITOR
        return Finding(
            check=self.id,
            verdict=verdict,
            observed=observed,
            expected=expected or self.expected,
            severity=Severity.NONE if fine else severity,
            evidence=evidence,
            remedy="" if fine else remedy or self.remedy,
            source=self.source,
            scope=dict(scope or {}),
        )


# From best to worst. UNKNOWN is worse than WARN, since nobody looked, and better than FAIL, which is certain.
_ORDER = (Verdict.SKIP, Verdict.PASS, Verdict.WARN, Verdict.UNKNOWN, Verdict.FAIL)


def judged(good: bool) -> Verdict:
    """PASS or FAIL."""
    return Verdict.PASS if good else Verdict.FAIL


def overall(findings: Iterable[Finding]) -> Verdict:
    """The worst verdict of all. No findings, or only skipped ones, means that nothing was judged: UNKNOWN."""
    worst = max((f.verdict for f in findings), key=_ORDER.index, default=Verdict.SKIP)
    return Verdict.UNKNOWN if worst is Verdict.SKIP else worst


def exit_code(findings: Iterable[Finding]) -> int:
    """What a command ends with that was asked for a verdict: WARN passes."""
    return {Verdict.FAIL: ExitCode.FAILED, Verdict.UNKNOWN: ExitCode.UNKNOWN}.get(overall(findings), ExitCode.PASSED)
