"""Recorded and made outputs, judged; and what may be done to them that must not end in PASS."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from seatrial.checks.catalogue import all_checks, find
from seatrial.checks.judging import judge
from seatrial.checks.observations import Observation
from seatrial.checks.profile import NOT_KNOWN, Profile
from seatrial.findings import Finding, Verdict, overall

RECORDED = Path(__file__).parent.parent / "recorded"


def recorded(kind: str, name: str) -> str:
    return (RECORDED / kind / f"{name}.txt").read_text()


def recorded_links(kind: str, name: str) -> str:
    """Of a GPU; an output that was made for its first link is the same for all 18 of them."""
    text = recorded(kind, name)
    head, first, rest = text.partition("\t Link 0:")
    if not first or "Link 1:" in rest:
        return text
    return head + "".join((first + rest).replace("Link 0:", f"Link {link}:") for link in range(18))


def judged(id: str, text: str, instance: str = "", **fields: object) -> list[Finding]:
    """What one check says of a text."""
    check = find(id)
    profile = Profile.of(instance) if instance else NOT_KNOWN
    return judge([check], [Observation(kind=check.source.kind, origin="here", text=text, **fields)], profile)


def verdict(id: str, text: str, instance: str = "", **fields: object) -> Verdict:
    return overall(judged(id, text, instance, **fields))


def ids(kind: str) -> list[str]:
    return [check.id for check in all_checks() if check.source.kind == kind]


def torn(text: str, number: int, seed: int = 0) -> Iterator[str]:
    """The text with something missing: so many times a line, what stands behind one, and anything."""
    lines = text.splitlines(keepends=True)
    chance = random.Random(seed)
    for at in chance.sample(range(len(lines)), min(number, len(lines))):
        yield "".join(lines[:at])
        yield "".join(lines[:at] + lines[at + 1 :])
        begin, length = chance.randrange(len(text)), chance.choice((1, 2, 5, 40, len(text)))
        yield text[:begin] + text[begin + length :]


def passes_with_less(id: str, whole: str, part: str, instance: str) -> bool:
    """Whether a part of a text passes although it speaks of less than the whole."""
    findings = judged(id, part, instance)
    if overall(findings) is not Verdict.PASS:
        return False
    about = [(finding.verdict, finding.scope) for finding in judged(id, whole, instance)]
    return [(finding.verdict, finding.scope) for finding in findings] != about
