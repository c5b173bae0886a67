"""A node's own memory: as much as its type has, no swap, and huge pages for EFA."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from seatrial.checks.catalogue import Rule, check
from seatrial.checks.observations import Source, Unreadable
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, Severity, Verdict, judged
from seatrial.hardware import MIB, fabrics

SHARE = 0.95
"""Of an instance type's memory that Linux must show: the kernel and crash dumps keep some. AzNHC, hw_hosts."""

HUGE_PAGES = fabrics.EFA_HUGE_PAGES_MIB * MIB

_LINE = re.compile(r"([A-Za-z]\w*(?:\(\w+\))?):\s+(\d+)( kB)?")


def parse(lines: Iterable[str]) -> dict[str, int]:
    """Name -> bytes, or a number where it has no unit, of /proc/meminfo."""
    found: dict[str, int] = {}
    for line in lines:
        text = line.partition("/proc/meminfo:")[2] or line
        match = _LINE.fullmatch(text.strip())
        if match is None:
            raise Unreadable("a line such as 'MemTotal:  2097152 kB'", line)
        found[match[1]] = int(match[2]) * (1024 if match[3] else 1)
    return found


MEMINFO = Source(
    kind="meminfo",
    title="memory of the node",
    part="node",
    level="quick",
    parse=parse,
    files=("/proc/meminfo",),
    package="Linux",
)


@check(
    "node.memory",
    MEMINFO,
    severity=Severity.ISOLATE,
    expected=f"{SHARE:.0%} or more of what the instance type has",
    why="A memory module that failed at boot is left out in silence, and jobs die of a host out of memory.",
    remedy="replace the node; on your own hardware look at the firmware's log for the module",
    cites="AzNHC customTests/hw, check_hw_physmem",
    good="MemTotal:       2097152000 kB\nSwapTotal:             0 kB\n",
    bad="MemTotal:       1835008000 kB\nSwapTotal:             0 kB\n",
)
def memory(rule: Rule, seen: dict[str, int], profile: Profile) -> Iterator[Finding]:
    total = seen.get("MemTotal")
    if total is None:
        return
    if profile.memory_bytes is None:
        yield rule.finding(Verdict.UNKNOWN, f"{total / 2**30:.0f} GiB", remedy="say what the node is: --instance")
        return
    good = total >= SHARE * profile.memory_bytes
    expected = f"{SHARE * profile.memory_bytes / 2**30:.0f} GiB or more, of {profile.memory_bytes / 2**30:.0f}"
    yield rule.finding(judged(good), f"{total / 2**30:.0f} GiB", expected=expected)


@check(
    "node.swap",
    MEMINFO,
    severity=Severity.MONITOR,
    verdicts=(Verdict.PASS, Verdict.WARN),
    expected="none",
    why="A rank whose memory goes to disk slows all others, where one that dies would be seen.",
    remedy="swapoff --all, and take it out of /etc/fstab",
    cites="AzNHC, check_hw_swap",
    good="MemTotal:       2097152000 kB\nSwapTotal:             0 kB\n",
    bad="MemTotal:       2097152000 kB\nSwapTotal:       8388608 kB\n",
)
def swap(rule: Rule, seen: dict[str, int], profile: Profile) -> Iterator[Finding]:
    total = seen.get("SwapTotal")
    if total is not None:
        yield rule.finding(Verdict.WARN if total else Verdict.PASS, f"{total / 2**30:.1f} GiB")


@check(
    "efa.huge-pages",
    MEMINFO,
    severity=Severity.MONITOR,
    verdicts=(Verdict.PASS, Verdict.WARN),
    expected=f"{HUGE_PAGES / 2**20:,.0f} MiB or more",
    why="libfabric keeps EFA's buffers in huge pages: it is slower without, and pods that ask for some stay pending.",
    remedy="sysctl vm.nr_hugepages=5128, before kubelet starts; the EFA installer does it",
    cites="Amazon EKS user guide, 'Run machine learning training with EFA'; libfabric, man 7 fi_efa",
    good="MemTotal:       2097152000 kB\nHugePages_Total:    5128\nHugepagesize:       2048 kB\n",
    bad="MemTotal:       2097152000 kB\nHugePages_Total:       0\nHugepagesize:       2048 kB\n",
)
def huge_pages(rule: Rule, seen: dict[str, int], profile: Profile) -> Iterator[Finding]:
    number, size = seen.get("HugePages_Total"), seen.get("Hugepagesize")
    if profile.has("efa") is False:
        yield rule.finding(Verdict.SKIP, f"a {profile.name} has no EFA")
    elif number is not None and size:
        told = f"{number} of {size / 2**20:g} MiB"
        if profile.efa is None:
            yield rule.finding(Verdict.UNKNOWN, told, remedy="say what the node is: --instance")
        else:
            yield rule.finding(Verdict.PASS if number * size >= HUGE_PAGES else Verdict.WARN, told)
