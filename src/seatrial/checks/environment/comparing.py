"""The same fact on all ranks: equal, or who is different from the majority."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from seatrial.checks.environment.facts import ALWAYS, Difference, Facts, difference, of_node, shown, title
from seatrial.checks.environment.places import ranges, scope, where
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
    names = sorted({name for facts in ranks for name in (*facts.values, *facts.problems)})
    told, equal = [*_unseen(ranks, names)], 0
    for name in names:
        groups = _groups(ranks, name)
        if difference(name).verdict is Verdict.SKIP or any(name in facts.problems for facts in ranks):
            continue
        if len(groups) > 1:
            told.append(_differs(name, groups))
        else:
            equal += 1
    found += told[:TOLD]
    if len(told) > TOLD:
        more = f"{len(told) - TOLD} more facts differ"
        found.append(EQUAL.finding(max_verdict(told[TOLD:]), more, evidence=EVIDENCE))
    if equal:
        all_of = f"all {len(ranks)} ranks equal in {equal} facts"
        found.append(EQUAL.finding(Verdict.PASS, all_of, evidence=EVIDENCE))
    return found or [EQUAL.finding(Verdict.UNKNOWN, "no fact was collected", evidence=EVIDENCE)]


def max_verdict(findings: Sequence[Finding]) -> Verdict:
    """FAIL if one of them is, else UNKNOWN or WARN."""
    verdicts = {finding.verdict for finding in findings}
    return next(v for v in (Verdict.FAIL, Verdict.UNKNOWN, Verdict.WARN) if v in verdicts)


def _missing(ranks: Sequence[Facts], world_size: int) -> Iterator[Finding]:
    """Ranks that told nothing, or more than once; facts that nobody told."""
    numbers = [facts.rank for facts in ranks]
    absent = sorted(set(range(world_size)) - set(numbers))
    if absent:
        yield EQUAL.finding(Verdict.UNKNOWN, f"nothing was heard of rank {ranges(absent)}", evidence=EVIDENCE)
    strange = sorted({n for n in numbers if numbers.count(n) > 1 or n >= world_size})
    if strange:
        yield EQUAL.finding(Verdict.UNKNOWN, f"rank {ranges(strange)} is no rank of this job", evidence=EVIDENCE)
    for name in ALWAYS:
        if not any(name in facts.values or name in facts.problems for facts in ranks):
            yield EQUAL.finding(Verdict.UNKNOWN, f"{title(name)} was not collected", evidence=EVIDENCE)


def _unseen(ranks: Sequence[Facts], names: Sequence[str]) -> Iterator[Finding]:
    """Facts that some rank could not see: those with the same reason together."""
    reasons: dict[tuple[str, tuple[int, ...]], list[str]] = {}
    for name in names:
        blind = [facts for facts in ranks if name in facts.problems]
        if blind:
            why = blind[0].problems[name]
            reasons.setdefault((why, tuple(f.rank for f in blind)), []).append(title(name))
    for (why, numbers), titles in reasons.items():
        blind = [facts for facts in ranks if facts.rank in numbers]
        observed = f"{', '.join(titles)}: not seen by {where(blind)}: {why}"
        yield EQUAL.finding(Verdict.UNKNOWN, observed, evidence=EVIDENCE, scope=scope(blind))


def _groups(ranks: Sequence[Facts], name: str) -> dict[str, list[Facts]]:
    """What is shown of a fact -> who has it, the most first. A fact of nodes counts once for each."""
    groups: dict[str, list[Facts]] = {}
    for facts in ranks:
        if of_node(name) and facts.local_rank:
            continue
        value = shown(facts.values[name]) if name in facts.values else "not set"
        groups.setdefault(value, []).append(facts)
    return dict(sorted(groups.items(), key=lambda item: -len(item[1])))


def _differs(name: str, groups: dict[str, list[Facts]]) -> Finding:
    meant = difference(name)
    total = sum(map(len, groups.values()))
    (usual, most), *others = groups.items()
    unit = "nodes" if of_node(name) else "ranks"
    if 2 * len(most) <= total:  # no majority: nobody is called odd
        parts = "; ".join(f"{value} on {where(group)}" for value, group in groups.items())
        return _finding(meant, f"{title(name)} differs: {parts}", [f for g in groups.values() for f in g])
    odd = "; ".join(f"{where(group)}: {title(name)} {value} instead of {usual}" for value, group in others)
    return _finding(meant, f"all {total} {unit} equal except {odd}", [f for _, group in others for f in group])


def _finding(meant: Difference, observed: str, ranks: list[Facts]) -> Finding:
    rule = replace(EQUAL, why=meant.why) if meant.why else EQUAL
    expected = f"{EQUAL.expected}: {meant.why}"
    return rule.finding(meant.verdict, observed, expected=expected, evidence=EVIDENCE, scope=scope(ranks))
