"""How the values of a variable are told from those that its library does not take."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from seatrial.findings import Verdict
from seatrial.network.site import Fact, Versions
from seatrial.network.values import Test


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    """What some variables may be."""

    names: frozenset[str]
    takes: Test
    values: str
    """For people: what `takes` tests."""
    otherwise: str
    """What becomes of another value."""
    verdict: Verdict = Verdict.FAIL
    source: str
    since: Callable[[Versions], Fact] = lambda _: True
    """Whether the software is one that reads it so."""

    def refuses(self, value: str, versions: Versions) -> bool:
        """It is certain that the value is not taken."""
        return not self.takes(value) and self.since(versions) is not False


def named(prefix: str, endings: str) -> frozenset[str]:
    return frozenset(prefix + ending for ending in endings.split())


def matches(pattern: str, flags: int = re.IGNORECASE) -> Test:
    """The whole value is like this, without a blank too many."""
    compiled = re.compile(pattern, flags)
    return lambda value: compiled.fullmatch(value) is not None


def within(least: int, most: int) -> Test:
    """A number between the two, or none at all: what is no number is told by another row."""
    return lambda value: not re.fullmatch(r"\s*-?\d+\s*", value) or least <= int(value) <= most


def list_of(names: str) -> Test:
    one = "|".join(names.split())
    return matches(rf"\^?(?:{one})(?:,(?:{one}))*,?")


NUMBER = matches(r"\s*[-+]?(?:0x[0-9a-f]+|\d+)(?:\s.*)?", re.IGNORECASE | re.DOTALL)
"""What strtoll() and atoi() read to the end of a word."""
