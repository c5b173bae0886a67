"""Two components held against a table; and what it means that one of them is not there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from seatrial.checks.catalogue import Rule
from seatrial.checks.compatibility import Needs
from seatrial.checks.observations import Part
from seatrial.checks.profile import Profile
from seatrial.checks.software.document import KERNEL
from seatrial.checks.software.layouts import TITLES
from seatrial.checks.software.search import LAST, WHEEL, Copy, Software
from seatrial.findings import Finding, Verdict, judged
from seatrial.network.floors import dotted
from seatrial.network.site import Version, parse_version

NEEDED_BY: Mapping[str, Part] = {
    "driver": "gpu",
    "efa_driver": "efa",
    "efa_installer": "efa",
    "neuron_driver": "neuron",
}
"""Components without which a part of a node does nothing."""
OFTEN_ELSEWHERE = ("nccl",)
"""Components that come with the framework, and so are not on a host whose jobs run in containers."""


def needs(rule: Rule, rows: Sequence[Needs], seen: Software, profile: Profile) -> Iterator[Finding]:
    """One finding for each pair of components in the rows."""
    for component, other in dict.fromkeys((row.component, row.other) for row in rows):
        here, there = version(seen, component), version(seen, other)
        if here is None:
            yield nothing(rule, seen, component, profile)
            continue
        fits = [row for row in rows if (row.component, row.other) == (component, other)]
        row = next((row for row in fits if row.since <= here < row.before), None)
        if row is None:
            what = f"which {TITLES[other]} {named(seen, component)} needs is not in the table"
            yield rule.finding(Verdict.UNKNOWN, what)
        elif there is None:
            yield nothing(rule, seen, other, profile, needed=other not in (*KERNEL, *OFTEN_ELSEWHERE))
        else:
            told = replace(rule, source=row.source)
            observed = f"{named(seen, component)}, {named(seen, other)}"
            expected = f"{TITLES[other]} {dotted(row.least)} or newer"
            yield told.finding(judged(there >= row.least), observed, expected=expected)


def nothing(rule: Rule, seen: Software, component: str, profile: Profile, *, needed: bool = False) -> Finding:
    """That a component has no version that could be judged: SKIP only where it is certain that none is needed."""
    name, copy = TITLES[component], seen.first(component)
    if copy is not None:
        return rule.finding(Verdict.UNKNOWN, f"{copy.path} tells no version of {name}")
    if seen.problems:
        path, why = next(iter(seen.problems.items()))
        return rule.finding(Verdict.UNKNOWN, f"no {name} was found, but {path}: {why}", remedy="run it as root")
    part = NEEDED_BY.get(component)
    if needed or (part and profile.has(part)):
        return rule.finding(Verdict.UNKNOWN, f"no {name} was found where it should be", remedy=f"install {name}")
    return rule.finding(Verdict.SKIP, f"there is no {name} here")


def version(seen: Software, component: str) -> Version | None:
    """Of the copy that comes first; None: there is none, or it tells no version."""
    copy = seen.first(component)
    return read(copy) if copy else None


def read(copy: Copy) -> Version | None:
    try:
        return parse_version(copy.version)
    except ValueError:
        return None


def text(seen: Software, component: str) -> str:
    copy = seen.first(component)
    return copy.version if copy else "none"


def named(seen: Software, component: str) -> str:
    """``NCCL 2.27.3``"""
    return f"{TITLES[component]} {text(seen, component)}"


def who(copy: Copy) -> str:
    """Who gets a copy."""
    if copy.order == WHEEL:
        return "torch gets"
    return "the loader takes" if copy.order < LAST else "nobody gets without LD_LIBRARY_PATH"
