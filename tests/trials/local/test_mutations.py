"""No false PASS: what is damaged in a healthy observation, in more than one place, never mends itself.

Alone, each line that a rule needs is known by what happens when it is gone. A random mutation that takes one of them,
whatever else it does to the text, must not end in PASS; none may end in anything but findings.
"""

from __future__ import annotations

import random
import re
from functools import cache

import pytest

from seatrial.checks.catalogue import Check, all_checks
from seatrial.checks.judging import judge
from seatrial.checks.observations import Observation
from seatrial.checks.profile import Profile
from seatrial.findings import Verdict, overall
from tests.checks.healthy import TYPE, healthy

MUTATIONS = 100_000
"""Of all kinds together."""
KINDS = {seen.kind: seen.text for seen in healthy()}
NODE = Profile.of(TYPE)
LEAST = 200
RELATIONS = {
    "mounts": "what is neither wanted nor there is no fault",
    "smart": "without both marks it is what people paste of one disk",
}
"""Kinds that hold one thing against another, and why nothing is missing where both are gone: one damage at a time."""


@cache
def checks(kind: str) -> tuple[Check, ...]:
    return tuple(check for check in all_checks() if check.source.kind == kind)


def verdicts(kind: str, text: str) -> dict[str, Verdict]:
    """Rule -> what it comes to. Each rule must say something."""
    found = judge(checks(kind), [Observation(kind=kind, origin="x", text=text)], NODE)
    by_check = {check.id: [finding for finding in found if finding.check == check.id] for check in checks(kind)}
    assert all(by_check.values()), by_check
    return {name: overall(findings) for name, findings in by_check.items()}


def needed(kind: str, lines: list[str]) -> dict[str, set[int]]:
    """Rule -> the lines without which it does not pass."""
    found: dict[str, set[int]] = {check.id: set() for check in checks(kind)}
    for number in range(len(lines)):
        without = verdicts(kind, "".join(lines[:number] + lines[number + 1 :]))
        for name, verdict in without.items():
            if verdict is not Verdict.PASS:
                found[name].add(number)
    return found


def mutated(lines: list[str], chosen: random.Random, most: int) -> tuple[str, set[int]]:
    """A text that is damaged in up to `most` places, and the lines that are gone from it."""
    parts: list[str | None] = [*lines]
    for _ in range(chosen.randint(1, most)):
        at = chosen.randrange(len(parts))
        line = parts[at]
        if line is None:
            continue
        match chosen.randrange(4):
            case 0:
                parts[at] = None
            case 1:
                parts[at] = line[: chosen.randrange(len(line))] + "\n"
            case 2:
                words = line.split(" ")
                chosen.shuffle(words)
                parts[at] = " ".join(words).rstrip("\n") + "\n"
            case _:
                parts[at] = re.sub(r"\d+", lambda m: str(int(m[0]) * 1000 + 7), line, count=1)
    gone = {number for number, part in enumerate(parts) if part is None}
    return "".join(part for part in parts if part is not None), gone


def tries(kind: str) -> int:
    """How many of the mutations a kind gets: the more the shorter its text, since its time goes with the length."""
    share = {name: 1 / (10 + text.count("\n")) for name, text in KINDS.items()}
    return max(LEAST, int(MUTATIONS * share[kind] / sum(share.values())) + 1)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_damaged_never_passes(kind: str) -> None:
    lines = KINDS[kind].splitlines(keepends=True)
    healthy_verdicts = verdicts(kind, KINDS[kind])
    assert set(healthy_verdicts.values()) <= {Verdict.PASS, Verdict.UNKNOWN}  # overall of skipped ones alone
    evidence = set[int]().union(*needed(kind, lines).values())
    chosen = random.Random(kind)
    for _ in range(tries(kind)):
        text, gone = mutated(lines, chosen, 1 if kind in RELATIONS else 4)
        if gone & evidence:
            found = verdicts(kind, text)
            assert overall_of(found) is not Verdict.PASS, f"passes without a line that is needed:\n{text[:2000]}"
        else:
            verdicts(kind, text)


def overall_of(found: dict[str, Verdict]) -> Verdict:
    """The worst."""
    return max(found.values(), key=(Verdict.SKIP, Verdict.PASS, Verdict.WARN, Verdict.UNKNOWN, Verdict.FAIL).index)
