"""How a launcher's check of a cluster speaks."""

from __future__ import annotations

from seatrial.findings import Finding, Severity, Verdict


def finding(name: str, verdict: Verdict, observed: str, expected: str, action: str = "") -> Finding:
    """A finding about a cluster; what to do about it is only said where something is to be done."""
    return Finding(
        check=f"cluster.{name}",
        verdict=verdict,
        severity=Severity.HIGH if verdict is Verdict.FAIL else Severity.NONE,
        observed=observed,
        expected=expected,
        action="" if verdict is Verdict.PASS else action,
    )
