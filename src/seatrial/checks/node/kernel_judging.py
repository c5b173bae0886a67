"""What all rules about a kernel's log have in common: when nothing in it is a PASS, and how a fault is told."""

from __future__ import annotations

from seatrial.checks.catalogue import Rule
from seatrial.checks.node.kernel_events import WINDOW, Incident, Log, Trace
from seatrial.checks.node.kernel_times import told
from seatrial.findings import Finding, Verdict

VERDICTS = (Verdict.PASS, Verdict.WARN, Verdict.FAIL, Verdict.UNKNOWN, Verdict.SKIP)
GOOD = (
    "2026-11-28T08:00:00,000000+00:00 Linux version 6.1.0-27-cloud-amd64 (debian-kernel@lists.debian.org)\n"
    "2026-11-28T08:00:09,254031+00:00 nvidia: loading out-of-tree module taints kernel.\n"
    "2026-11-28T11:58:07,120033+00:00 EXT4-fs (nvme1n1p1): mounted filesystem with ordered data mode\n"
)
AT = "2026-11-28T12:00:00,000000+00:00 "
READ_ALL = "read the whole log: dmesg, or journalctl -k -o short-iso of the boot"


def blamed(trace: Trace, incidents: list[Incident]) -> str:
    """What happened how often, to what, when, and the line."""
    times = sum(incident.count for incident in incidents)
    on = f" ({trace.subject[0]})" if trace.subject[0] else ""
    often = "" if times == 1 else f" {times} times,"
    return f"{trace.signature.name}{on},{often} last {told(trace.clock, incidents[-1].last)}, {trace.said}"


def place(trace: Trace, key: str) -> dict[str, object]:
    """What a finding is about."""
    about: dict[str, object] = {key: trace.subject[0]} if trace.subject[0] else {}
    if trace.host:
        about["node"] = trace.host
    return about


def complete(rule: Rule, log: Log, found: list[Finding], mentioned: str = "") -> list[Finding]:
    """The findings; PASS if there are none; and UNKNOWN beside them where the log does not show all."""
    rest = nothing(rule, log, mentioned)
    return found if found and rest.verdict is Verdict.PASS else [*found, rest]


def nothing(rule: Rule, log: Log, mentioned: str = "") -> Finding:
    """PASS, if the log shows all of the window."""
    also = f"; {mentioned}" if mentioned else ""
    if log.full:
        return rule.finding(Verdict.UNKNOWN, "more different faults than are kept, so that some were left out")
    if not log.kernel:
        return rule.finding(Verdict.UNKNOWN, "no line of it is a kernel's", remedy=READ_ALL)
    if not log.reaches():
        reach = f"the log shows only {log.count} lines since {log.since()}: less than {WINDOW / 3600:g} h{also}"
        return rule.finding(Verdict.UNKNOWN, reach, remedy=READ_ALL)
    return rule.finding(Verdict.PASS, f"none in {log.count} lines since {log.since()}{also}")
