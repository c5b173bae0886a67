"""What NVIDIA's catalogue says of an Xid, together with the rest of its line and the other Xids of the same GPU."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from seatrial.checks.node.kernel_events import BURST, DAY, Incident, Log, Trace, separate
from seatrial.checks.node.nvlink_table import Bit, bits, decode
from seatrial.checks.node.xid_lines import NVLINK5
from seatrial.checks.node.xid_table import (
    ANSWERS,
    APPLICATION,
    LOWER_ON_A100,
    RECOVERY,
    STRICTER,
    UNUSED,
    XIDS,
    Action,
    Answer,
)
from seatrial.findings import Severity, Verdict

REPEATED = 2
"""Times on the same part of one GPU alone within a day: what looked like an application's fault is hardware's.
NVIDIA Xid catalogue, WORKFLOW_XID_13 and 31; NVSentinel 1.31."""
SUPPORT = ANSWERS[Action.CONTACT_SUPPORT]
EUD = "drain the node and run DCGM's EUD (dcgmi diag -r 4); if that passes, the field diagnosis; then replace it"
NOT_KNOWN = Answer(Verdict.UNKNOWN, Severity.MONITOR, ANSWERS[Action.NONE_GIVEN].remedy)


@dataclass(frozen=True, slots=True)
class Seen:
    """One kind of Xid on one GPU."""

    trace: Trace
    code: int | None
    """None: it cannot be read."""
    detail: str

    @property
    def gpu(self) -> tuple[str, str]:
        """Host and PCI address."""
        return (self.trace.host, self.trace.subject[0])


def answer_to(seen: Seen, on_gpu: Sequence[Seen], log: Log) -> tuple[Answer, str]:
    """What follows from one kind of Xid, and words about why. `on_gpu`: all of its GPU."""
    answer, words = _by_code(seen, on_gpu, log)
    last = next((s for s in reversed(on_gpu) if s.code == 154), None)
    recovered = last and last.detail.lower() == "none" and last.trace.number > seen.trace.number
    if recovered and answer.verdict is Verdict.FAIL:
        lowered = replace(answer, verdict=Verdict.WARN, severity=Severity.MONITOR, until_boot=False)
        return lowered, f"{words} (since then an Xid 154 says that the GPU needs nothing)"
    return answer, words


def _by_code(seen: Seen, on_gpu: Sequence[Seen], log: Log) -> tuple[Answer, str]:
    code = seen.code
    if code is None:
        return NOT_KNOWN, " whose number cannot be read"
    if code in _WORKFLOWS:
        return _WORKFLOWS[code](seen, on_gpu, log)
    if code in STRICTER:
        answer = Answer(Verdict.WARN, Severity.MONITOR, "watch the GPU; reset it when the node is idle")
        return answer, f" (NVIDIA: {XIDS[code].action}; {STRICTER[code]})"
    if code in XIDS:
        answer = ANSWERS[XIDS[code].action]
        if code in LOWER_ON_A100:
            return replace(answer, remedy=f"{answer.remedy}; on A100 AWS's health check asks for a reboot"), ""
        return answer, " (an application's error)" if code in APPLICATION else ""
    unused = "unused, by the catalogue" if code in UNUSED else "not in the catalogue"
    return NOT_KNOWN, f" ({unused})"


def _beside(seen: Seen, others: Iterable[Seen]) -> list[Seen]:
    """Those of the others with an incident about when this one has one."""
    return [other for other in others if any(meet(a, b) for a in seen.trace.incidents for b in other.trace.incidents)]


def meet(a: Incident, b: Incident) -> bool:
    """Whether two incidents are about the same time. What has no time may be of any."""
    if a.first is None or a.last is None or b.first is None or b.last is None:
        return True
    return a.first <= b.last + BURST and b.first <= a.last + BURST


def _cleanup(seen: Seen, on_gpu: Sequence[Seen], log: Log) -> tuple[Answer, str]:
    """45: with another Xid that one rules; alone, an application was ended."""
    others = _beside(seen, (other for other in on_gpu if other.code not in (45, 154)))
    if others:
        return ANSWERS[Action.IGNORE], f" (after Xid {others[0].code})"
    if seen.detail:
        return NOT_KNOWN, f" (after {seen.detail}, which is not in the log)"
    remedy = "restart the application; if it was not ended on purpose, restart the Fabric Manager"
    return replace(ANSWERS[Action.RESTART_APP], remedy=remedy), " (alone: an application was ended)"


def _uncorrectable(seen: Seen, on_gpu: Sequence[Seen], log: Log) -> tuple[Answer, str]:
    """48: with 63 or 64 a row was remapped, which a reset completes."""
    sram = "if nvidia-smi -q says that the SRAM threshold is exceeded, run the field diagnosis and replace the node"
    answer = ANSWERS[Action.RESET_GPU]
    remapped = sorted({other.code or 0 for other in _beside(seen, (o for o in on_gpu if o.code in (63, 64)))})
    words = f" (with Xid {' and '.join(map(str, remapped))})" if remapped else ""
    return replace(answer, remedy=f"{answer.remedy}; {sram}"), words


def _nvlink(seen: Seen, on_gpu: Sequence[Seen], log: Log) -> tuple[Answer, str]:
    """74: by the bits of its registers; without them it is fatal, as it always is for the AWS EKS agent."""
    said, reset = bits(seen.detail), ANSWERS[Action.RESET_GPU]
    if said is None:
        return reset, " (its registers cannot be read)"
    words = f" ({'; '.join(sorted(said)) or 'no bit set'})"
    if said <= {Bit.IGNORED, Bit.CORRECTED}:
        remedy = "watch the link's error counters: nvidia-smi nvlink -e"
        return Answer(Verdict.WARN, Severity.MONITOR, remedy), f"{words}; the AWS EKS agent calls it fatal"
    if any(_again(seen, bit, on_gpu, log) for bit in said & HARDWARE):
        return replace(SUPPORT, remedy=EUD), f"{words} again within a day: hardware"
    if said & {Bit.FABRIC}:
        return replace(reset, remedy="reset all GPUs and NVSwitches of the node together, or reboot it"), words
    if Bit.SIGNAL in said:
        return replace(reset, remedy=f"{reset.remedy}; on your own hardware check the link's contacts"), words
    return reset, words


def _again(seen: Seen, bit: Bit, on_gpu: Sequence[Seen], log: Log) -> bool:
    """Whether that bit was there twice within a day: on the same link for errors of memory, else on the same GPU."""
    link = seen.detail.partition(" 0x")[0].partition(" (")[0]
    kin = [
        other
        for other in on_gpu
        if other.code == 74
        and bit in (bits(other.detail) or ())
        and (bit is not Bit.MEMORY or other.detail.startswith(f"{link} "))
    ]
    incidents = [incident for other in kin for incident in log.within(other.trace, DAY, again=True)]
    return len(separate(sorted(incidents, key=lambda incident: incident.first or 0.0))) >= REPEATED


HARDWARE = frozenset({Bit.MEMORY, Bit.CONTACT, Bit.DIAGNOSE, Bit.REPORT})
"""Bits that mean hardware when they come again."""


def _nvlink5(seen: Seen, on_gpu: Sequence[Seen], log: Log) -> tuple[Answer, str]:
    """144 to 150: by the decode table; where the line's own word is stricter, that is told."""
    decoded = decode(seen.code or 0, seen.detail)
    where = f" {decoded.unit} on link {int(decoded.link)}" if decoded.unit else ""
    if decoded.action is None:
        return NOT_KNOWN, f"{where} (not in the decode table)"
    if decoded.action is Action.IGNORE and decoded.fatal:
        answer = Answer(Verdict.WARN, Severity.MONITOR, "watch the link, and look for what happened before it")
        return answer, f"{where} (the catalogue: IGNORE; the line itself: fatal)"
    return ANSWERS[decoded.action], where


def _recovery(seen: Seen, on_gpu: Sequence[Seen], log: Log) -> tuple[Answer, str]:
    """154: the driver itself says what the GPU needs; its latest word counts."""
    latest = max((s.trace.number for s in on_gpu if s.code == 154), default=0)
    if seen.trace.number < latest:
        return ANSWERS[Action.IGNORE], f" ({seen.detail}, since then another)"
    answer = RECOVERY.get(seen.detail.lower())
    return (NOT_KNOWN, f" ({seen.detail})") if answer is None else (answer, f" ({seen.detail})")


_WORKFLOWS = {
    45: _cleanup,
    48: _uncorrectable,
    74: _nvlink,
    154: _recovery,
    **dict.fromkeys(NVLINK5, _nvlink5),
}
