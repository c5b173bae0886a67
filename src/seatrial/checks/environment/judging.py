"""Facts of ranks -> findings: each rule looks at every rank, or at the first one of each node."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from seatrial.checks.environment import comparing
from seatrial.checks.environment.facts import Facts, Value, of_node, title
from seatrial.checks.environment.places import scope
from seatrial.findings import Finding, Rule, Severity, Verdict

MODULES = ("collectives", "limits", "stack")
"""Modules of this package whose rules are judged."""


class Unseen(Exception):
    """A fact that a rule needs could not be seen."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """What the job is, as far as rules depend on it."""

    device: str = "cpu"
    """What ranks compute on: ``cpu``, ``cuda`` or ``neuron``."""
    world_size: int = 1
    per_node: int = 1
    """Ranks on a node."""
    keeps_checkpoints: bool = True
    free_bytes: float = 0.0
    """Bytes that must be free where checkpoints go."""
    pins: Mapping[str, str] = field(default_factory=dict)
    """Package -> version that it should have."""


@dataclass(frozen=True, slots=True)
class Around:
    """Everything that is known around one rank: its own facts, and those of its node."""

    facts: Facts

    def __getitem__(self, name: str) -> Value:
        """Raises Unseen for what was not collected or could not be seen."""
        if name not in self.facts.values:
            raise Unseen(f"{title(name)}: {self.facts.problems.get(name, 'not collected')}")
        return self.facts.values[name]

    def number(self, name: str) -> float:
        """A number, or infinity where there is no limit. Raises Unseen for anything else."""
        value = self[name]
        if value == "unlimited":
            return float("inf")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Unseen(f"{title(name)} is {value!r}, which is no number")
        return float(value)

    def starting(self, prefix: str) -> dict[str, Value]:
        """Facts of a kind, by the rest of their names."""
        values = self.facts.values
        return {name.removeprefix(prefix): values[name] for name in values if name.startswith(prefix)}


Judge: TypeAlias = Callable[[Rule, Around, Expected], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Judgement:
    """A rule, how it is judged, and whether once for each node."""

    rule: Rule
    judge: Judge
    of_node: bool
    example: Expected
    """What the rule's examples are facts of."""


_JUDGEMENTS: dict[str, Judgement] = {}


def rule(
    id: str,
    *,
    of_node: bool = False,
    severity: Severity = Severity.MONITOR,
    expected: str,
    why: str,
    remedy: str,
    source: str,
    good: str,
    bad: str,
    example: Expected | None = None,
) -> Callable[[Judge], Judge]:
    """Registers the decorated function as the judge of a rule. `good` and `bad`: lines ``name = value as JSON``."""

    def register(judge: Judge) -> Judge:
        made = Rule(
            id=id,
            verdicts=(*Verdict,),
            reads="the facts of every rank",
            expected=expected,
            why=why,
            remedy=remedy,
            source=source,
            severity=severity,
            good=good,
            bad=bad,
        )
        _JUDGEMENTS[id] = Judgement(made, judge, of_node, example or Expected(device="cuda"))
        return judge

    return register


def judgements() -> list[Judgement]:
    """All of them, by id."""
    for name in MODULES:
        importlib.import_module(f"seatrial.checks.environment.{name}")
    return [_JUDGEMENTS[id] for id in sorted(_JUDGEMENTS)]


def judge(ranks: Sequence[Facts], expected: Expected) -> list[Finding]:
    """What is wrong around each rank, and what is not the same on all of them."""
    around = with_nodes(ranks)
    found = [finding for item in judgements() for finding in _of_rule(item, around, expected)]
    own = comparing.own_devices(ranks, expected.device)
    return [*found, *own, *comparing.compare(ranks, expected.world_size)]


def with_nodes(ranks: Sequence[Facts]) -> list[Facts]:
    """Each rank's facts with those of its node, which the first rank there has collected."""
    firsts = {facts.host: facts for facts in ranks if facts.local_rank == 0}
    merged = []
    for facts in ranks:
        node = firsts.get(facts.host, facts)
        values = {name: value for name, value in node.values.items() if of_node(name)}
        problems = {name: why for name, why in node.problems.items() if of_node(name)}
        merged.append(replace(facts, values={**values, **facts.values}, problems={**problems, **facts.problems}))
    return merged


def judge_one(item: Judgement, facts: Facts, expected: Expected) -> list[Finding]:
    """What one rule says of one rank: at least one finding."""
    try:
        found = list(item.judge(item.rule, Around(facts), expected))
    except Unseen as unseen:
        return [item.rule.finding(Verdict.UNKNOWN, str(unseen))]
    return found or [item.rule.finding(Verdict.UNKNOWN, "nothing that could be judged")]


def _of_rule(item: Judgement, around: Sequence[Facts], expected: Expected) -> list[Finding]:
    """Findings that are alike together, with all ranks that they are about."""
    looked = [facts for facts in around if not item.of_node or facts.local_rank == 0]
    alike: dict[tuple[Any, ...], tuple[Finding, list[Facts]]] = {}
    for facts in looked:
        for finding in judge_one(item, facts, expected):
            own = json.dumps(finding.scope, sort_keys=True)
            key = (finding.check, finding.verdict, finding.observed, finding.expected, own)
            alike.setdefault(key, (finding, []))[1].append(facts)
    found = []
    for finding, ranks in alike.values():
        about = {} if len(ranks) == len(looked) else scope(ranks)
        found.append(replace(finding, evidence=comparing.EVIDENCE, scope=finding.scope | about))
    return found or [item.rule.finding(Verdict.UNKNOWN, "no rank told its facts", evidence=comparing.EVIDENCE)]
