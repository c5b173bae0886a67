"""The kinds of rules: about one variable, about two that clash, about a name that is gone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from seatrial import findings
from seatrial.findings import Verdict
from seatrial.network.site import Fact, Site
from seatrial.network.values import Test, anything

Kind = Literal["needless", "harmful"]

READS = "the variables of a job"
LEFT_OUT = ""
"""An environment in which nothing is set: most often the right one."""


def always(_: Site) -> Fact:
    return True


def on_efa(site: Site) -> Fact:
    return site.efa


def several_nodes(site: Site) -> Fact:
    return site.several_nodes


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One variable that should not have some value."""

    name: str
    kind: Kind
    variables: tuple[str, ...]
    """Names; one may end in ``*``."""
    value: Test = anything
    broken: Callable[[Site], Fact] = always
    depends: str = ""
    """For people: what must be known to tell."""
    verdict: Verdict = Verdict.WARN
    expected: str
    why: str
    remedy: str = "leave it out"
    source: str
    good: str = LEFT_OUT
    bad: str
    on: str = "p5.48xlarge"
    """Instance type of the examples, with the software of versions.STACK; empty: none is known."""

    @property
    def id(self) -> str:
        return f"network.{self.kind}.{self.name}"

    @property
    def header(self) -> findings.Rule:
        """What every rule has."""
        return findings.Rule(
            id=self.id,
            verdicts=(self.verdict, Verdict.UNKNOWN),
            reads=READS,
            expected=self.expected,
            why=self.why,
            remedy=self.remedy,
            source=self.source,
            good=self.good,
            bad=self.bad,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Conflict:
    """Two variables that do not go together. The second one is told as the wrong one."""

    name: str
    first: str
    first_value: Test
    second: str
    """May end in ``*``."""
    but: tuple[str, ...] = ()
    """Names that ``*`` does not mean."""
    second_value: Test
    broken: Callable[[Site], Fact] = always
    verdict: Verdict = Verdict.FAIL
    expected: str
    why: str
    remedy: str
    source: str
    good: str
    bad: str

    @property
    def id(self) -> str:
        return f"network.contradictory.{self.name}"

    @property
    def header(self) -> findings.Rule:
        """What every rule has."""
        return findings.Rule(
            id=self.id,
            verdicts=(self.verdict,),
            reads=READS,
            expected=self.expected,
            why=self.why,
            remedy=self.remedy,
            source=self.source,
            good=self.good,
            bad=self.bad,
        )


@dataclass(frozen=True, slots=True)
class Gone:
    """A name that was removed, renamed or deprecated."""

    why: str
    instead: str
    """Variable to use; empty: none."""
    source: str
    verdict: Verdict = Verdict.WARN
