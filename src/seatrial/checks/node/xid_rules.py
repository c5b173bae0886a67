"""What follows from the Xids in a kernel's log: NVIDIA's catalogue, its workflows, and what repeats mean."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

from seatrial.checks.catalogue import Rule, check
from seatrial.checks.node.kernel_events import BURST, DAY, Incident, Log, Trace, separate
from seatrial.checks.node.kernel_judging import AT, GOOD, VERDICTS, complete
from seatrial.checks.node.kernel_log import KERNEL_LOG
from seatrial.checks.node.kernel_times import told
from seatrial.checks.node.xid_lines import UNREADABLE
from seatrial.checks.node.xid_table import STICKY, XIDS, Answer
from seatrial.checks.node.xid_workflows import EUD, REPEATED, SUPPORT, Seen, answer_to, meet
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, Severity, Verdict

FATAL_REPEATED = 5
"""Times that one GPU has the same fatal Xid within a day. NVSentinel 1.31, health-events-analyzer."""
STICKY_GAP = 3 * 3600.0
"""Seconds within which a sticky Xid is one incident. NVSentinel 1.31."""


@check(
    "gpu.xid",
    KERNEL_LOG,
    scope="gpu",
    severity=Severity.RESET,
    verdicts=VERDICTS,
    expected="no Xid that blames a GPU: none in two hours, none since boot that only a reboot takes away",
    why="By an Xid the driver says what became of a GPU, often hours before a job fails because of it.",
    remedy="do what NVIDIA's catalogue says of the code",
    cites="NVIDIA Xid catalogue (7f70ce96, 2026-11-28); repeats: NVSentinel 1.31; others where they are stricter: "
    "AWS EKS node monitoring agent 51af549, navarch",
    good=GOOD,
    bad=GOOD + f"{AT}NVRM: Xid (PCI:0000:0f:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus.\n",
)
def xids(rule: Rule, log: Log, profile: Profile) -> Iterator[Finding]:
    everything = [_seen(trace) for trace in log.of(rule.id)]
    findings, fine = [], []
    for _, group in itertools.groupby(sorted(everything, key=lambda s: s.gpu), key=lambda s: s.gpu):
        on_gpu = sorted(group, key=lambda s: s.trace.number)
        for seen in on_gpu:
            answer, words = answer_to(seen, on_gpu, log)
            incidents = _incidents(seen, answer, on_gpu, log)
            if incidents is None:
                continue
            if not incidents:
                fine.append(f"{_name(seen)} before that")
            elif answer.verdict is Verdict.PASS:
                fine.append(f"{sum(i.count for i in incidents)} x {_name(seen)}{words}")
            else:
                findings.append(_finding(rule, seen, answer, _told(seen, incidents, words + _elsewhere(seen, profile))))
        findings += _fatal_again(rule, on_gpu, log)
    findings += _hardware_after_all(rule, everything, log)
    yield from complete(rule, log, findings, ", ".join(fine))


def _incidents(seen: Seen, answer: Answer, on_gpu: Sequence[Seen], log: Log) -> list[Incident] | None:
    """Those that count. An Xid 13 is told once for all parts of its GPU: None for all traces of it but the last."""
    kin = [other for other in on_gpu if other.code == 13] if seen.code == 13 else [seen]
    if kin[-1] is not seen:
        return None
    found = [i for s in kin for i in (log.since_boot(s.trace) if answer.until_boot else log.within(s.trace))]
    return sorted(found, key=lambda incident: incident.last or 0.0)


def _seen(trace: Trace) -> Seen:
    _, code, detail = trace.subject
    return Seen(trace, None if code == UNREADABLE else int(code), detail)


def _name(seen: Seen) -> str:
    known = XIDS.get(seen.code or 0)
    return f"Xid {seen.code}" + (f" {known.name}" if known else "")


def _told(seen: Seen, incidents: Sequence[Incident], words: str) -> str:
    times = sum(incident.count for incident in incidents)
    often = "" if times == 1 else f" {times} times,"
    when = told(seen.trace.clock, incidents[-1].last)
    return f"{_name(seen)}{words},{often} last {when}, {seen.trace.said}"


def _finding(rule: Rule, seen: Seen, answer: Answer, observed: str) -> Finding:
    scope: dict[str, object] = {"gpu": seen.gpu[1]} if seen.gpu[1] else {}
    if seen.code is not None:
        scope["xid"] = seen.code
    if seen.gpu[0]:
        scope["node"] = seen.gpu[0]
    return replace(rule, severity=answer.severity).finding(answer.verdict, observed, remedy=answer.remedy, scope=scope)


_GENERATIONS = {"A100": "A", "H100": "H", "H200": "H", "B200": "B", "B300": "B", "GB200": "G", "GB300": "G"}


def _elsewhere(seen: Seen, profile: Profile) -> str:
    """A word on codes that the catalogue does not expect on such a GPU."""
    row, name = XIDS.get(seen.code or 0), profile.accelerator.name if profile.accelerator else ""
    letter = next((letter for start, letter in _GENERATIONS.items() if name.startswith(start)), "")
    return f" (the catalogue does not expect it on {name})" if row and letter and letter not in row.on else ""


def _hardware_after_all(rule: Rule, everything: Sequence[Seen], log: Log) -> Iterator[Finding]:
    """13 and 31 are applications' errors; but again on the same part of one GPU, and on no other, they are hardware's.

    31 by GPU, 13 by GPC and TPC. An application with a fault meets many parts, or GPUs, at the same time.
    """
    for seen in everything:
        if seen.code not in (13, 31) or (seen.code == 13 and not seen.detail):
            continue
        others = [o for o in everything if o.code == seen.code and o is not seen and (o.detail or seen.code == 31)]
        incidents = [
            incident
            for incident in log.within(seen.trace, DAY, again=True)
            if not any(meet(incident, b) for other in others for b in other.trace.incidents)
        ]
        apart = separate(incidents)
        if len(apart) >= REPEATED and not all(incident.reported for incident in incidents):
            on = f" on {seen.detail}" if seen.detail else ""
            words = f"{on} {len(apart)} times within a day, and on no other"
            yield _finding(rule, seen, replace(SUPPORT, remedy=EUD), _told(seen, incidents, words))


def _fatal_again(rule: Rule, on_gpu: Sequence[Seen], log: Log) -> Iterator[Finding]:
    """The same fatal Xid again and again: a reset does not help."""
    for code, group in itertools.groupby(sorted(on_gpu, key=lambda s: s.code or 0), key=lambda s: s.code):
        kinds = list(group)
        if code is None or not any(answer_to(seen, on_gpu, log)[0].verdict is Verdict.FAIL for seen in kinds):
            continue
        incidents = sorted(
            (incident for seen in kinds for incident in log.within(seen.trace, DAY, again=True)),
            key=lambda incident: incident.first or 0.0,
        )
        apart = separate(incidents, STICKY_GAP if code in STICKY else BURST)
        if len(apart) >= FATAL_REPEATED and not all(incident.reported for incident in incidents):
            words = f" {len(apart)} times within a day: a reset does not help"
            yield _finding(rule, kinds[-1], SUPPORT, _told(kinds[-1], incidents, words))
