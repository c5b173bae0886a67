"""What a process may take here: memory that it locks, files that it opens, CPUs and memory of its cgroup.

Said of the process that looks, so of a job's only where it is started as a job is: by the same Slurm, in the same pod.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from seatrial.checks.catalogue import Rule, check
from seatrial.checks.files import only, read_files
from seatrial.checks.node.cpu import cpu_list
from seatrial.checks.observations import Lines, Source, Unreadable
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, Severity, Verdict

LOCKED = 16 * 2**30
"""Bytes that a process must be able to lock for EFA: AWS's GPU health check (2026). AWS's guide sets unlimited."""
OPEN_FILES = 10_000
"""Files that a process must be able to open: sockets to all ranks, and one for each tensor that a data loader's process
hands over. What ParallelCluster sets (aws-parallelcluster-cookbook, filehandle_limit); Linux's own is 1024."""
SHARE = 0.95
"""Of the node's memory that a job's cgroup should let it have: as much as Linux itself leaves."""

_LIMITS = "/proc/self/limits"
_LIMIT = re.compile(r"(Max [a-z ]+?)\s+(unlimited|\d+)\s+(unlimited|\d+)(?:\s+[a-z]+)?\s*")


def parse_limits(lines: Lines) -> dict[str, tuple[float, float]]:
    """Name -> soft and hard limit; infinite where there is none."""
    found: dict[str, tuple[float, float]] = {}
    for line in read_files(lines, (_LIMITS,)).get(_LIMITS, []):
        match = _LIMIT.fullmatch(line)
        if match is None and not line.startswith("Limit "):
            raise Unreadable("'Max NAME  SOFT  HARD  UNIT'", line)
        if match:
            soft, hard = (float("inf") if text == "unlimited" else float(text) for text in match.groups()[1:])
            found[match[1]] = (soft, hard)
    for name in ("Max locked memory", "Max open files"):
        if name not in found:
            raise Unreadable(f"'{name}'")
    return found


LIMITS = Source(
    kind="limits",
    title="limits of a process",
    part="node",
    level="quick",
    parse=parse_limits,
    files=(_LIMITS,),
    package="Linux",
)
_GOOD = """Limit                     Soft Limit           Hard Limit           Units
Max open files            1048576              1048576              files
Max locked memory         unlimited            unlimited            bytes
"""


@check(
    "efa.memlock",
    LIMITS,
    severity=Severity.MONITOR,
    verdicts=(Verdict.PASS, Verdict.WARN, Verdict.FAIL),
    expected=f"locked memory unlimited; {LOCKED / 2**30:.0f} GiB at the least",
    why="EFA registers the buffers of a job, which locks them; where it may not, libfabric has no EFA.",
    remedy="memlock unlimited in /etc/security/limits.d, LimitMEMLOCK=infinity for slurmd; docker --ulimit memlock=-1",
    cites="AWS's EFA guide; awsome-distributed-ai, GPU health check, 2026: 16 GiB",
    good=_GOOD,
    bad=_GOOD.replace("unlimited            unlimited", "65536                65536    "),
)
def memlock(rule: Rule, seen: dict[str, tuple[float, float]], profile: Profile) -> Iterator[Finding]:
    soft, hard = seen["Max locked memory"]
    told = _bytes(soft) if soft == hard else f"{_bytes(soft)}, and {_bytes(hard)} at most"
    if profile.has("efa") is False:
        yield rule.finding(Verdict.SKIP, f"a {profile.name} has no EFA")
    elif profile.efa is None:
        yield rule.finding(Verdict.UNKNOWN, told, remedy="say what the node is: --instance")
    else:
        verdict = Verdict.PASS if soft == float("inf") else Verdict.WARN if soft >= LOCKED else Verdict.FAIL
        yield rule.finding(verdict, told)


def _bytes(number: float) -> str:
    return "unlimited" if number == float("inf") else f"{number / 2**20:,.0f} MiB"


@check(
    "node.open-files",
    LIMITS,
    severity=Severity.MONITOR,
    verdicts=(Verdict.PASS, Verdict.WARN),
    expected=f"{OPEN_FILES} or more",
    why="A job dies of 'Too many open files' as soon as it has more ranks, or more workers of data loaders.",
    remedy="nofile 1048576 in /etc/security/limits.d and for slurmd (LimitNOFILE=); ulimit -n in the job",
    cites="PyTorch, multiprocessing, 'Sharing strategies'; aws-parallelcluster-cookbook, filehandle_limit",
    good=_GOOD,
    bad=_GOOD.replace("1048576 ", "1024    "),
)
def open_files(rule: Rule, seen: dict[str, tuple[float, float]], profile: Profile) -> Iterator[Finding]:
    soft, hard = seen["Max open files"]
    verdict = Verdict.PASS if soft >= OPEN_FILES else Verdict.WARN
    yield rule.finding(verdict, f"{soft:.0f} open files, {hard:.0f} at most")


