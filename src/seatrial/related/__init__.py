"""What else was found about a slow run, besides its events: in its profiles, on its nodes, in its variables.

A diagnosis reads what a run left. What other rules say of the same run, machines and job may explain it as well, so a
slow run is told of it: each finding with its own rule, evidence and remedy. Of a run that is not slow nothing is said.
"""

from __future__ import annotations

from dataclasses import replace

from seatrial.diagnose import Diagnosis, expected, slow_rules
from seatrial.diagnose.left import Left
from seatrial.findings import Finding, Verdict
from seatrial.related import nodes, profiled, variables
from seatrial.runs import Run

SLOW = frozenset(rule.id for rule in (*slow_rules.RULES, expected.SLOWER, expected.UNTUNED))
"""Causes that slow a run, or tell that it gives less than was expected of it."""
_ORDER = (Verdict.FAIL, Verdict.WARN, Verdict.UNKNOWN)
"""What is certain comes first."""


def explain(run: Run, left: Left, found: Diagnosis) -> Diagnosis:
    """The diagnosis of a run with what else was found about it; the same one if the run is not slow, or nothing was."""
    causes = (found.cause, *(one.finding for one in found.slowed_by))
    if not any(cause.check in SLOW and cause.verdict is Verdict.WARN for cause in causes):
        return found
    everything = [*profiled.of_run(run), *nodes.of_run(run, left), *variables.of_run(run, left)]
    related = tuple(sorted(everything, key=lambda one: (_ORDER.index(one.finding.verdict), -(one.share or 0.0))))
    first = [*dict.fromkeys(one.finding.check for one in related if one.finding.verdict is not Verdict.UNKNOWN)]
    slowed_by = tuple(replace(one, finding=_look_at(first, one.finding)) for one in found.slowed_by)
    return replace(found, cause=_look_at(first, found.cause), slowed_by=slowed_by, related=related)


def _look_at(checks: list[str], finding: Finding) -> Finding:
    """Where only the machines or how they are set up can be suspected: what was found of them, instead of all rules."""
    if finding.check != expected.SLOWER.id or not checks:
        return finding
    return replace(finding, remedy=f"look first at what else was found: {', '.join(checks)}")
