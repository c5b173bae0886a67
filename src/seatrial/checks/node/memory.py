"""A node's own memory: as much as its type has, and no swap."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.checks.catalogue import Rule, check
from seatrial.checks.observations import Lines, Source, Unreadable
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, Severity, Verdict, judged

SHARE = 0.95
"""Of an instance type's memory that Linux must show: the kernel and crash dumps keep some. AzNHC, hw_hosts."""

_LINE = re.compile(r"([A-Za-z]\w*(?:\(\w+\))?):\s+(\d+)(?: kB)?")


def parse(lines: Lines) -> dict[str, int]:
    """Name -> bytes, of /proc/meminfo."""
    found: dict[str, int] = {}
    for line in lines:
        text = line.partition("/proc/meminfo:")[2] or line
        match = _LINE.fullmatch(text.strip())
        if match is None:
            raise Unreadable("a line such as 'MemTotal:  2097152 kB'", line)
        found[match[1]] = int(match[2]) * 1024
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
