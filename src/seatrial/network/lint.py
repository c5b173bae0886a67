"""Judges an environment, anybody's, by the rules."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterable, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Unpack

from seatrial import findings
from seatrial.findings import Finding, Verdict
from seatrial.hardware import Instance
from seatrial.network.conflicts import CONFLICTS
from seatrial.network.floors import TOO_OLD
from seatrial.network.gone import GONE
from seatrial.network.harmful import RULES as HARMFUL
from seatrial.network.names import KNOWN, SOURCES
from seatrial.network.needless import RULES as NEEDLESS
from seatrial.network.presets import settings
from seatrial.network.rule import LEFT_OUT, READS, Conflict, Rule
from seatrial.network.site import Site, VersionTexts, parse_versions
from seatrial.network.sources import NCCL_ENVIRONMENT
from seatrial.network.values import anything

RULES = (*NEEDLESS, *HARMFUL)
MISSPELT = findings.Rule(
    id="network.misspelt",
    verdicts=(Verdict.WARN,),
    reads=READS,
    expected="names that a library reads",
    why="no library reads this name, so it does not do what it was set for",
    remedy="write the name that was meant, if it is needed at all",
    source=NCCL_ENVIRONMENT,
    good="FI_EFA_USE_DEVICE_RDMA=1",
    bad="FI_EFA_DEVICE_RDMA=1",
)
OBSOLETE = findings.Rule(
    id="network.obsolete",
    verdicts=(Verdict.WARN, Verdict.FAIL),
    reads=READS,
    expected="variables that a library still reads",
    why="it was removed, renamed or deprecated: it does nothing, or stops the job",
    remedy="leave it out, or use the new name",
    source=NCCL_ENVIRONMENT,
    good=LEFT_OUT,
    bad="NCCL_TREE_THRESHOLD=0",
)
UNREADABLE = findings.Rule(
    id="network.unknown-value",
    verdicts=(Verdict.UNKNOWN,),
    reads=READS,
    expected="values that can be read where they are set",
    why="whether it is right depends on its value",
    remedy="look at what it is in a job",
    source="docs/efa.md",
    good="NCCL_PROTO=^LL,LL128",
    bad="NCCL_PROTO",
)
HEADERS = tuple(
    sorted(
        (*(rule.header for rule in (*RULES, *CONFLICTS)), MISSPELT, OBSOLETE, UNREADABLE, TOO_OLD),
        key=lambda rule: rule.id,
    )
)
"""What every rule has, of all rules, by id."""

# Finds FI_EFA_USE_DEVICE_RDMA for FI_EFA_DEVICE_RDMA, and no NCCL_IB_TIMEOUT for a framework's NCCL_TIMEOUT.
_SIMILAR = 0.85

_TELLING = (Verdict.FAIL, Verdict.WARN, Verdict.UNKNOWN)

Environment = Mapping[str, str | None]


def lint_environment(
    env: Environment,
    *,
    instance: Instance | None = None,
    pod_network: bool = False,
    **versions: Unpack[VersionTexts],
) -> list[Finding]:
    """What is needless, harmful, contradictory, obsolete or misspelt among variables and their values.

    A value of None is one that is not known. What depends on the instance or a version that is None is UNKNOWN, save
    what `environment` sets there itself. Variables that are none of EFA's, NCCL's or Neuron's are passed over. The
    findings' scope holds the ``variable``. Raises UserError for a version that cannot be read.
    """
    wants_efa = env.get("FI_PROVIDER") == "efa" or any(name.startswith("FI_EFA_") for name in env)
    site = Site(instance=instance, versions=parse_versions(versions), pod_network=pod_network, wants_efa=wants_efa)
    clashes = [finding for conflict in CONFLICTS for finding in _clash(conflict, env)]
    told = {finding.scope["variable"] for finding in clashes}
    fine = told | {name for name, setting in settings(site).items() if env.get(name) == setting.value}
    others = [(name, value) for name, value in env.items() if name not in fine]
    return [*clashes, *(finding for name, value in others for finding in _judge(name, value, site))]


def _judge(name: str, value: str | None, site: Site) -> Iterable[Finding]:
    if name in GONE:
        gone = GONE[name]
        remedy = f"use {gone.instead}" if gone.instead else "leave it out"
        rule = replace(OBSOLETE, source=gone.source)
        yield _finding(rule, gone.verdict, name, value, expected=f"not set: {gone.why}", remedy=remedy)
        return
    meant = meant_name(name)
    if meant:
        expected = f"{meant}: no library reads this name"
        remedy = f"write {meant}, if it is needed at all"
        rule = replace(MISSPELT, source=SOURCES[_prefix(name)])
        yield _finding(rule, Verdict.WARN, name, value, expected=expected, remedy=remedy)
        return
    rules = _about(name)
    if value is None and any(rule.value is not anything for rule in rules):
        yield _finding(UNREADABLE, Verdict.UNKNOWN, name, None, expected="a value that can be read where it is set")
        return
    broken = [finding for rule in rules for finding in _break(rule, name, value, site)]
    # What is certain, and then what is worst, makes the rest needless to say: the remedy is the same.
    telling = next((v for v in _TELLING if any(finding.verdict is v for finding in broken)), None)
    yield from (finding for finding in broken if finding.verdict is telling)


@functools.lru_cache(maxsize=1024)
def _about(name: str) -> tuple[Rule, ...]:
    return tuple(rule for rule in RULES if any(fnmatchcase(name, variable) for variable in rule.variables))


def _break(rule: Rule, name: str, value: str | None, site: Site) -> Iterable[Finding]:
    if not rule.value(value or ""):
        return
    broken = rule.broken(site)
    if broken:
        yield _finding(rule.header, rule.verdict, name, value)
    elif broken is None and rule.depends:
        remedy = f"find out {rule.depends}: that decides; if the rule holds, {rule.remedy}"
        yield _finding(rule.header, Verdict.UNKNOWN, name, value, remedy=remedy)


def _clash(conflict: Conflict, env: Environment) -> Iterable[Finding]:
    first = env.get(conflict.first)
    if first is None or not conflict.first_value(first):
        return
    for name, value in env.items():
        if value is None or not fnmatchcase(name, conflict.second) or name in conflict.but or name in GONE:
            continue
        if conflict.second_value(value):
            finding = _finding(conflict.header, conflict.verdict, name, value)
            finding.scope["with"] = conflict.first
            yield finding


def _finding(
    rule: findings.Rule, verdict: Verdict, name: str, value: str | None, *, expected: str = "", remedy: str = ""
) -> Finding:
    return rule.finding(
        verdict,
        f"{name} is set" if value is None else f"{name}={value}",
        expected=expected or f"{rule.expected}: {rule.why}",
        remedy=remedy,
        scope={"variable": name},
    )


def _prefix(name: str) -> str:
    return next((prefix for prefix in SOURCES if name.startswith(prefix)), "")


@functools.lru_cache(maxsize=1024)
def meant_name(name: str) -> str | None:
    """The known variable that this unknown name is nearly; None: it is known, or like none."""
    prefix = _prefix(name)
    if not prefix or name in KNOWN or name in GONE:
        return None
    endings = sorted(known.removeprefix(prefix) for known in KNOWN if known.startswith(prefix))
    near = difflib.get_close_matches(name.removeprefix(prefix), endings, n=1, cutoff=_SIMILAR)
    return prefix + near[0] if near else None
