"""The same fact on all ranks, or on all nodes: equal, or who is different from the majority."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from seatrial.checks.environment.facts import ALWAYS, Facts, difference, of_node, shown, title
from seatrial.checks.environment.places import nodes, ranges, scope, where, which
from seatrial.findings import Finding, Rule, Severity, Verdict

EVIDENCE = "facts.jsonl"
"""File of a run with the facts of every rank."""
TOLD = 20
"""Facts that differ, each told in a finding; of more it is said how many there are."""

EQUAL = Rule(
    id="env.ranks-equal",
    verdicts=(*Verdict,),
    reads="the facts of every rank",
    severity=Severity.MONITOR,
    expected="the same on all ranks, but for what is each rank's own",
    why="One rank with another library, variable or limit crashes, hangs or slows down all the others.",
    remedy="make the node that is different as the others are: the same image, the same start of the job",
    source="Seatrial's own rule",
    good="cuDNN 9.13.1 on ranks 0-31",
    bad="cuDNN 9.13.1 on ranks 0-12, 14-31; cuDNN 9.10.2 on rank 13",
)

ALIKE = Rule(
    id="node.alike",
    verdicts=(*Verdict,),
    reads="the facts of every node",
    severity=Severity.MONITOR,
    expected="the same on all nodes",
    why="One node with another driver, kernel setting or file system slows down all others, or crashes them.",
    remedy="make the node that is different as the others are: the same image, the same start of the node",
    source="Seatrial's own rule",
    good="kernel.numa_balancing 0 on 16 nodes",
    bad="kernel.numa_balancing 0 on 15 nodes; kernel.numa_balancing 1 on ip-10-0-0-7",
)

OWN_DEVICE = Rule(
    id="env.own-device",
    verdicts=(*Verdict,),
    reads="the GPU of every rank",
    severity=Severity.MONITOR,
    expected="a GPU of its own for each rank",
    why="Two ranks on one GPU run at half speed or out of memory, and another GPU stands idle.",
    remedy="start one rank for each GPU, and let the engine say which: --gpus-per-node, CUDA_VISIBLE_DEVICES",
    source="Seatrial's own rule",
    good="ranks 0 and 1 on GPUs GPU-a and GPU-b",
    bad="ranks 0 and 1 on GPU GPU-a",
)


def own_devices(ranks: Sequence[Facts], device: str) -> list[Finding]:
    """Ranks that share a GPU."""
    if device != "cuda":
        return [OWN_DEVICE.finding(Verdict.SKIP, f"ranks compute on {device}, not on GPUs")]
    users: dict[str, list[Facts]] = {}
    for facts in ranks:
        uuid = facts.values.get("device.uuid")
        if uuid is None:
            why = facts.problems.get("device.uuid", "not collected")
            return [OWN_DEVICE.finding(Verdict.UNKNOWN, f"GPU of rank {facts.rank}: {why}", evidence=EVIDENCE)]
        users.setdefault(str(uuid), []).append(facts)
    shared = [
        OWN_DEVICE.finding(Verdict.FAIL, f"{where(group)} share {uuid}", evidence=EVIDENCE, scope=scope(group))
        for uuid, group in users.items()
        if len(group) > 1
    ]
    return shared or [OWN_DEVICE.finding(Verdict.PASS, f"{len(users)} GPUs of {len(ranks)} ranks", evidence=EVIDENCE)]


def compare(ranks: Sequence[Facts], world_size: int) -> list[Finding]:
    """What is not the same on all ranks, by majority; what could not be seen everywhere is UNKNOWN."""
    found = [*_missing(ranks, world_size)]
    if len(ranks) < 2 and not found:
        return [EQUAL.finding(Verdict.SKIP, "one rank: there is nothing to compare it with")]
    firsts = [facts for facts in ranks if facts.local_rank == 0]
    return [*found, *_compared(EQUAL, ranks), *compare_nodes(firsts)]


def compare_nodes(firsts: Sequence[Facts]) -> list[Finding]:
    """What is not the same on all nodes, by majority, of the facts that the first rank of each has collected."""
    if len(firsts) == 1:
        return [ALIKE.finding(Verdict.SKIP, "one node: there is nothing to compare it with")]
    return _compared(ALIKE, firsts)


def _compared(rule: Rule, everyone: Sequence[Facts]) -> list[Finding]:
    names = {name for facts in everyone for name in (*facts.values, *facts.problems)}
    lacking = [name for name in ALWAYS if name not in names and _rule(name) is rule]
    told = [rule.finding(Verdict.UNKNOWN, f"{title(name)} was not collected", evidence=EVIDENCE) for name in lacking]
    ours = sorted(name for name in names if _rule(name) is rule)
    told += _unseen(rule, everyone, ours)
    equal = 0
    for name in ours:
        if difference(name).verdict is Verdict.SKIP or any(name in facts.problems for facts in everyone):
            continue
        groups = _groups(everyone, name)
        if len(groups) > 1:
            told.append(_differs(name, groups))
        else:
            equal += 1
    found = told[:TOLD]
    if len(told) > TOLD:
        more = f"{len(told) - TOLD} more facts differ"
        found.append(rule.finding(max_verdict(told[TOLD:]), more, evidence=EVIDENCE))
    if equal:
        all_of = f"all {len(everyone)} {_unit(rule)} equal in {equal} facts"
        found.append(rule.finding(Verdict.PASS, all_of, evidence=EVIDENCE, scope=_everywhere(rule, everyone)))
    return found or [rule.finding(Verdict.UNKNOWN, "no fact was collected", evidence=EVIDENCE)]


def _rule(name: str) -> Rule:
    """Of a fact: whether ranks or nodes have it."""
    return ALIKE if of_node(name) else EQUAL


def _unit(rule: Rule) -> str:
    return "nodes" if rule is ALIKE else "ranks"


def _everywhere(rule: Rule, everyone: Sequence[Facts]) -> dict[str, Any]:
    return nodes(everyone) if rule is ALIKE else {}


def max_verdict(findings: Sequence[Finding]) -> Verdict:
    """FAIL if one of them is, else UNKNOWN or WARN."""
    verdicts = {finding.verdict for finding in findings}
    return next(v for v in (Verdict.FAIL, Verdict.UNKNOWN, Verdict.WARN) if v in verdicts)


def _missing(ranks: Sequence[Facts], world_size: int) -> Iterator[Finding]:
    """Ranks that told nothing, or more than once."""
    numbers = [facts.rank for facts in ranks]
    absent = sorted(set(range(world_size)) - set(numbers))
    if absent:
        yield EQUAL.finding(Verdict.UNKNOWN, f"nothing was heard of rank {ranges(absent)}", evidence=EVIDENCE)
    strange = sorted({n for n in numbers if numbers.count(n) > 1 or n >= world_size})
    if strange:
        yield EQUAL.finding(Verdict.UNKNOWN, f"rank {ranges(strange)} is no rank of this job", evidence=EVIDENCE)


def _unseen(rule: Rule, everyone: Sequence[Facts], names: Sequence[str]) -> Iterator[Finding]:
    """Facts that somebody could not see: those with the same reason together."""
    reasons: dict[tuple[str, tuple[int, ...]], list[str]] = {}
    for name in names:
        blind = [facts for facts in everyone if name in facts.problems]
        if blind:
            why = blind[0].problems[name]
            reasons.setdefault((why, tuple(f.rank for f in blind)), []).append(title(name))
    for (why, numbers), titles in reasons.items():
        blind = [facts for facts in everyone if facts.rank in numbers]
        place, about = _place(rule, blind)
        observed = f"{', '.join(titles)}: not seen by {place}: {why}"
        yield rule.finding(Verdict.UNKNOWN, observed, evidence=EVIDENCE, scope=about)


def _groups(everyone: Sequence[Facts], name: str) -> dict[str, list[Facts]]:
    """What is shown of a fact -> who has it, the most first."""
    groups: dict[str, list[Facts]] = {}
    absent = "not there" if of_node(name) else "not set"
    for facts in everyone:
        value = shown(facts.values[name]) if name in facts.values else absent
        groups.setdefault(value, []).append(facts)
    return dict(sorted(groups.items(), key=lambda item: -len(item[1])))


def _differs(name: str, groups: dict[str, list[Facts]]) -> Finding:
    rule, meant = _rule(name), difference(name)
    total = sum(map(len, groups.values()))
    (usual, most), *others = groups.items()
    odd = [facts for _, group in others for facts in group]
    if 2 * len(most) > total:
        parts = [f"{_place(rule, group)[0]}: {title(name)} {value} instead of {usual}" for value, group in others]
        observed = f"all {total} {_unit(rule)} equal except {'; '.join(parts)}"
    else:  # no majority: nobody is called odd
        odd = [*most, *odd]
        observed = f"{title(name)} differs: " + "; ".join(f"{v} on {_place(rule, g)[0]}" for v, g in groups.items())
    expected = f"{rule.expected}: {meant.why}"
    about = _place(rule, odd)[1]
    return replace(rule, why=meant.why).finding(
        meant.verdict, observed, expected=expected, evidence=EVIDENCE, scope=about
    )


def _place(rule: Rule, ranks: Sequence[Facts]) -> tuple[str, dict[str, Any]]:
    """Whom a finding names, in a sentence and as its scope."""
    return (which(ranks), nodes(ranks)) if rule is ALIKE else (where(ranks), scope(ranks))
