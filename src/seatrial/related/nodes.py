"""What checks of a run's nodes found: runs of checks and benchmarks beside it, and the check that this machine keeps.

Only of the same hosts of the same cluster, and within a day of the run. Where a rule looked at a node more than once,
what it said last before the run counts, what it said while the run went on, and what it said first after it: what was
repaired before the run, and what broke long after it, explains nothing.
"""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from seatrial.checks import last
from seatrial.checks.node.kernel_cursor import STATE
from seatrial.diagnose import Slowing
from seatrial.diagnose.left import Left
from seatrial.errors import UserError
from seatrial.events import EventLog, RunStart
from seatrial.findings import Finding, Verdict
from seatrial.history import History
from seatrial.job import Job
from seatrial.runs import Run, State

DAY = 24 * 3600.0
"""Seconds from a check to a run, beyond which it says nothing of it: a bound of ours."""
OTHER_TOPICS = ("run", "env", "network")
"""Beginnings of rules about a check's own job: how it ended, its ranks' Python and variables. This run has others."""
NOT_OF_SPEED = frozenset(
    ("gpu.persistence", "gpu.unique", "kernel.log-reach", "node.clock", "node.clock-offset", "node.disk-files",
     "node.disk-space", "node.open-files", "node.told", "node.uptime")
)  # fmt: skip
"""Rules about what makes no step slower: it spoils time stamps, ends jobs, or delays their start."""
_SEEN = (Verdict.PASS, Verdict.WARN, Verdict.FAIL)
_BAD = (Verdict.WARN, Verdict.FAIL)


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What one check said of one node, by one of its rules."""

    host: str
    time: float
    """When the check ended, Unix seconds."""
    origin: str
    """Where it stands."""
    finding: Finding


def of_run(run: Run, left: Left, state: Path = STATE) -> Iterator[Slowing]:
    """What is not as it should be on its nodes. `state`: the folder that this machine keeps over reboots."""
    start, times = left.log.last(RunStart), [timed.time for timed in left.log.events]
    if start is None or not start.hosts:
        return
    hosts, began, ended = frozenset(map(_short, start.hosts)), min(times), max(times)
    looks = [*_of_runs(run, left.job, hosts, began, ended), *_of_this_machine(state)]
    near = [
        look
        for look in looks
        if look.host in hosts and began - DAY <= look.time <= ended + DAY and _is_of_speed(look.finding.check)
    ]
    for together in _alike(_that_count(near, began, ended)):
        yield Slowing(_told(together), None)


def _short(host: str) -> str:
    """Its name without the domain."""
    return host.partition(".")[0]


def _is_of_speed(check: str) -> bool:
    return check.partition(".")[0] not in OTHER_TOPICS and check not in NOT_OF_SPEED


def _of_runs(run: Run, job: Job, hosts: frozenset[str], began: float, ended: float) -> Iterator[Look]:
    """Of the checks and benchmarks of the same cluster in the same folder of runs, `seatrial check cluster` too."""
    for other in History(run.path.parent).runs:
        with contextlib.suppress(UserError, OSError, ValueError):  # another run's folder, which may be half written
            written = (other.path / "job.json").stat().st_mtime  # when it started, or was copied here
            if other.id != run.id and written >= began - DAY and _checks(other.job, job):
                yield from _of_log(other, other.events(), hosts, ended)


def _checks(other: Job, job: Job) -> bool:
    return other.purpose in ("check", "benchmark") and other.cluster == job.cluster


def _of_log(other: Run, log: EventLog, hosts: frozenset[str], ended: float) -> Iterator[Look]:
    start = log.last(RunStart)
    if start is None or log.events[0].time > ended + DAY or other.state(log) is not State.COMPLETED:
        return
    for finding in log.of(Finding):
        for host in _places(finding, [*map(_short, start.hosts)], hosts):
            yield Look(host=host, time=log.events[-1].time, origin=f"run {other.id}", finding=finding)


def _places(finding: Finding, checked: Sequence[str], hosts: frozenset[str]) -> Iterable[str]:
    """The nodes that it names. If it names none it is about all that were checked: nobody else may have been there."""
    scope: Mapping[str, object] = finding.scope
    named, alone = scope.get("nodes"), scope.get("node")
    if isinstance(named, list) and named:
        return [_short(str(name)) for name in named]
    if alone:
        return [_short(str(alone))]
    return dict.fromkeys(checked) if hosts.issuperset(checked) else ()


def _of_this_machine(state: Path) -> Iterator[Look]:
    """What the hook that checks this node has kept."""
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):  # nothing that a check wrote
        checked = last.read(state)
        if checked.node == _short(platform.node()):
            place = f"{state / last.FILE}"
            for finding in checked.findings:
                yield Look(host=checked.node, time=checked.time, origin=place, finding=finding)


def _that_count(looks: Iterable[Look], began: float, ended: float) -> Iterator[Look]:
    """What is bad of the last look before the run, of those while it went on, and of the first after it."""
    groups: dict[tuple[str, str], list[Look]] = {}
    for look in looks:
        if look.finding.verdict in _SEEN:
            groups.setdefault((look.host, look.finding.check), []).append(look)
    for group in groups.values():
        before = max((look.time for look in group if look.time < began), default=began)
        after = min((look.time for look in group if look.time > ended), default=ended)
        yield from (look for look in group if before <= look.time <= after and look.finding.verdict in _BAD)


def _alike(looks: Iterable[Look]) -> Iterable[list[Look]]:
    """Those of one rule and verdict together: what is wrong with a hundred nodes is one thing to do."""
    groups: dict[tuple[str, Verdict], list[Look]] = {}
    for look in looks:
        groups.setdefault((look.finding.check, look.finding.verdict), []).append(look)
    return groups.values()


def _told(looks: Sequence[Look]) -> Finding:
    """The newest of them, with all nodes that it is about, and when and by what it was found."""
    newest = max(looks, key=lambda look: look.time)
    hosts = sorted({look.host for look in looks})
    more = len({(look.host, look.finding.about("node", "nodes"), look.finding.observed) for look in looks}) - 1
    part = newest.finding.about("node", "nodes")
    about = f"{newest.host}, {part}" if part else newest.host
    observed = f"{about}: {newest.finding.observed}{f', and {more} more like it' if more else ''}"
    moment = datetime.fromtimestamp(newest.time, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return replace(newest.finding, observed=observed, evidence=f"{newest.origin}, {moment}", scope={"nodes": hosts})
