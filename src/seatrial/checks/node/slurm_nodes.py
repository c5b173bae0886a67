"""Nodes as Slurm sees them: what people paste of ``scontrol show node`` and of ``sinfo``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from seatrial.checks.catalogue import Rule, check
from seatrial.checks.observations import Lines, Source, Unreadable
from seatrial.checks.profile import Profile
from seatrial.checks.scontrol import fields
from seatrial.findings import Finding, Severity, Verdict

# Words of man 1 sinfo, 'NODE STATE CODES', short and long, and of scontrol, which joins them by "+".
GOOD = {"idle", "alloc", "allocated", "mix", "mixed", "comp", "completing", "plnd", "planned", "resv", "reserved"}
GOOD |= {"cloud", "dynamic_norm"}
BAD = {"down", "drain", "drained", "draining", "drng", "fail", "failing", "failg", "error", "err", "unk", "unknown"}
BAD |= {"inval", "invalid", "invalid_reg", "no_respond", "not_responding"}
OFF = {"powered_down", "powering_down", "power_down", "pow_dn", "future", "futr", "dynamic_future"}
WAITING = {"powering_up", "power_up", "pow_up", "power_drain", "boot", "reboot", "reboot_issued", "reboot_requested"}
WAITING |= {"maint", "maintenance", "undrain", "npc", "perfctrs", "blocked"}
SUFFIXES = {
    "*": "not_responding",
    "~": "powered_down",
    "#": "powering_up",
    "!": "powering_down",
    "%": "powering_down",
    "$": "maintenance",
    "@": "reboot_requested",
    "^": "reboot_issued",
    "-": "planned",
}
ACTIONS = {"Action:Replace": Severity.ISOLATE, "Action:Reboot": Severity.REBOOT}
"""What HyperPod's Slurm does by a reason. AWS, SageMaker HyperPod, 'Manually replace or reboot a node'."""

_BY = re.compile(r" \[\S+@[\d-]+T[\d:]+\]\s*(?=$|\s\w+=)")


@dataclass(frozen=True, slots=True)
class Node:
    """A node, or several that sinfo puts together."""

    names: str
    words: frozenset[str]
    reason: str


def parse(lines: Lines) -> list[Node]:
    """Either command's output; a table must have the columns NODELIST and STATE, or be that of ``sinfo -R``."""
    text = [line.rstrip() for line in lines]
    body = [line for line in text if line.strip()]
    if not body:
        raise Unreadable("scontrol show node, or a table of sinfo")
    if body[0].startswith("NodeName="):
        return [_record(record) for record in _records(body)]
    while body and re.fullmatch(r"[A-Z][a-z]{2} [A-Z][a-z]{2} +\d+ [\d:]{8} \d{4}", body[0]):
        del body[0]  # sinfo --long begins with the date
    header = body[0].split() if body else []
    if "NODELIST" not in header or not {"STATE", "REASON"} & {*header} or len(body) < 2:
        raise Unreadable("scontrol show node, or sinfo with the columns NODELIST and STATE", body[0] if body else "")
    rows = [line for line in body[1:] if not re.search(r" 0 +n/a$", line)]  # a partition without nodes
    if not rows:
        raise Unreadable("a node", body[-1])
    return list(dict.fromkeys(_row(header, line) for line in rows))


def _records(lines: Iterable[str]) -> list[str]:
    """Blocks of several lines, or one line each (--oneliner)."""
    found: list[str] = []
    for line in lines:
        if line.startswith("NodeName="):
            found.append(line)
        elif re.match(r"\s+\w+=", line) and found:
            found[-1] += f" {line.strip()}"
        else:
            raise Unreadable("NodeName=…, and its further lines", line)
    return found


def _record(record: str) -> Node:
    facts = fields(record)
    # What stands behind the node's resources is not printed for all, so a record that ends there may be whole.
    if lacking := [name for name in ("State", "BootTime", "CfgTRES", "AllocTRES") if name not in facts]:
        raise Unreadable(f"{lacking[0]}= of {facts['NodeName']}", record[-60:])
    _, reason, text = record.partition(" Reason=")
    return Node(facts["NodeName"], words(facts["State"]), _BY.split(text)[0].strip() if reason else "")


def _row(header: list[str], line: str) -> Node:
    """A line of sinfo. A reason may hold blanks, so it is the first column or the last."""
    if header[0] == "REASON":
        parts = line.rsplit(maxsplit=len(header) - 1)
    else:
        parts = line.split(maxsplit=len(header) - 1) if header[-1] == "REASON" else line.split()
        if header[-1] == "REASON" and len(parts) == len(header) - 1:
            parts.append("none")
    if len(parts) != len(header):
        raise Unreadable(f"{len(header)} columns: {' '.join(header)}", line)
    row = dict(zip(header, parts, strict=True))
    reason = row.get("REASON", "").strip()
    state = row.get("STATE", "down")  # sinfo -R lists only nodes that are down, drained or failing
    return Node(row["NODELIST"], words(state), "" if reason == "none" else reason)


def words(state: str) -> frozenset[str]:
    """``IDLE+DRAIN``, ``down*``, ``idle~`` as words; one that is not known stays as it is."""
    found: set[str] = set()
    for word in state.lower().split("+"):
        while word and word[-1] in SUFFIXES:
            found.add(SUFFIXES[word[-1]])
            word = word[:-1]
        found.add(word)
    return frozenset(found)


NODES = Source(
    kind="slurm-nodes",
    title="Slurm's nodes: scontrol show node, sinfo, sinfo -N, sinfo -R",
    part="node",
    level="quick",
    parse=parse,
    package="Slurm",
)
_TABLE = "NODELIST   STATE REASON\n"


@check(
    "slurm.node-state",
    NODES,
    scope="cluster",
    severity=Severity.MONITOR,
    verdicts=(Verdict.PASS, Verdict.WARN, Verdict.FAIL),
    expected="able to take jobs: idle, allocated, mixed or completing",
    why="A partition with fewer nodes than it should have lets jobs wait, and nobody is told.",
    remedy="mend what the reason names, then scontrol update nodename=NODE state=resume",
    cites="man 1 sinfo, 'NODE STATE CODES'; SageMaker HyperPod user guide, on node recovery with Slurm",
    good=f"{_TABLE}p5-[1-3]   idle  none\np5-4       mix   none\n",
    bad=f"{_TABLE}p5-1       drain gpu.xid: Xid 79\np5-[2-4]   idle  none\n",
)
def node_state(rule: Rule, seen: list[Node], profile: Profile) -> Iterator[Finding]:
    for node in seen:
        told = f"{'+'.join(sorted(node.words))}{f': {node.reason}' if node.reason else ''}"
        scope = {"node": node.names}
        asked = next((action for word, action in ACTIONS.items() if word in node.reason), Severity.MONITOR)
        if node.words & BAD:
            yield replace(rule, severity=asked).finding(Verdict.FAIL, told, scope=scope)
        elif unknown := node.words - GOOD - OFF - WAITING:
            yield rule.finding(Verdict.UNKNOWN, f"{told}: what is {', '.join(sorted(unknown))}?", scope=scope)
        elif node.words & OFF:
            yield rule.finding(Verdict.SKIP, f"{told}: it is off until a job needs it", scope=scope)
        else:
            yield rule.finding(Verdict.WARN if node.words & WAITING else Verdict.PASS, told, scope=scope)
