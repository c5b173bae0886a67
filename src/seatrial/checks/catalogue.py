"""What a check is, and where all of them are found: in the modules of seatrial.checks.node, by being there."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal, TypeAlias

from seatrial import findings
from seatrial.checks.observations import LEVELS, Level, Source
from seatrial.checks.profile import Profile
from seatrial.errors import UserError, unknown
from seatrial.findings import Finding, Severity, Verdict

Scope = Literal["gpu", "link", "nic", "disk", "node", "cluster"]
"""What a finding blames."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule(findings.Rule):
    """A rule about a node."""

    scope: Scope
    on: str
    """Instance type of the examples."""


Judge: TypeAlias = Callable[[Rule, Any, Profile], Iterable[Finding]]
"""Rule, what its source's `parse` returned, what the node should be -> findings, at least one."""


@dataclass(frozen=True, slots=True)
class Check:
    """A rule, what it reads and how it is judged."""

    rule: Rule
    source: Source
    judge: Judge

    @property
    def id(self) -> str:
        """Of its rule."""
        return self.rule.id


_CHECKS: dict[str, Check] = {}


def check(
    id: str,
    source: Source,
    *,
    scope: Scope = "node",
    severity: Severity = Severity.MONITOR,
    verdicts: tuple[Verdict, ...] = (Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN, Verdict.SKIP),
    expected: str,
    why: str,
    remedy: str,
    cites: str,
    good: str,
    bad: str,
    on: str = "p5.48xlarge",
) -> Callable[[Judge], Judge]:
    """Registers the decorated function as the judge of a rule: see `Judge`.

    `cites`: who says what is right; `good` and `bad`: what `source` says on a node of type `on` with nothing wrong, and
    with the fault. UNKNOWN for what could not be read, and SKIP for a node that has no such part, are made elsewhere.
    """

    def register(judge: Judge) -> Judge:
        assert id not in _CHECKS, id
        rule = Rule(
            id=id,
            verdicts=tuple(dict.fromkeys((*verdicts, Verdict.UNKNOWN, Verdict.SKIP))),
            reads=source.kind,
            expected=expected,
            why=why,
            remedy=remedy,
            source=cites,
            severity=severity,
            good=good,
            bad=bad,
            scope=scope,
            on=on,
        )
        _CHECKS[id] = Check(rule, source, judge)
        return judge

    return register


@functools.cache
def all_checks() -> tuple[Check, ...]:
    """Every check there is, by id."""
    package = importlib.import_module("seatrial.checks.node")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"seatrial.checks.node.{module.name}")
    return tuple(_CHECKS[id] for id in sorted(_CHECKS))


def sources(level: Level = "deep") -> dict[str, Source]:
    """Kind -> source, of those that a node is asked for at this level."""
    found = {check.source.kind: check.source for check in all_checks() if check.source.collected}
    return {kind: found[kind] for kind in sorted(found) if LEVELS.index(found[kind].level) <= LEVELS.index(level)}


def find(id: str) -> Check:
    """The check of that id. Raises UserError with the nearest."""
    for check in all_checks():
        if check.id == id:
            return check
    raise UserError(unknown("rule about nodes", id, [check.id for check in all_checks()]))


def of_kind(kind: str) -> list[Check]:
    """Checks of what people have as a file. Raises UserError for a kind that nothing reads."""
    found = [check for check in all_checks() if check.source.kind == kind and check.source.read]
    if not found:
        kinds = {check.source.kind for check in all_checks() if check.source.read}
        raise UserError(unknown("kind of observation", kind, kinds, "KIND"))
    return found


def select_checks(level: Level, patterns: Sequence[str] = ()) -> list[Check]:
    """Checks of a node up to a level whose ids match a pattern. Raises UserError for a pattern that matches none."""
    ids = [check.id for check in all_checks() if check.source.collected]
    unmatched = [p for p in patterns if not any(fnmatchcase(id, p) for id in ids)]
    if unmatched:
        raise UserError(unknown("rule", p, ids, "--select") for p in unmatched)
    known = sources(level)
    return [
        check
        for check in all_checks()
        if check.source.kind in known and (not patterns or any(fnmatchcase(check.id, p) for p in patterns))
    ]
