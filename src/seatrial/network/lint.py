"""Judges an environment, anybody's, by the rules."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Unpack

from seatrial import findings
from seatrial.findings import Finding, Verdict
from seatrial.hardware.instances import Instance
from seatrial.network.accepted import refusals
from seatrial.network.conflicts import CONFLICTS
from seatrial.network.floors import TOO_OLD
from seatrial.network.general import MISSING, MISSPELT, OBSOLETE, UNREAD, UNREADABLE, VALUE
from seatrial.network.gone import GONE
from seatrial.network.harmful import RULES as HARMFUL
from seatrial.network.names import SOURCES
from seatrial.network.needless import RULES as NEEDLESS
from seatrial.network.presets import PRESETS, settings
from seatrial.network.readers import MEANT
from seatrial.network.rule import Conflict, Rule
from seatrial.network.site import UNTOLD, Context, Fact, Site, VersionTexts, parse_versions
from seatrial.network.spelling import meant_name, prefix, unread
from seatrial.network.values import anything, one_of

RULES = (*NEEDLESS, *HARMFUL)
HEADERS = tuple(
    sorted(
        (
            *(rule.header for rule in (*RULES, *CONFLICTS)),
            MISSPELT,
            UNREAD,
            VALUE,
            MISSING,
            OBSOLETE,
            UNREADABLE,
            TOO_OLD,
        ),
        key=lambda rule: rule.id,
    )
)
"""What every rule has, of all rules, by id."""

_ELSEWHERE = (
    "NCCL_IB_HCA",
    "NCCL_IB_GID_INDEX",
    "NCCL_IBEXT_",
    "NCCL_FASTRAK_",
    "NCCL_GPUDIRECTTCPX_",
    "UCX_NET_DEVICES",
)
"""Beginnings of variables that nobody sets for EFA."""
_TELLING = (Verdict.FAIL, Verdict.WARN, Verdict.UNKNOWN)

Environment = Mapping[str, str | None]


def lint_environment(
    env: Environment,
    *,
    instance: Instance | None = None,
    pod_network: Fact = False,
    context: Context = UNTOLD,
    **versions: Unpack[VersionTexts],
) -> list[Finding]:
    """What is needless, harmful, contradictory, obsolete, misspelt or not read among variables and their values.

    A value of None is one that is not known. What is right or wrong only on EC2, or with some version, is not told
    where that is not known. Variables that are none of EFA's, NCCL's or Neuron's are passed over. The findings' scope
    holds the ``variable``. Raises UserError for a version that cannot be read.
    """
    site = Site(
        instance=instance,
        versions=parse_versions(versions),
        pod_network=pod_network,
        context=context if context.efa is not None else replace(context, efa=speaks_of_efa(env)),
    )
    clashes = [finding for conflict in CONFLICTS for finding in _clash(conflict, env, site)]
    told = {finding.scope["variable"] for finding in clashes}
    fine = told | {name for name, setting in settings(site).items() if env.get(name) == setting.value}
    others = [(name, value) for name, value in env.items() if name not in fine]
    return [*clashes, *(finding for name, value in others for finding in _judge(name, value, env, site))]


def lint_missing(
    env: Environment, instance: Instance, *, pod_network: Fact = False, **versions: Unpack[VersionTexts]
) -> list[Finding]:
    """What a job on this instance type, with these versions, needs for certain and does not set.

    Raises UserError for a version that cannot be read.
    """
    site = Site(instance=instance, versions=parse_versions(versions), pod_network=pod_network)
    lacking = [p for p in PRESETS if p.vital and p.variable not in env and p.needed(site)]
    return [
        replace(MISSING, source=preset.source.split(";")[0]).finding(
            Verdict.FAIL,
            f"{preset.variable} is not set",
            expected=f"{preset.variable}={preset.value} on {instance.name}: {preset.reason}",
            remedy=f"set {preset.variable}={preset.value}, or install newer software: {preset.when}",
            scope={"variable": preset.variable},
        )
        for preset in lacking
    ]


def speaks_of_efa(env: Environment) -> Fact:
    """Whether variables are meant for EFA; False: they are for another network, and none is for EFA."""
    if "efa" in (env.get("FI_PROVIDER") or "").lower().lstrip("^").split(","):
        return True
    if any(name.startswith(("FI_EFA_", "OFI_NCCL_")) for name in env):
        return True
    return False if any(name.startswith(_ELSEWHERE) for name in env) else None


def _judge(name: str, value: str | None, env: Environment, site: Site) -> Iterable[Finding]:
    if name in GONE:
        gone = GONE[name]
        remedy = f"leave it out; if it is needed, use {gone.instead}" if gone.instead else "leave it out"
        rule = replace(OBSOLETE, source=gone.source)
        yield _finding(rule, gone.verdict, name, value, expected=f"not set: {gone.why}", remedy=remedy)
        return
    unheard = [] if name in site.context.own else list(_unheard(name, value, env, site))
    if unheard:
        yield from unheard
        return
    refused = next(refusals(name, value or "", site.versions), None)
    if refused:
        rule, expected = replace(VALUE, source=refused.source), f"{refused.values}: {refused.otherwise}"
        yield _finding(rule, refused.verdict, name, value, expected=expected)
        return
    rules = _rules_about(name)
    if value is None:
        if any(rule.value is not anything and rule.verdict is Verdict.FAIL and rule.broken(site) for rule in rules):
            yield _finding(UNREADABLE, Verdict.UNKNOWN, name, None, expected="a value that can be read where it is set")
        rules = tuple(rule for rule in rules if rule.value is anything)
    broken = [finding for rule in rules for finding in _break(rule, name, value, site)]
    # What is certain, and then what is worst, makes the rest needless to say: the remedy is the same.
    telling = next((v for v in _TELLING if any(finding.verdict is v for finding in broken)), None)
    yield from (finding for finding in broken if finding.verdict is telling)


def _unheard(name: str, value: str | None, env: Environment, site: Site) -> Iterable[Finding]:
    """A name that nobody reads. To write the one that is meant is advised where that can do no harm."""
    meant = meant_name(name) if name not in MEANT else None
    if meant and meant not in env and _harmless(meant, value, site):
        expected = f"{meant}: no library reads this name"
        remedy = f"write {meant}, if it is needed at all"
        rule = replace(MISSPELT, source=SOURCES[prefix(name)])
        yield _finding(rule, Verdict.WARN, name, value, expected=expected, remedy=remedy)
    elif meant or unread(name):
        rule = replace(UNREAD, source=SOURCES[prefix(name)])
        remedy = f"{UNREAD.remedy}; {MEANT[name]}" if name in MEANT else ""
        yield _finding(rule, Verdict.WARN, name, value, remedy=remedy)


def _harmless(name: str, value: str | None, site: Site) -> bool:
    """Nothing is turned off by it, and nothing breaks."""
    if name.endswith("_DISABLE") and not one_of("0")(value or ""):
        return False
    return not any(finding.verdict is Verdict.FAIL for finding in _judge(name, value, {}, site))


@functools.lru_cache(maxsize=1024)
def _rules_about(name: str) -> tuple[Rule, ...]:
    return tuple(rule for rule in RULES if any(fnmatchcase(name, variable) for variable in rule.variables))


def _break(rule: Rule, name: str, value: str | None, site: Site) -> Iterable[Finding]:
    if not rule.value(value or ""):
        return
    broken = rule.broken(site)
    if broken:
        yield _finding(rule.header, rule.verdict, name, value)
    elif broken is None and rule.depends and (site.instance or site.efa):
        remedy = f"find out {rule.depends}: that decides; if the rule holds, {rule.remedy}"
        yield _finding(rule.header, Verdict.UNKNOWN, name, value, remedy=remedy)


def _clash(conflict: Conflict, env: Environment, site: Site) -> Iterable[Finding]:
    first = env.get(conflict.first)
    if first is None or not conflict.first_value(first) or not conflict.broken(site):
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
