"""Slurm's nodes and jobs, by three commands a pass whatever the size of the cluster.

Slurm 25.11 and newer tells this itself, and more, by the same names: docs/observe.md says how that is scraped.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from seatrial.observe.exporter.collecting import Collected
from seatrial.observe.exporter.exposition import label, labels, line

TIMEOUT = 10.0
"""Seconds that a command may take: the controller of a busy cluster answers late."""

SINFO = ("sinfo", "--all", "--noheader", "--Node", "--format=%N|%R|%T|%C|%m|%G|%u|%H|%E")
SQUEUE = ("squeue", "--all", "--noheader", "--array", "--states=all", "--format=%P|%T|%D|%r")
SDIAG = ("sdiag",)

Ask = Callable[[tuple[str, ...]], str]
"""Runs a command, returns what it prints. Raises OSError with why it did not."""

NODE_STATES = {
    "allocated": "alloc", "completing": "completing", "down": "down", "drained": "drained", "draining": "draining",
    "fail": "fail", "failing": "fail", "future": "future", "idle": "idle", "maint": "maint", "mixed": "mixed",
    "planned": "planned", "power_down": "power_down", "powered_down": "powered_down", "powering_down": "power_down",
    "powering_up": "powering_up", "reboot": "reboot_req", "rebooted": "reboot_req", "reboot_issued": "reboot_issued",
    "reserved": "resv", "unknown": "unknown",
}  # fmt: skip
"""A state as sinfo says it -> the end of the name that Slurm's own OpenMetrics has for it (man 1 sinfo, NODE STATE
CODES); a state that is not here counts in `slurm_nodes` and stands in `slurm_node_state` only."""

JOB_STATES = {
    "BOOT_FAIL": "bootfail", "CANCELLED": "cancelled", "COMPLETED": "completed", "COMPLETING": "completing",
    "CONFIGURING": "configuring", "DEADLINE": "deadline", "FAILED": "failed", "NODE_FAIL": "node_failed",
    "OUT_OF_MEMORY": "outofmemory", "PENDING": "pending", "PREEMPTED": "preempted", "REQUEUED": "requeued",
    "RESIZING": "resizing", "REVOKED": "revoked", "RUNNING": "running", "SIGNALING": "signaling",
    "STAGE_OUT": "stageout", "SUSPENDED": "suspended", "TIMEOUT": "timeout",
}  # fmt: skip
"""The same of jobs. Those that ended are told while the controller remembers them: MinJobAge, 300 s by default."""

COUNTERS = ("submitted", "started", "completed", "canceled", "failed")
"""Lines ``Jobs submitted: 12`` of sdiag: since the controller started, or since midnight UTC."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """What a line of SINFO says: one for each partition that a node is in."""

    name: str
    partition: str
    state: str
    """Without the flag behind it: ``idle*`` does not answer, ``idle~`` is powered down."""
    flag: str
    cpus: tuple[int, int, int, int]
    """Allocated, idle, other, total."""
    memory_mib: int
    gpus: int
    user: str
    since: str
    reason: str
    """Empty: nobody keeps it away."""


def parse_sinfo(text: str) -> tuple[list[Node], int]:
    """The lines of SINFO, and how many could not be read."""
    found, unread = [], 0
    for row in filter(str.strip, text.splitlines()):
        parts = row.strip().split("|", 8)  # a reason is anybody's words
        cpus = re.fullmatch(r"(\d+)/(\d+)/(\d+)/(\d+)", parts[3]) if len(parts) == 9 else None
        state = re.fullmatch(r"([a-z_]+)(\W?)", parts[2].lower()) if len(parts) == 9 else None
        if cpus is None or state is None:
            unread += 1
            continue
        reason = parts[8].strip()
        found.append(
            Node(
                name=parts[0],
                partition=parts[1],
                state=state[1],
                flag=state[2],
                cpus=(int(cpus[1]), int(cpus[2]), int(cpus[3]), int(cpus[4])),
                memory_mib=int(parts[4]) if parts[4].isdecimal() else 0,
                gpus=sum(int(n) for n in re.findall(r"(?:^|,)gpu(?::[A-Za-z][\w.-]*)?:(\d+)", parts[5])),
                user=parts[6].strip(),
                since=parts[7].strip(),
                reason="" if reason.lower() == "none" else reason,
            )
        )
    return found, unread


def ask(command: tuple[str, ...]) -> str:
    """Runs a command of Slurm on this machine."""
    environment = {**os.environ, "LC_ALL": "C", "SLURM_TIME_FORMAT": "standard"}
    try:
        done = subprocess.run(command, capture_output=True, timeout=TIMEOUT, check=False, env=environment)
    except subprocess.TimeoutExpired:
        raise OSError(None, f"no answer within {TIMEOUT:g} s") from None
    if done.returncode != 0:
        why = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"]
        raise OSError(None, why[-1])
    return done.stdout.decode(errors="replace")


class Slurm:
    """The collector."""

    def __init__(self, ask: Ask = ask) -> None:
        self._ask = ask

    def collect(self) -> Collected:
        """Asks for nodes, jobs and the controller's counters; what does not answer is a problem."""
        told: dict[str, list[str]] = defaultdict(list)
        problems: list[str] = []
        for command, read in ((SINFO, _nodes), (SQUEUE, _jobs), (SDIAG, _counters)):
            try:
                for metric, about, value in read(self._ask(command)):
                    told[metric].append(line(metric, about, value))
            except (OSError, ValueError) as error:
                problems.append(f"{command[0]}: {getattr(error, 'strerror', None) or error}")
        return Collected({name: "".join(told[name]) for name in sorted(told)}, tuple(problems))


