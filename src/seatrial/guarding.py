"""Puts what a check found where the scheduler acts on it: quarantines a node, keeps it there, releases it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from seatrial import launchers
from seatrial.checks.catalogue import Check
from seatrial.checks.judging import severity
from seatrial.checks.observations import Level
from seatrial.checks.quarantine import Mark, Step, mark, step
from seatrial.cluster import Cluster
from seatrial.errors import Problem, UserError
from seatrial.findings import Finding, Rule, Severity, Verdict
from seatrial.launchers import Guard
from seatrial.plan import Plan


def guard_of(launcher: str) -> Guard:
    """The guard of a launcher. Raises UserError if it has none."""
    guard = launchers.find(launcher).guard
    if guard is None:
        having = [name for name in launchers.built_in() if launchers.find(name).guard]
        raise UserError(Problem(f"{launcher} has no nodes that stay", "launcher", f"choose from: {', '.join(having)}"))
    return guard


def hooks(cluster: Cluster) -> Plan:
    """By what a cluster checks its nodes itself. Raises UserError where there is nothing of the kind."""
    render = launchers.find(cluster.launcher).hooks
    if render is None:
        remedy = "seatrial check node looks at this machine"
        raise UserError(Problem(f"the launcher {cluster.launcher} starts nothing by itself", cluster.name, remedy))
    return render(cluster)


def on_node(launcher: str) -> Cluster:
    """The cluster that this node belongs to, as far as a guard needs it."""
    bare = Cluster(name="here", launcher=launcher, nodes=1, cpus_per_node=1)
    return guard_of(launcher).node(bare)


KEPT_AWAY = Rule(
    id="cluster.kept-away",
    verdicts=(Verdict.PASS, Verdict.WARN, Verdict.UNKNOWN),
    reads="what the engine says of its nodes",
    expected="every node gets jobs",
    why="A node that is drained, down or tainted is paid for and does no work.",
    remedy="repair it, then let jobs onto it again: seatrial check release, or whoever keeps it away",
    source="docs/healthy.md",
    severity=Severity.MONITOR,
    good="16 nodes get jobs",
    bad="bad memory",
)


def kept_away(cluster: Cluster) -> list[Finding]:
    """A finding for each node that gets no jobs; none at all where the engine keeps none away."""
    guard = launchers.find(cluster.launcher).guard
    if guard is None:
        return []
    try:
        reasons = guard.reasons(cluster)
    except UserError as error:
        return [KEPT_AWAY.finding(Verdict.UNKNOWN, p.what, remedy=p.remedy) for p in error.problems]
    away = {name: reason for name, reason in reasons.items() if reason}
    if not away:
        verdict = Verdict.PASS if reasons else Verdict.UNKNOWN
        return [KEPT_AWAY.finding(verdict, f"{len(reasons)} nodes get jobs")]
    return [KEPT_AWAY.finding(Verdict.WARN, reason, scope={"node": name}) for name, reason in away.items()]


def act(
    cluster: Cluster, checks: Iterable[Check], findings: Sequence[Finding], level: Level
) -> tuple[Step, Mark | None]:
    """Let the scheduler follow a check of this level, of all rules, that was made on the node that this runs on.

    Returns what was done, and the mark that the node has now, or on HOLD ought to have. Raises UserError if the
    scheduler is out of reach.
    """
    with _alone():
        return _act(cluster, checks, findings, level)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Of two checks that end on a node at the same moment, a job's prolog and a health check, one acts first."""
    folder = Path("/run/lock") if os.access("/run/lock", os.W_OK) else Path(tempfile.gettempdir())
    with (folder / f"seatrial-guard-{os.getuid()}").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _act(
    cluster: Cluster, checks: Iterable[Check], findings: Sequence[Finding], level: Level
) -> tuple[Step, Mark | None]:
    guard = guard_of(cluster.launcher)
    name = guard.here()
    words = guard.reason(name, cluster)
    old, new = Mark.of(words), mark(checks, findings, level)
    if words and old is None:  # somebody else keeps it away, and will take that back himself
        return Step.NOTHING, None
    quarantined = nodes = 0
    if new is not None and old is None:
        reasons = guard.reasons(cluster)
        nodes, quarantined = len(reasons), sum(Mark.of(reason) is not None for reason in reasons.values())
    done = step(new, old, findings, level, quarantined, nodes)
    if done is Step.QUARANTINE:
        guard.quarantine(name, cluster, str(new), severity(findings))
    elif done is Step.RELEASE:
        guard.release(name, cluster)
    return done, {Step.KEEP: old, Step.RELEASE: None}.get(done, new)


def release(names: Sequence[str], cluster: Cluster) -> dict[str, Mark]:
    """An operator's word that nodes are well again. Returns their marks.

    Raises UserError, with nothing released, if one of them is not quarantined by Seatrial.
    """
    guard = guard_of(cluster.launcher)
    reasons = {name: guard.reason(name, cluster) for name in names}
    marks = {name: mark for name, reason in reasons.items() if (mark := Mark.of(reason))}
    problems = [
        Problem(
            f"{name} is not quarantined by Seatrial" + (f", but: {reason}" if reason else ""),
            "NODE",
            "whoever keeps it away must take that back" if reason else "it gets jobs already",
        )
        for name, reason in reasons.items()
        if name not in marks
    ]
    if problems:
        raise UserError(problems)
    for name in marks:
        guard.release(name, cluster)
    return marks
