"""Lines by which a kernel tells of faults, as data: what they look like, and what follows from them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from seatrial.findings import Severity, Verdict

Subject = tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Signature:
    """One kind of line."""

    name: str
    """What happened, for people."""
    rule: str
    """Id of the rule that tells of it."""
    tokens: tuple[str, ...]
    """One of these stands in every such line: what is looked for in a whole block of lines at once. Words which begin
    with a capital letter cost least: they are looked for together."""
    pattern: str = ""
    """What such a line looks like; its first group that matched is what it is about. Compiled when a line is there that
    may be one."""
    verdict: Verdict = Verdict.FAIL
    severity: Severity = Severity.MONITOR
    """What FAIL asks for."""
    remedy: str = ""
    """Where it is another than the rule's."""
    until_boot: bool = False
    """It lasts until a reboot, so it counts since boot and not only while it is recent."""
    more_than: float = 0.0
    """How many in an hour are none too many. Lines that come less often are told as nothing."""
    read: Callable[[str], list[Subject]] | None = None
    """Instead of `pattern`: what the line is about, once for each event in it."""

    def subjects(self, line: str) -> list[Subject]:
        """What a line is about; nothing if it is none of these."""
        if self.read is not None:
            return self.read(line)
        match = re.search(self.pattern, line, re.ASCII)
        if match is None:
            return []
        return [(next(filter(None, match.groups()), ""),)]


_PCI = r"([0-9a-fA-F]{4,8}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}(?:\.[0-7])?)"


def _line(rule: str, name: str, tokens: tuple[str, ...], pattern: str, **fields: object) -> Signature:
    return Signature(name=name, rule=rule, tokens=tokens, pattern=pattern, **fields)  # type: ignore[arg-type]


CORRECTED_AN_HOUR = 60.0
"""Corrected PCIe errors of one device: no source names a bound, so that more than one a minute is only WARN."""
MEMORY_CORRECTED_AN_HOUR = 10.0
"""Corrected memory errors of one controller: no source names a bound, mcelog's for a page is 10 in 24 h; only WARN."""
FLAPS_AN_HOUR = 1.0
"""A link that goes down more than twice is flapping: NVSentinel's NIC monitor. The window is two hours."""

