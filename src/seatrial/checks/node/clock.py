"""Time: the clock is kept, and the node has been up long enough to have shown what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.checks.catalogue import Rule, check
from seatrial.checks.files import settings
from seatrial.checks.observations import Lines, Source, Unreadable
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, Severity, Verdict

OFFSET = 0.05
"""Seconds that a clock may be off. node_exporter's mixin, NodeClockSkewDetected."""
YOUNG = 600
"""Seconds after boot until which services may not all have come up. Meta GCM, check_uptime."""


def parse_adjtimex(lines: Lines) -> dict[str, int]:
    """What `_ASK` prints."""
    found = {name: value for name, value in settings(lines).items() if value.isdecimal()}
    for name in ("state", "status", "maxerror"):
        if name not in found:
            raise Unreadable(f"{name}=NUMBER of the kernel's clock")
    return {name: int(value) for name, value in found.items()}


# The system call itself: glibc's function is another call, which containers may not make. Linux, struct timex:
# modes, offset, freq, maxerror, esterror, status.
_ASK = """import ctypes, platform, struct
call = {"x86_64": 159, "aarch64": 171}[platform.machine()]
timex = ctypes.create_string_buffer(256)
state = ctypes.CDLL(None).syscall(call, timex)
_, _, _, maxerror, _, status = struct.unpack_from("@Iqqqqi", timex)
print(f"state={state}", f"status={status}", f"maxerror={maxerror}", sep="\\n")"""

UNSYNC, TIME_ERROR = 0x40, 5
"""Flag of `status`, and the `state`, of a clock that nobody keeps. <linux/timex.h>"""
ADJTIMEX = Source(
    kind="adjtimex",
    title="whether the kernel's clock is kept",
    part="node",
    level="quick",
    parse=parse_adjtimex,
    command=("python", "-I", "-c", _ASK),
    package="Python",
)


@check(
    "node.clock",
    ADJTIMEX,
    severity=Severity.MONITOR,
    verdicts=(Verdict.PASS, Verdict.WARN),
    expected="synchronised, as the kernel says (adjtimex, STA_UNSYNC)",
    why="Logs of several nodes cannot be put in order, and tokens and certificates expire early.",
    remedy="systemctl enable --now chronyd (chrony on Debian and Ubuntu), or systemd-timesyncd",
    cites="man 2 adjtimex; AWS eks-node-monitoring-agent",
    good="state=0\nstatus=8193\nmaxerror=2500\n",
    bad="state=5\nstatus=64\nmaxerror=16000000\n",
)
def synchronised(rule: Rule, seen: dict[str, int], profile: Profile) -> Iterator[Finding]:
    good = not seen["status"] & UNSYNC and seen["state"] != TIME_ERROR
    told = "kept" if good else "not synchronised"
    verdict = Verdict.PASS if good else Verdict.WARN
    yield rule.finding(verdict, f"{told}, {seen['maxerror'] / 1e6:.3f} s off at most")


_CHRONY = 14
"""Fields of ``chronyc -c tracking``; man 1 chronyc: the 3rd is the stratum, the 5th the offset, the last the leap."""


def parse_chrony(lines: Lines) -> tuple[float, str]:
    """Seconds off, and the state of leap seconds, which says whether there is a server at all."""
    found: list[tuple[float, str]] = []
    for line in lines:
        fields = line.strip().split(",")
        if found or len(fields) != _CHRONY or not re.fullmatch(r"[+-]?\d+\.\d+", fields[4]):
            raise Unreadable(f"one line of {_CHRONY} fields, the 5th in seconds, of chronyc -c tracking", line)
        found.append((float(fields[4]), fields[-1]))
    if not found:
        raise Unreadable("a line of chronyc -c tracking")
    return found[0]


CHRONY = Source(
    kind="chrony",
    title="how far the clock is off",
    part="node",
    level="full",
    parse=parse_chrony,
    command=("chronyc", "-c", "tracking"),
    package="chrony",
)
_TRACKING = (
    "A9FEA97B,169.254.169.123,4,1795903200.1,0.000003,0.000001,0.000012,-10.2,0.001,0.02,0.0004,0.0002,16.1,Normal\n"
)


@check(
    "node.clock-offset",
    CHRONY,
    severity=Severity.MONITOR,
    verdicts=(Verdict.PASS, Verdict.WARN),
    expected=f"within {OFFSET * 1000:.0f} ms of the server's",
    why="Stragglers and stalls are found by comparing times of several nodes.",
    remedy="chronyc makestep; use the Amazon Time Sync Service at 169.254.169.123",
    cites="node_exporter's mixin, NodeClockSkewDetected; man 1 chronyc",
    good=_TRACKING,
    bad=_TRACKING.replace("0.000003", "0.500000"),
)
def offset(rule: Rule, seen: tuple[float, str], profile: Profile) -> Iterator[Finding]:
    seconds, leap = seen
    known = leap in ("Normal", "Insert second", "Delete second", "Not synchronised")
    good = abs(seconds) <= OFFSET and leap != "Not synchronised"
    verdict = (Verdict.PASS if good else Verdict.WARN) if known else Verdict.UNKNOWN
    yield rule.finding(verdict, f"{seconds * 1000:+.3f} ms, {leap}")


def parse_uptime(lines: Lines) -> float:
    """Seconds since boot, of /proc/uptime."""
    found: list[float] = []
    for line in lines:
        match = re.fullmatch(r"(?:/proc/uptime:)?(\d+\.\d\d) \d+\.\d\d", line.strip())
        if match is None or found:
            raise Unreadable("two numbers of seconds", line)
        found.append(float(match[1]))
    if not found:
        raise Unreadable("two numbers of seconds")
    return found[0]


UPTIME = Source(
    kind="uptime",
    title="time since boot",
    part="node",
    level="quick",
    parse=parse_uptime,
    files=("/proc/uptime",),
    package="Linux",
)


@check(
    "node.uptime",
    UPTIME,
    severity=Severity.MONITOR,
    verdicts=(Verdict.PASS, Verdict.WARN),
    expected=f"{YOUNG} s or more since boot",
    why="On a node that has just booted, services are still coming up, and faults have not shown.",
    remedy="wait, and look again",
    cites="Meta GCM, check_uptime",
    good="86400.50 1000.00\n",
    bad="30.50 10.00\n",
)
def uptime(rule: Rule, seen: float, profile: Profile) -> Iterator[Finding]:
    yield rule.finding(Verdict.PASS if seen >= YOUNG else Verdict.WARN, f"up for {seen:,.0f} s")
