"""Errors of a node's own memory, as the kernel counts them where it may."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath

from seatrial.checks.catalogue import Rule, check
from seatrial.checks.files import only, read_files
from seatrial.checks.observations import Lines, Source, Unreadable
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, Severity, Verdict

CORRECTED_A_DAY = 50
"""Corrected errors of one page within 24 h from which rasdaemon 0.6.8 takes it out of use (PAGE_CE_THRESHOLD)."""
DAY = 86400

_KERNEL = "/proc/sys/kernel/osrelease"
_NAMES = ("ue_count", "ce_count", "seconds_since_reset")
_FILES = (_KERNEL, *(f"/sys/devices/system/edac/mc/mc*/{name}" for name in _NAMES))


def parse(lines: Lines) -> dict[str, dict[str, int]]:
    """Memory controller -> its counters; none where the kernel counts nothing."""
    files = read_files(lines, _FILES)
    if _KERNEL not in files:
        raise Unreadable(_KERNEL)
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for path in files:
        if path == _KERNEL:
            continue
        place, value = PurePosixPath(path), only(files, path) or ""
        if not value.isdecimal():
            raise Unreadable(f"a number in {path}", value)
        found[place.parent.name][place.name] = int(value)
    for controller, counters in found.items():
        if lacking := [name for name in _NAMES if name not in counters]:
            raise Unreadable(f"{lacking[0]} of {controller}")
    return dict(found)


EDAC = Source(
    kind="edac",
    title="errors of the node's memory",
    part="node",
    level="quick",
    parse=parse,
    files=_FILES,
    package="Linux",
)


def _example(uncorrected: int) -> str:
    values = zip(_FILES[1:], (uncorrected, 3, DAY), strict=True)
    lines = (f"{path.replace('*', '0')}:{value}\n" for path, value in values)
    return f"{_KERNEL}:6.1.0\n" + "".join(lines)


@check(
    "node.memory-errors",
    EDAC,
    severity=Severity.ISOLATE,
    verdicts=(Verdict.PASS, Verdict.WARN, Verdict.FAIL),
    expected=f"no uncorrected error, and fewer than {CORRECTED_A_DAY} corrected ones a day",
    why="An uncorrected error is data that was wrong or a process that died; many corrected ones announce it.",
    remedy="replace the node; on your own hardware find the module with ras-mc-ctl --errors",
    cites="Linux, Documentation/admin-guide/ras.rst; rasdaemon 0.6.8, /etc/default/rasdaemon",
    good=_example(0),
    bad=_example(1),
    on="g4dn.metal",
)
def memory_errors(rule: Rule, seen: dict[str, dict[str, int]], profile: Profile) -> Iterator[Finding]:
    if not seen and profile.name and not profile.name.endswith(".metal"):
        yield rule.finding(Verdict.SKIP, f"a {profile.name} is a virtual machine: EC2 watches the memory below it")
        return
    if not seen:
        remedy = "load the EDAC driver of the memory controller; a virtual machine has none: say which with --instance"
        yield rule.finding(Verdict.UNKNOWN, "the kernel counts no errors of memory here", remedy=remedy)
    for controller, counters in sorted(seen.items()):
        scope = {"controller": controller}
        wrong, corrected, seconds = (counters[name] for name in _NAMES)
        told = f"{wrong} uncorrected, {corrected} corrected in {seconds / DAY:.1f} days"
        often = corrected >= CORRECTED_A_DAY * max(1.0, seconds / DAY)
        if wrong:
            yield rule.finding(Verdict.FAIL, told, scope=scope)
        elif often:
            yield replace(rule, severity=Severity.MONITOR).finding(Verdict.WARN, told, scope=scope)
        else:
            yield rule.finding(Verdict.PASS, told, scope=scope)
