"""Parameters of the kernel that keep large jobs from working, wherever they are set."""

from __future__ import annotations

from collections.abc import Iterator

from seatrial.checks.catalogue import Rule, check
from seatrial.checks.files import only, read_files
from seatrial.checks.observations import Lines, Source, Unreadable
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, Severity, Verdict

VALUES = {
    "vm/overcommit_memory": (("0", "1"), "2 refuses the address space that CUDA reserves, and a fork of a large rank"),
    "vm/zone_reclaim_mode": (("0",), "a rank throws pages out rather than take memory of the other NUMA node"),
}
"""Parameter -> values that are right, and what the others do. Linux, Documentation/admin-guide/sysctl/vm.rst."""

_FILES = tuple(f"/proc/sys/{name}" for name in VALUES)


def parse(lines: Lines) -> dict[str, str]:
    """Parameter -> value."""
    files = read_files(lines, _FILES)
    found = {path.removeprefix("/proc/sys/"): only(files, path) or "" for path in files}
    if "vm/overcommit_memory" not in found:  # zone_reclaim_mode is there with NUMA only
        raise Unreadable("/proc/sys/vm/overcommit_memory")
    return found


SYSCTL = Source(
    kind="sysctl",
    title="parameters of the kernel",
    part="node",
    level="quick",
    parse=parse,
    files=_FILES,
    package="Linux",
)
_GOOD = "".join(f"{path}:0\n" for path in _FILES)


@check(
    "node.sysctl",
    SYSCTL,
    severity=Severity.MONITOR,
    verdicts=(Verdict.PASS, Verdict.WARN),
    expected=", ".join(f"{name.replace('/', '.')} {' or '.join(right)}" for name, (right, _) in VALUES.items()),
    why="With others large ranks cannot fork, or run out of memory that is there.",
    remedy="take it out of /etc/sysctl.d, and sysctl --system",
    cites="Linux, Documentation/admin-guide/sysctl/vm.rst",
    good=_GOOD,
    bad=_GOOD.replace("overcommit_memory:0", "overcommit_memory:2"),
)
def parameters(rule: Rule, seen: dict[str, str], profile: Profile) -> Iterator[Finding]:
    for name, value in seen.items():
        right, otherwise = VALUES[name]
        scope = {"parameter": name.replace("/", ".")}
        if not value.isdecimal():
            yield rule.finding(Verdict.UNKNOWN, value or "empty", scope=scope)
        elif value in right:
            yield rule.finding(Verdict.PASS, value, scope=scope)
        else:
            yield rule.finding(Verdict.WARN, f"{value}: {otherwise}", scope=scope)