Samples = Iterator[tuple[str, str, float]]


def _nodes(text: str) -> Samples:
    rows, unread = parse_sinfo(text)
    if unread:
        raise ValueError(f"{unread} lines cannot be understood")
    nodes = {node.name: node for node in rows}
    yield "slurm_nodes", "", len(nodes)
    counted = Counter(state for node in nodes.values() for state in _states(node))
    for state in sorted({*NODE_STATES.values(), "drain", "noresp"}):
        yield f"slurm_nodes_{state}", "", counted[state]
    for node in nodes.values():
        yield from _node(node)
    by_partition: dict[str, list[Node]] = defaultdict(list)
    for row in rows:
        by_partition[row.partition].append(row)
    yield "slurm_partitions", "", len(by_partition)
    for partition, some in sorted(by_partition.items()):
        about = label("partition", partition)
        yield "slurm_partition_nodes", about, len(some)
        yield "slurm_partition_cpus", about, sum(node.cpus[3] for node in some)
        yield "slurm_partition_gpus", about, sum(node.gpus for node in some)


def _states(node: Node) -> Iterator[str]:
    yield NODE_STATES.get(node.state, "")
    if node.state in ("drained", "draining"):
        yield "drain"  # Slurm counts the flag besides the state
    if node.flag == "*":
        yield "noresp"


def _node(node: Node) -> Samples:
    about = label("node", node.name)
    yield "slurm_node_state", labels(node=node.name, state=node.state), 1
    yield "slurm_node_cpus", about, node.cpus[3]
    yield "slurm_node_cpus_alloc", about, node.cpus[0]
    yield "slurm_node_cpus_idle", about, node.cpus[1]
    yield "slurm_node_gpus", about, node.gpus
    yield "slurm_node_memory_bytes", about, node.memory_mib * 2**20
    if node.reason:
        yield "slurm_node_reason_info", labels(node=node.name, reason=node.reason, user=node.user), 1
        since = _moment(node.since)
        if since is not None:
            yield "slurm_node_reason_timestamp_seconds", about, since


def _moment(text: str) -> float | None:
    """Slurm writes local time."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def _jobs(text: str) -> Samples:
    rows = [row.strip().split("|", 3) for row in text.splitlines() if row.strip()]
    if any(len(row) != 4 for row in rows):
        raise ValueError("a line cannot be understood")
    yield "slurm_jobs", "", len(rows)
    states = Counter(JOB_STATES.get(state, "") for _, state, _, _ in rows)
    for state in JOB_STATES.values():
        yield f"slurm_jobs_{state}", "", states[state]
    partitions = sorted({partition for partition, *_ in rows})
    for partition in partitions:
        mine = Counter(JOB_STATES.get(state, "") for of, state, _, _ in rows if of == partition)
        yield "slurm_partition_jobs", label("partition", partition), sum(mine.values())
        for state in ("pending", "running"):
            yield f"slurm_partition_jobs_{state}", label("partition", partition), mine[state]
    # Behind the reason stand names of nodes, which differ with every job.
    waiting = Counter((of, re.split("[,:]", why)[0]) for of, state, _, why in rows if state == "PENDING")
    for (partition, reason), count in sorted(waiting.items()):
        yield "slurm_jobs_pending_by_reason", labels(partition=partition, reason=reason), count


def _counters(text: str) -> Samples:
    for name in COUNTERS:
        found = re.search(rf"^Jobs {name}:\s*(\d+)\s*$", text, re.MULTILINE)
        if found is None:
            raise ValueError(f"it does not say how many jobs were {name}")
        yield f"slurm_sdiag_jobs_{name}", "", int(found[1])
