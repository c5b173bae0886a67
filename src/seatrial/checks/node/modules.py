"""Modules of the kernel that a node's parts need."""

from __future__ import annotations

import re
from collections.abc import Iterator

from seatrial.checks.catalogue import Rule, check
from seatrial.checks.files import read_files
from seatrial.checks.observations import Lines, Part, Source, Unreadable
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, Severity, Verdict

NEEDED: dict[Part, tuple[str, ...]] = {
    "efa": ("efa", "ib_uverbs", "ib_core"),
    "gpu": ("nvidia", "nvidia_uvm"),
    "neuron": ("neuron",),
}
"""Part -> modules without which it does nothing. AWS's EFA guide and GPU health check; drivers of NVIDIA and Neuron."""

GDRCOPY = "gdrdrv"
"""With it NCCL's plug-in for EFA writes small messages to GPUs by itself. aws-ofi-nccl, README, on GDRCopy."""

_KERNEL, _MODULES = "/proc/sys/kernel/osrelease", "/proc/modules"
_LINE = re.compile(r"(\w+) \d+ \S+ \S+ (Live|Loading|Unloading) 0x[0-9a-f]+(?: \([A-Z]+\))?")


def parse(lines: Lines) -> dict[str, str] | None:
    """Module -> state; None: the kernel has no modules at all."""
    files = read_files(lines, (_KERNEL, _MODULES))
    found: dict[str, str] = {}
    for line in files.get(_MODULES, []):
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise Unreadable(f"a line of {_MODULES}", line)
        found[match[1]] = match[2]
    if _KERNEL not in files:
        raise Unreadable(_KERNEL)
    return found if _MODULES in files else None


MODULES = Source(
    kind="modules",
    title="modules of the kernel",
    part="node",
    level="quick",
    parse=parse,
    files=(_KERNEL, _MODULES),
    package="Linux",
)
_EXAMPLE = [*NEEDED["efa"], *NEEDED["gpu"], GDRCOPY]


def _example(names: list[str]) -> str:
    return f"{_KERNEL}:6.1.0\n" + "".join(f"{_MODULES}:{name} 16384 0 - Live 0x0000000000000000\n" for name in names)


@check(
    "node.modules",
    MODULES,
    severity=Severity.REBOOT,
    verdicts=(Verdict.PASS, Verdict.WARN, Verdict.FAIL),
    expected="those that the node's parts need, loaded",
    why="A part whose driver is not loaded is not there, and some libraries go on without it in silence.",
    remedy="modprobe the module; where this kernel has none (dkms status), install the driver anew, and reboot",
    cites="AWS's EFA guide; NVIDIA driver installation guide; AWS Neuron, driver installation",
    good=_example(_EXAMPLE),
    bad=_example(_EXAMPLE[1:]),
)
def modules(rule: Rule, seen: dict[str, str] | None, profile: Profile) -> Iterator[Finding]:
    parts = [part for part in NEEDED if profile.has(part)]
    if any(profile.has(part) is None for part in NEEDED):
        there = [name for names in NEEDED.values() for name in names if name in (seen or {})]
        told = f"{', '.join(there) or 'none of EFA, GPU and Neuron'} loaded"
        yield rule.finding(Verdict.UNKNOWN, told, remedy="say what the node is: --instance")
        return
    if not parts:
        yield rule.finding(Verdict.SKIP, f"a {profile.name} has no part that needs one")
    for part in parts:
        scope = {"part": part}
        lacking = [name for name in NEEDED[part] if name not in (seen or {})]
        moving = [f"{name} is {seen[name]}" for name in NEEDED[part] if seen and seen.get(name, "Live") != "Live"]
        if seen is None:
            yield rule.finding(Verdict.UNKNOWN, "the kernel shows no modules", scope=scope)
        elif lacking or moving:
            told = ", ".join([*(f"{name} is not loaded" for name in lacking), *moving])
            yield rule.finding(Verdict.FAIL, told, scope=scope)
        else:
            yield rule.finding(Verdict.PASS, f"{', '.join(NEEDED[part])} loaded", scope=scope)
    if seen is not None and profile.has("gpu") and profile.has("efa"):
        live = seen.get(GDRCOPY) == "Live"
        told = f"{GDRCOPY} is {'' if live else 'not '}loaded"
        yield rule.finding(Verdict.PASS if live else Verdict.WARN, told, scope={"part": "GDRCopy"})
