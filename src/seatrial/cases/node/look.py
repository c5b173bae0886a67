"""Look at this node, and on the first one tell what all of them found. One process a node; reads from top to bottom."""

from __future__ import annotations

import datetime
import errno
import json
import os
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import torch.distributed as dist

from seatrial.cases.node import Args
from seatrial.checks.catalogue import Check, select_checks
from seatrial.checks.collecting import collect
from seatrial.checks.environment.comparing import EVIDENCE, compare_nodes
from seatrial.checks.environment.facts import Collector, Facts, Value
from seatrial.checks.environment.system import of_node
from seatrial.checks.evidence import keep
from seatrial.checks.judging import judge, severity
from seatrial.checks.node.gpu_identity import ALIKE
from seatrial.checks.node.nvidia_smi import NVIDIA_SMI
from seatrial.checks.observations import Lines, Observation
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

Told: TypeAlias = "tuple[Facts, list[Finding]]"
"""What is around a node, and what was found there."""


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
        mine = look(rank, args, checks)
        rank.alive()
        if rank.node == 0:
            announce.run_start(rank, steps=1, unit="samples")
            told = hear_all(rank, args, mine)
            everyone = [heard[0] for heard in told.values() if heard]
            (rank.run / EVIDENCE).write_text("".join(f"{facts.to_json()}\n" for facts in everyone), encoding="utf-8")
            for finding in (*together(told, args.patience), *compare_nodes(everyone)):
                rank.emit(finding)
        else:
            tell(rank, args, mine)
        rank.end("completed", 1)


def store(rank: Nodes, args: Args) -> dist.TCPStore:
    """The key-value store, which the first node holds."""
    patience = datetime.timedelta(seconds=args.patience)
    address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    return dist.TCPStore(address, port, is_master=rank.node == 0, wait_for_workers=False, timeout=patience)


def tell(rank: Nodes, args: Args, mine: Told) -> None:
    """Tell the first node. If it cannot be reached, this log says so and the first node says what it did not hear: an
    error would only make the engine kill the others."""
    key, (facts, findings) = f"node-{rank.node}", mine
    try:
        at = store(rank, args)
        at.set(key, json.dumps([facts.to_json(), [asdict(finding) for finding in findings]]))
        at.get(key)  # it has arrived
    except dist.DistError as error:
        print(f"{facts.host}: the first node cannot be told: {str(error).splitlines()[0]}", flush=True)
        for finding in findings:
            print(f"{finding.verdict} {finding.check}: {finding.observed}", flush=True)


def hear_all(rank: Nodes, args: Args, mine: Told) -> dict[int, Told | None]:
    """What every node tells, this one without being asked; None for those that are silent for too long."""
    told: dict[int, Told | None] = {0: mine}
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
        facts, records = json.loads(at.get(key))
    except dist.DistStoreError:
        return None
    return Facts.from_json(facts), [Finding.of(record) for record in records]


def look(rank: Nodes, args: Args, checks: Sequence[Check]) -> Told:
    """What is around this node, and what its checks found; what was observed is kept in the run's folder."""
    profile = Profile.of(args.instance) if args.instance else detect()
    sources = {check.source.kind: check.source for check in checks}
    observations = keep(collect(sources.values(), profile), rank.run / "observed" / socket.gethostname())
    found = judge(checks, observations, profile)
    findings = [replace(finding, evidence=finding.evidence.replace(f"{rank.run}/", "")) for finding in found]
    return facts_of(rank, observations), findings


def facts_of(rank: Nodes, observations: Sequence[Observation]) -> Facts:
    """What should be the same on all nodes."""
    found = Collector()
    of_node(found, rank.run)
    for seen in observations:
        if seen.kind == NVIDIA_SMI.kind:
            for field in ALIKE:
                found.add(f"gpus.{field}", partial(of_gpus, seen, field))
    return Facts(rank=rank.node, local_rank=0, host=socket.gethostname(), values=found.values, problems=found.problems)


def of_gpus(seen: Observation, field: str) -> Value:
    """What nvidia-smi says of all GPUs of a node. Raises OSError or Unreadable if it says nothing."""
    if seen.problem:
        raise OSError(errno.EIO, seen.problem)
    return ", ".join(sorted({gpu.cells.get(field, "not asked") for gpu in NVIDIA_SMI.parse(Lines(seen)).gpus}))


def together(told: Mapping[int, Told | None], patience: int) -> list[Finding]:
    """The findings of all nodes: each fault with its node, what is right once for all nodes of which it is."""
    found: list[Finding] = []
    right: dict[tuple[str, Verdict], list[tuple[str, Finding]]] = {}
    for number, heard in told.items():
        if heard is None:
            scope = {"node": f"number {number}"}
            found.append(TOLD.finding(Verdict.UNKNOWN, f"nothing within {patience} s", scope=scope))
            continue
        host, findings = heard[0].host, heard[1]
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
