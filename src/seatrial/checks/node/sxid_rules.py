"""What follows from the SXids in a kernel's or the Fabric Manager's log: errors of NVSwitches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from seatrial.checks.catalogue import Rule, check
from seatrial.checks.node.kernel_events import Log, Trace
from seatrial.checks.node.kernel_judging import AT, GOOD, VERDICTS, complete
from seatrial.checks.node.kernel_log import KERNEL_LOG
from seatrial.checks.node.kernel_times import told
from seatrial.checks.node.xid_lines import UNREADABLE
from seatrial.checks.node.xid_table import (
    SXID_ALWAYS_FATAL,
    SXID_FABRIC_RESET,
    SXID_NOTHING,
    SXID_RESTART_VM,
    Answer,
)
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, Severity, Verdict

TOGETHER = "drain the node, then reset all its GPUs and NVSwitches together, or reboot it"
FATAL = Answer(
    Verdict.FAIL,
    Severity.RESET,
    "reset the GPU at the end of that link; if it is a link between switches, all GPUs and NVSwitches together",
)
NON_FATAL = Answer(
    Verdict.WARN, Severity.MONITOR, "watch the link: nvidia-smi nvlink -e; one GPU's jobs may have ended"
)


@check(
    "nvswitch.sxid",
    KERNEL_LOG,
    scope="link",
    severity=Severity.RESET,
    verdicts=VERDICTS,
    expected="no error of an NVSwitch in two hours",
    why="A switch that failed takes NVLink from one GPU, or between switches from all of the node.",
    remedy=TOGETHER,
    cites="NVIDIA Fabric Manager user guide, table 23, appendix D (2025-11-14); DCGM 4.6 asks for ISOLATE at any SXid",
    good=GOOD,
    bad=GOOD + f"{AT}nvidia-nvswitch0: SXid (PCI:0000:00:00.0): 20034, Fatal, Link 30 LTSSM Fault Up\n",
)
def sxids(rule: Rule, log: Log, profile: Profile) -> Iterator[Finding]:
    traces, fine = log.of(rule.id), []
    found: list[Finding] = []
    for trace in traces:
        answer, words = _answer(trace, traces)
        incidents = log.since_boot(trace) if answer.until_boot else log.within(trace)
        device, code, _, link = trace.subject
        if not incidents:
            fine.append(f"SXid {code} before that")
            continue
        times = sum(incident.count for incident in incidents)
        if answer.verdict is Verdict.PASS:
            fine.append(f"{times} x SXid {code}{words}")
            continue
        scope: dict[str, object] = {"nvswitch": device, "sxid": code} | ({"link": int(link)} if link else {})
        often = "" if times == 1 else f" {times} times,"
        when = told(trace.clock, incidents[-1].last)
        observed = f"SXid {code}{words},{often} last {when}, {trace.said}"
        stated = replace(rule, severity=answer.severity)
        node = {"node": trace.host} if trace.host else {}
        found.append(stated.finding(answer.verdict, observed, remedy=answer.remedy, scope=scope | node))
    yield from complete(rule, log, found, ", ".join(dict.fromkeys(fine)))


def _answer(trace: Trace, traces: list[Trace]) -> tuple[Answer, str]:
    """What follows from one kind of SXid, and words about why."""
    device, text, word, _ = trace.subject
    support = "contact support with nvidia-bug-report.sh's file"
    if text == UNREADABLE:
        return Answer(Verdict.UNKNOWN, Severity.MONITOR, support), " whose number cannot be read"
    code = int(text)
    headed = any(t.subject[:2] == (device, text) and t.subject[2] != "detail" for t in traces)
    if code in SXID_NOTHING or (word == "detail" and headed):
        return Answer(Verdict.PASS, Severity.NONE, ""), ""
    if code in SXID_RESTART_VM:
        return Answer(Verdict.FAIL, Severity.REBOOT, "restart the instance", until_boot=True), ""
    if code in SXID_FABRIC_RESET:
        return Answer(Verdict.FAIL, Severity.RESET, TOGETHER), " (the whole fabric has to be reset)"
    if code in SXID_ALWAYS_FATAL:
        return replace(FATAL, remedy=TOGETHER), " (fatal, whatever the line says)"
    if word == "fatal":
        return FATAL, " (fatal)"
    if word == "non-fatal":
        return NON_FATAL, " (not fatal; DCGM asks for isolation)"
    return Answer(Verdict.UNKNOWN, Severity.MONITOR, support), " (the line does not say whether it is fatal)"