SIGNATURES: tuple[Signature, ...] = (
    _line(
        "gpu.on-bus",
        "a GPU has fallen off the bus",
        ("NVRM",),
        rf"NVRM: (?:.*?{_PCI})?.*fallen off the bus",
        severity=Severity.REBOOT,
        until_boot=True,
    ),
    _line(
        "gpu.driver-start",
        "the driver could not start a GPU",
        ("NVRM",),
        rf"NVRM: (?:.*?{_PCI})?.*(?:RmInitAdapter: Cannot|RmInitAdapter failed|rm_init_adapter failed"
        r"|request_irq\(\) failed)",
        severity=Severity.REBOOT,
        until_boot=True,
    ),
    _line(
        "kernel.pcie",
        "fatal PCIe error",
        ("Uncorrect",),
        rf"{_PCI}: .*(?:severity=Uncorrect\w* \(Fatal\)|Uncorrect\w* \(Fatal\) error)",
        severity=Severity.REBOOT,
        until_boot=True,
    ),
    _line(
        "kernel.pcie",
        "uncorrected PCIe error",
        ("Uncorrect", "DPC: "),
        rf"{_PCI}: .*(?:severity=Uncorrect\w* \(Non-Fatal\)|Uncorrect\w* \(Non-Fatal\) error"
        r"|DPC: containment event|AER: device recovery failed)",
        severity=Severity.RESET,
    ),
    _line(
        "kernel.pcie",
        "corrected PCIe error",
        ("Correct",),
        rf"{_PCI}: .*severity=Correct",
        verdict=Verdict.WARN,
        more_than=CORRECTED_AN_HOUR,
    ),
    _line(
        "kernel.hardware",
        "uncorrected machine check or fatal hardware error",
        ("Hardware Error]", "Machine Check Exception", "Uncorrect"),
        r"\[Hardware Error\]:.*(?:Uncorrected|event severity: (?:fatal|recoverable)|type: fatal|System Fatal"
        r"|STATUS\[[^\]]*\|UE\||Processor context corrupt|Bank \d+: [abef][0-9a-f]{15})"  # bit 61 of MCi_STATUS: UC
        r"|Machine Check Exception|mce: Uncorrected",
        severity=Severity.ISOLATE,
        until_boot=True,
    ),
    _line(
        "kernel.hardware",
        "machine check",
        ("Hardware Error]",),
        r"\[Hardware Error\]:.*(?:Machine check events logged|event severity: (?:corrected|info)|Corrected error"
        r"|Deferred error|Machine Check: \d+ Bank)",
        verdict=Verdict.WARN,
    ),
    _line(
        "kernel.memory-errors",
        "uncorrected memory error",
        ("EDAC ", "Memory failure: 0x", "MCE 0x"),
        r"EDAC (MC\d+): .*\bUE\b|Memory failure: 0x|MCE 0x.*hardware memory corruption",
        severity=Severity.ISOLATE,
        until_boot=True,
    ),
    _line(
        "kernel.memory-errors",
        "corrected memory error",
        ("EDAC ",),
        r"EDAC (MC\d+): .*\bCE\b",
        verdict=Verdict.WARN,
        more_than=MEMORY_CORRECTED_AN_HOUR,
    ),
    _line(
        "kernel.nvme",
        "an NVMe drive is gone",
        ("nvme nvme",),
        r"nvme (nvme\d+): (?:.*controller is down|Removing after probe failure|Disabling device after reset"
        r"|Device not ready; aborting)",
        severity=Severity.REBOOT,
        until_boot=True,
    ),
    _line(
        "kernel.nvme",
        "an NVMe drive answered late or not at all",
        ("nvme nvme",),
        r"nvme (nvme\d+): .*timeout, (?:aborting|completion polled|reset|disable)",
        severity=Severity.MONITOR,
    ),
    _line(
        "kernel.filesystem",
        "file system error",
        ("EXT4-fs ", "XFS (", "BTRFS ", "LustreError"),
        r"EXT4-fs error \(device ([^)]+)\)|EXT4-fs \([^)]+\): .*(?:shut ?down|failed to|\berror\b)"
        r"|XFS \([^)]+\): (?:.*[Cc]orruption|.*shut(?:ting)? ?down|.*I/O [Ee]rror|.*error -?\d+|.*Please u[mn]*ount)"
        r"|BTRFS (?:error|critical)|LustreError: .*(?:evicted|timed out|-5\b)",
        severity=Severity.REBOOT,
    ),
    _line(
        "kernel.filesystem",
        "file system made read-only",
        ("Remounting filesystem", "BTRFS "),
        r"Remounting filesystem read-only|BTRFS.*forced readonly",
        severity=Severity.REBOOT,
        until_boot=True,
    ),
    _line(
        "kernel.filesystem",
        "disk read or write failed",
        ("I/O error", "critical "),
        r"(?:\bI/O|critical medium|critical target) error,? (?:on )?dev(?:ice)? ([\w-]+)",
        severity=Severity.ISOLATE,
    ),
    _line(
        "kernel.memory-shortage",
        "the node ran out of memory",
        ("Out of memory",),
        r"(?<!cgroup )[Oo]ut of memory: Kill(?:ed)? process \d+ \(([^)]*)\)|Out of memory and no killable",
        verdict=Verdict.WARN,
        remedy="find what takes the host's memory: data loaders' processes, page cache that is pinned, leaks",
    ),
    _line(
        "kernel.memory-shortage",
        "a container or job ran out of its memory",
        ("Memory cgroup out of memory",),
        r"Memory cgroup out of memory: Kill(?:ed)? process \d+ \(([^)]*)\)",
        verdict=Verdict.WARN,
        remedy="give the job more memory, or fewer processes that load data: its limit was reached, not the node's",
    ),
    _line(
        "kernel.stuck",
        "a task hung",
        ("blocked for more than",),
        r"task (\S+?):\d+ blocked for more than \d+ seconds",
        severity=Severity.MONITOR,
        remedy="look what it waits for: a file system that does not answer, or a driver; reboot if it stays",
    ),
    _line(
        "kernel.stuck",
        "a CPU was stuck",
        ("BUG: ", "LOCKUP", "detected stall"),
        r"BUG: soft lockup - CPU#(\d+)|hard LOCKUP on cpu|rcu.*(?:self-detected stall|detected stalls)",
        severity=Severity.REBOOT,
    ),
    _line(
        "kernel.stuck",
        "the kernel is broken",
        ("BUG: ", "Oops: ", "Kernel panic", "protection fault", "BUG at "),
        r"\bBUG: (?!soft lockup)|\bOops: \d|Kernel panic"
        r"|\bgeneral protection fault[:,]|kernel BUG at ",
        severity=Severity.REBOOT,
        until_boot=True,
    ),
    _line(
        "kernel.links",
        "a network link went down",
        ("Link ", "link down", "Lost carrier", "LINK "),
        r"\b(?!SATA\b)([\w.@-]+):? (?:NIC )?(?:[Ll]ink|LINK) (?:is )?(?:[Dd]own|DOWN)\b|(\w+): Lost carrier",
        more_than=FLAPS_AN_HOUR,
    ),
    _line(
        "kernel.nccl",
        "a process crashed in NCCL",
        (" in libncc",),
        r"(\S+)\[\d+\]:? (?:segfault at|general protection|trap ).* in libncc(?:l|om)",
        verdict=Verdict.WARN,
    ),
    _line(
        "neuron.hardware",
        "hardware error of a Neuron device",
        ("NEURON_HW_ERR",),
        r"NEURON_HW_ERR=(\w+)",
        severity=Severity.ISOLATE,
        until_boot=True,
    ),
    _line(
        "efa.driver-log",
        "the EFA driver lost its device",
        ("efa 0000:", "infiniband "),
        r"(?:efa (0000:[0-9a-fA-F:.]+)|infiniband (\w+)): (?:.*Admin queue is closed|.*Reset indication didn't"
        r"|.*Device isn't ready|.*didn't send any completion for admin)",
        severity=Severity.REBOOT,
        until_boot=True,
    ),
    _line(
        "efa.driver-log",
        "an order to an EFA device failed",
        ("efa 0000:", "infiniband "),
        r"(?:\befa (0000:[0-9a-fA-F:.]+)|infiniband ((?:efa_|rdmap)\w*)): .*"
        r"(?:[Ff]ailed|[Tt]ime(?:d )?out|\berror\b|didn't receive any MSI-X)",
        severity=Severity.MONITOR,
    ),
    _line(
        "kernel.throttling",
        "a CPU was slowed down since it was too hot",
        ("Core temperature", "Package temperature"),
        r"(CPU\d+): (?:Core|Package) temperature above threshold",
        verdict=Verdict.WARN,
    ),
    _line(
        "kernel.log-reach",
        "the log lost messages",
        ("messages dropped", "Missed "),
        r"\*\* \d+ printk messages dropped|Missed \d+ kernel messages",
        verdict=Verdict.UNKNOWN,
    ),
)
"""In no order; a line may be of several kinds."""