_STATUS = "/proc/self/status"
_ONLINE = "/sys/devices/system/cpu/online"
_MEMORY = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_QUOTA = ("/sys/fs/cgroup/cpu.max", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu/cpu.cfs_period_us")


@dataclass(frozen=True, slots=True)
class Share:
    """What a job gets of the node."""

    online: int
    allowed: int
    """CPUs that it may run on."""
    quota: float
    """CPUs whose time it may use up; infinite: all."""
    memory: float
    """Bytes; infinite: all."""


def parse_share(lines: Lines) -> Share:
    """Of the root cgroup that is to be seen: a container's own. Both generations of cgroups."""
    files = read_files(lines, (_STATUS, _ONLINE, *_MEMORY, *_QUOTA))
    status = files.get(_STATUS, [])
    allowed = [line.partition(":")[2].strip() for line in status if line.startswith("Cpus_allowed_list:")]
    online = only(files, _ONLINE)
    if not online or len(allowed) != 1 or not allowed[0]:
        raise Unreadable(f"{_ONLINE}, and Cpus_allowed_list of {_STATUS}")
    memory = next((value for path in _MEMORY if (value := only(files, path)) is not None), "max")
    two, quota, period = (only(files, path) for path in _QUOTA)
    if two is not None:
        quota, _, period = two.partition(" ")
    runs = cpu_list(allowed[0]) & cpu_list(online)
    return Share(len(cpu_list(online)), len(runs), _ratio(quota, period), _ratio(memory, "1"))


def _ratio(number: str | None, unit: str | None) -> float:
    if number in (None, "max", "-1"):
        return float("inf")
    if not str(number).isdecimal() or not str(unit).isdecimal() or unit == "0":
        raise Unreadable("a number or max", f"{number} {unit}")
    return int(str(number)) / int(str(unit))


SHARE_OF_NODE = Source(
    kind="cgroup",
    title="CPUs and memory that a job's processes may use",
    part="node",
    level="quick",
    parse=parse_share,
    files=(_STATUS, _ONLINE, *_MEMORY, *_QUOTA),
    package="Linux",
)
_SHARE = f"{_STATUS}:Cpus_allowed_list:\t0-7\n{_ONLINE}:0-7\n{_MEMORY[0]}:max\n{_QUOTA[0]}:max 100000\n"


@check(
    "node.cpu-share",
    SHARE_OF_NODE,
    severity=Severity.MONITOR,
    verdicts=(Verdict.PASS, Verdict.WARN),
    expected="all CPUs of the node that are at work",
    why="Ranks that share a few CPUs wait for one another, while GPUs wait for them.",
    remedy="salloc --exclusive; in Kubernetes no limit on CPUs, or all of them; look at taskset -p",
    cites="Linux, Documentation/admin-guide/cgroup-v2.rst, cpu.max; man 2 sched_setaffinity",
    good=_SHARE,
    bad=_SHARE.replace("max 100000", "200000 100000"),
)
def cpu_share(rule: Rule, seen: Share, profile: Profile) -> Iterator[Finding]:
    least = min(seen.allowed, seen.quota)
    told = f"{seen.allowed} of {seen.online} CPUs"
    told += "" if seen.quota == float("inf") else f", the time of {seen.quota:g}"
    yield rule.finding(Verdict.PASS if least >= seen.online > 0 else Verdict.WARN, told)


@check(
    "node.memory-share",
    SHARE_OF_NODE,
    severity=Severity.MONITOR,
    verdicts=(Verdict.PASS, Verdict.WARN),
    expected=f"no limit, or {SHARE:.0%} of the node's memory and more",
    why="A job over its cgroup's memory is killed by the kernel, although the node has memory left.",
    remedy="--mem=0 with Slurm; in Kubernetes a larger limit on memory",
    cites="Linux, Documentation/admin-guide/cgroup-v2.rst, memory.max",
    good=_SHARE,
    bad=_SHARE.replace("memory.max:max", "memory.max:4294967296"),
)
def memory_share(rule: Rule, seen: Share, profile: Profile) -> Iterator[Finding]:
    # Version 1 writes "no limit" as the largest number of pages, some 2**63 bytes.
    if seen.memory >= 2**62:
        yield rule.finding(Verdict.PASS, "no limit")
    elif profile.memory_bytes is None:
        remedy = "say what the node is: --instance"
        yield rule.finding(Verdict.UNKNOWN, f"{seen.memory / 2**30:,.0f} GiB at most", remedy=remedy)
    else:
        verdict = Verdict.PASS if seen.memory >= SHARE * profile.memory_bytes else Verdict.WARN
        yield rule.finding(verdict, f"{seen.memory / 2**30:,.0f} of {profile.memory_bytes / 2**30:,.0f} GiB")
