"""Look at this node, and on the first one tell what all of them found. One process a node; reads from top to bottom."""

from __future__ import annotations

import datetime
import json
import os
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeAlias

import torch.distributed as dist

from seatrial.cases.node import Args
from seatrial.checks.catalogue import Check, select_checks
from seatrial.checks.collecting import collect
from seatrial.checks.evidence import keep
from seatrial.checks.judging import judge, severity
from seatrial.checks.profile import Profile, detect
from seatrial.findings import Finding, Rule, Severity, Verdict, overall
from seatrial.rank import announce
from seatrial.rank.core import Rank
from seatrial.rank.start import start

TOLD = Rule(
    id="node.told",
    verdicts=(Verdict.PASS, Verdict.UNKNOWN),
    reads="what each node tells the first one",
    expected="every node says what it found",
    why="A node that is silent may be the sick one.",
    remedy="look at its log in the run's folder; check it alone: seatrial check node",
    source="docs/healthy.md",
    severity=Severity.MONITOR,
    good="ip-10-0-0-1: 40 findings",
    bad="nothing within 120 s",
)
"""How a node that says nothing is told."""

Told: TypeAlias = "tuple[str, list[Finding]]"
"""Host, and what was found there."""


class Nodes(Rank):
    """A process for each node, which hears of the others by a key-value store alone: no group that one could hang."""

    def __init__(self, run: Path, job: dict[str, Any]) -> None:
        super().__init__(run, job)
        self.nodes: int = job["nodes"]
        self.node = self.rank // self.processes_per_node


def main() -> None:
    """Look, tell, and exit with a code of ExitCode."""
    with start(Nodes) as rank:
        args = Args(**rank.args)
        rank.stage("look")
        checks = select_checks(args.level)
        name, findings = socket.gethostname(), look(rank, args, checks)
        rank.alive()
        if rank.node == 0:
            announce.run_start(rank, steps=1, unit="samples")
            for finding in together(hear_all(rank, args, name, findings), args.patience):
                rank.emit(finding)
        else:
            tell(rank, args, name, findings)
        rank.end("completed", 1)


def store(rank: Nodes, args: Args) -> dist.TCPStore:
    """The key-value store, which the first node holds."""
    patience = datetime.timedelta(seconds=args.patience)
    address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    return dist.TCPStore(address, port, is_master=rank.node == 0, wait_for_workers=False, timeout=patience)


def tell(rank: Nodes, args: Args, name: str, findings: Sequence[Finding]) -> None:
    """Tell the first node. If it cannot be reached, this log says so and the first node says what it did not hear: an
    error would only make the engine kill the others."""
    key = f"node-{rank.node}"
    try:
        at = store(rank, args)
        at.set(key, json.dumps([name, [asdict(finding) for finding in findings]]))
        at.get(key)  # it has arrived
    except dist.DistError as error:
        print(f"{name}: the first node cannot be told: {str(error).splitlines()[0]}", flush=True)
        for finding in findings:
            print(f"{finding.verdict} {finding.check}: {finding.observed}", flush=True)


def hear_all(rank: Nodes, args: Args, name: str, findings: list[Finding]) -> dict[int, Told | None]:
    """Host and findings of every node, of this one without asking; None for those that are silent for too long."""
    told: dict[int, Told | None] = {0: (name, findings)}
    if rank.nodes > 1:
        at, deadline = store(rank, args), time.monotonic() + args.patience
        for number in range(1, rank.nodes):
            told[number] = hear(at, number, max(0.1, deadline - time.monotonic()))
            rank.alive()
    return told


def hear(at: dist.TCPStore, number: int, seconds: float) -> Told | None:
    """What one node tells within this time."""
    key = f"node-{number}"
    try:
        at.wait([key], datetime.timedelta(seconds=seconds))
        name, records = json.loads(at.get(key))
    except dist.DistStoreError:
        return None
    return name, [Finding.of(record) for record in records]


def look(rank: Nodes, args: Args, checks: Sequence[Check]) -> list[Finding]:
    """What this node's checks found; what was observed is kept in the run's folder."""
    profile = Profile.of(args.instance) if args.instance else detect()
    sources = {check.source.kind: check.source for check in checks}
    observations = keep(collect(sources.values(), profile), rank.run / "observed" / socket.gethostname())
    found = judge(checks, observations, profile)
    return [replace(finding, evidence=finding.evidence.replace(f"{rank.run}/", "")) for finding in found]


def together(told: Mapping[int, Told | None], patience: int) -> list[Finding]:
    """The findings of all nodes: each fault with its node, what is right once for all nodes of which it is."""
    found: list[Finding] = []
    right: dict[tuple[str, Verdict], list[tuple[str, Finding]]] = {}
    for number, heard in told.items():
        if heard is None:
            scope = {"node": f"number {number}"}
            found.append(TOLD.finding(Verdict.UNKNOWN, f"nothing within {patience} s", scope=scope))
            continue
        host, findings = heard
        words = f"{len(findings)} findings: {overall(findings)}, {severity(findings)}"
        found.append(TOLD.finding(Verdict.PASS, words, scope={"node": host}))
        for finding in findings:
            if finding.verdict in (Verdict.PASS, Verdict.SKIP):
                right.setdefault((finding.check, finding.verdict), []).append((host, finding))
            else:
                found.append(replace(finding, scope={"node": host, **finding.scope}))
    for group in right.values():
        hosts, first = list(dict.fromkeys(host for host, _ in group)), group[0][1]
        many = f" on {len(hosts)} nodes" if len(hosts) > 1 else ""
        observed = f"{first.observed}{', and so on' if len({f.observed for _, f in group}) > 1 else ''}{many}"
        found.append(replace(first, observed=observed, scope={"nodes": hosts}, evidence=""))
    return found


if __name__ == "__main__":
    main()
