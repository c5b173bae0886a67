"""From observations to findings. What was not observed, or cannot be read, is UNKNOWN for all that reads it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from seatrial.checks.catalogue import Check
from seatrial.checks.observations import Lines, Observation, Unreadable
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, Severity, Verdict

ORDER = tuple(Severity)
"""From nothing to do to the most."""
AGAIN = "take it again and whole; if it is, the tool may be of a version that nobody has read yet"
"""What to do about a text that cannot be judged. What the rule says is for a fault that was seen."""


def judge(checks: Iterable[Check], observations: Iterable[Observation], profile: Profile) -> list[Finding]:
    """All findings of the checks, at least one of each."""
    seen: dict[str, list[Observation]] = {}
    for observation in observations:
        seen.setdefault(observation.kind, []).append(observation)
    by_kind: dict[str, list[Check]] = {}
    for check in checks:
        by_kind.setdefault(check.source.kind, []).append(check)
    return [finding for kind, group in by_kind.items() for finding in _of_source(group, seen.get(kind, []), profile)]


def severity(findings: Iterable[Finding]) -> Severity:
    """What is to be done with what the findings are about: the most that one of them asks for."""
    return max((finding.severity for finding in findings), key=ORDER.index, default=Severity.NONE)


def _of_source(checks: list[Check], observations: list[Observation], profile: Profile) -> Iterator[Finding]:
    source = checks[0].source
    has = profile.has(source.part)
    if not observations:
        for check in checks:
            if has is False:
                yield check.rule.finding(Verdict.SKIP, f"a node of type {profile.name} has no {source.part}")
            else:
                remedy = "look at the node: seatrial check node"
                yield check.rule.finding(Verdict.UNKNOWN, "not looked at", remedy=remedy, evidence=source.kind)
        return
    for observation in observations:
        yield from _of_observation(checks, observation, profile, has)


def _of_observation(
    checks: list[Check], observation: Observation, profile: Profile, has: bool | None
) -> Iterator[Finding]:
    problem, remedy = observation.problem, observation.remedy or f"see what it says by itself: {observation.origin}"
    if problem and has is None:
        remedy = f"{remedy}; or say what the node is: --instance"
    parsed, lines = None, Lines(observation)
    if not problem:
        try:
            parsed = checks[0].source.parse(lines)
        except Unreadable as error:
            problem = f"could not be read: line {lines.count}, {error}" if error.line else f"could not be read: {error}"
            remedy = AGAIN
        except OSError as error:
            problem = f"could not be read: {error.strerror or error}"
    doubt = "" if problem else _doubt(checks[0], observation, lines)
    for check in checks:
        if problem:
            yield check.rule.finding(Verdict.UNKNOWN, problem, remedy=remedy, evidence=observation.origin)
            continue
        for finding in _judged(check, parsed, profile):
            if doubt and finding.verdict is Verdict.PASS:
                observed = f"{finding.observed}, but {doubt}"
                told = check.rule.finding(Verdict.UNKNOWN, observed, remedy=AGAIN, scope=finding.scope)
                finding = replace(told, expected=finding.expected)
            yield finding if finding.evidence else replace(finding, evidence=observation.origin)


def _judged(check: Check, parsed: object, profile: Profile) -> list[Finding]:
    found = list(check.judge(check.rule, parsed, profile))
    return found or [check.rule.finding(Verdict.UNKNOWN, "nothing in it that could be judged")]


def _doubt(check: Check, observation: Observation, lines: Lines) -> str:
    """Why what was read may not be all."""
    if observation.status not in check.source.statuses:
        said = f": {observation.error}" if observation.error else ""
        ended = f"signal {-observation.status}" if observation.status < 0 else f"exit status {observation.status}"
        return f"the command ended with {ended}{said}"
    if check.source.ends and not lines.whole:
        return "its last line is cut off"
    return ""
