"""Faults other than Xids: each as it was seen, in every form of a line, and what looks like one but is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.checks.catalogue import all_checks
from seatrial.checks.node.kernel_log import ALL, KERNEL_LOG
from seatrial.findings import Finding, Severity, Verdict
from tests.checks.node.kernel_forms import FORMS, HOUR, iso, judged, log

RECENT = 3 * HOUR
RECORDED = Path(__file__).parents[1] / "recorded" / "kernel-log" / "faults.tsv"
FAULTS = [tuple(line.split("\t")[:4]) for line in RECORDED.read_text().splitlines() if not line.startswith("#")]


def found(rule: str, *events: tuple[float, str], end: float = 4 * HOUR) -> list[Finding]:
    return judged(rule, log(events, end=end))


@pytest.mark.parametrize(("rule", "verdict", "severity", "message"), FAULTS)
def test_a_fault_is_found_in_every_form_of_a_line(rule, verdict, severity, message):
    for name, form in FORMS.items():
        findings = judged(rule, log([(RECENT, message)], form))
        assert (Verdict(verdict), Severity(severity)) in {(f.verdict, f.severity) for f in findings}, (name, findings)
        assert all(f.remedy and f.source for f in findings if f.verdict is not Verdict.UNKNOWN)
        assert message[:40] in " ".join(f.observed for f in findings)


@pytest.mark.parametrize(("rule", "verdict", "severity", "message"), FAULTS)
def test_an_old_fault_counts_only_if_it_lasts(rule, verdict, severity, message):
    lasts = any(s.until_boot and s.subjects(message) for s in ALL if s.rule == rule)
    verdicts = {finding.verdict for finding in found(rule, (HOUR, message))}
    assert Verdict.PASS not in verdicts if lasts else verdicts == {Verdict.PASS}


@given(
    fault=st.sampled_from(FAULTS),
    prefix=st.text(st.characters(blacklist_characters="\n", codec="utf-8"), max_size=200),
    form=st.sampled_from(sorted(FORMS)),
)
def test_no_fault_is_lost_whatever_stands_before_it(fault, prefix, form):
    rule, _, _, message = fault
    text = log([]) + FORMS[form](RECENT, f"{prefix} {message}") + "\n"
    assert Verdict.PASS not in {finding.verdict for finding in judged(rule, text)}


def test_every_signature_and_rule_has_a_recorded_line():
    told = {s.name for s in ALL for rule, _, _, message in FAULTS if s.rule == rule and s.subjects(message)}
    elsewhere = {s.name for s in ALL if s.more_than or s.rule in ("gpu.xid", "nvswitch.sxid", "kernel.log-reach")}
    assert told | elsewhere == {s.name for s in ALL}
    assert {s.rule for s in ALL} == {check.id for check in all_checks() if check.source is KERNEL_LOG}


@pytest.mark.parametrize(
    "message",
    [
        "EXT4-fs (sda1): re-mounted. Opts: errors=remount-ro",
        "EXT4-fs (nvme0n1p1): mounted filesystem with ordered data mode. Opts: discard,errors=remount-ro",
        "EXT4-fs (nvme0n1p1): orphan cleanup on readonly fs",
        "XFS (nvme1n1): Mounting V5 Filesystem",
        "XFS (nvme1n1): Ending clean mount",
        "Write protecting the kernel read-only data: 26624k",
        "ata1: SATA link down (SStatus 0 SControl 300)",
        "ata1: SATA link up 6.0 Gbps (SStatus 133 SControl 300)",
        "nvme nvme0: 2/0/0 default/read/poll queues",
        "nvme nvme0: Shutdown timeout set to 10 seconds",
        "EDAC MC: Ver: 3.0.0",
        "EDAC MC0: Giving out device to module i10nm_edac controller Intel_10nm Socket#0 IMC#0: DEV 0000:fe:0c.0",
        "mce: CPU0: Thermal monitoring enabled (TM1)",
        "mce: CPU supports 32 MCE banks",
        "pcieport 0000:00:1c.0: AER: enabled with IRQ 25",
        "acpi PNP0A08:00: _OSC: OS now controls [PCIeHotplug SHPCHotplug PME AER PCIeCapability LTR DPC]",
        "NVRM: loading NVIDIA UNIX Open Kernel Module for x86_64  610.57.04  Release Build",
        "nvidia-nvswitch0: using MSI",
        "infiniband rdmap92s0: IB device registered",
        "efa 0000:5c:00.0: Setup irq:178 name:efa-mgmnt@pci:0000:5c:00.0",
        "rcu: Hierarchical SRCU implementation.",
        "x86/mm: Checked W+X mappings: passed, no W+X pages found.",
        "[Firmware Bug]: TSC ADJUST differs within socket(s), fixing all errors",
        "Memory: 3218236K/25165432K available (18470K kernel code, 2544K rwdata)",
        "python3[4711]: segfault at 8 ip 00007f3a1c2d4e5f sp 00007ffc0a1b2c3d error 4 in libtorch.so[7f3a1c000000]",
        "RAS: Correctable Errors collector initialized.",
        "ena 0000:00:05.0 ens5: Link is Up",
        "HEST: Table parsing has been initialized.",
    ],
)
def test_what_is_no_fault_passes_every_rule(message):
    for check in all_checks():
        if check.source is KERNEL_LOG:
            [finding] = found(check.id, (RECENT, message))
            assert finding.verdict is Verdict.PASS, finding


def test_few_corrected_errors_pass_and_many_are_told():
    line = "pcieport 0000:00:1c.0: PCIe Bus Error: severity=Corrected, type=Physical Layer, (Receiver ID)"
    [finding] = found("kernel.pcie", *[(RECENT + n, line) for n in range(120)])
    assert finding.verdict is Verdict.PASS and "120 x corrected PCIe error" in finding.observed
    [finding] = found("kernel.pcie", *[(RECENT + n, line) for n in range(121)])
    assert finding.verdict is Verdict.WARN and "121 times" in finding.observed
    two = [(RECENT + n, line.replace("1c", f"1{n % 2}")) for n in range(200)]
    assert found("kernel.pcie", *two)[0].verdict is Verdict.PASS, "a hundred each"
    spread = [(n * 60.0, line) for n in range(1000)]
    assert found("kernel.pcie", *spread, end=60000.0)[0].verdict is Verdict.PASS, "one a minute, for long"


def test_corrected_memory_errors_are_counted():
    line = "EDAC MC1: 1 CE memory read error on CPU_SrcID#1_MC#0_Chan#1_DIMM#0 (channel:1 slot:0 page:0x1 offset:0x0)"
    assert found("kernel.memory-errors", *[(RECENT + n, line) for n in range(20)])[0].verdict is Verdict.PASS
    assert found("kernel.memory-errors", *[(RECENT + n, line) for n in range(21)])[0].verdict is Verdict.WARN


@pytest.mark.parametrize(
    "line",
    [
        "mlx5_core 0000:0c:00.0 ens1: Link down",
        "ena 0000:00:05.0 ens5: Link is Down",
        "igb 0000:09:00.0 eth0: igb: eth0 NIC Link is Down",
        "r8169 0000:02:00.0 eth0: Link is Down",
        "e1000e: eth0 NIC Link is Down",
    ],
)
def test_a_link_flaps_when_it_goes_down_more_than_twice(line):
    for times, verdict in ((1, Verdict.PASS), (2, Verdict.PASS), (3, Verdict.FAIL)):
        events = [(RECENT + 10 * n, line) for n in range(times)]
        events += [(RECENT + 10 * n + 5, line.replace("Down", "Up").replace("down", "up")) for n in range(times)]
        [finding] = found("kernel.links", *events)
        assert finding.verdict is verdict, times
    assert finding.severity is Severity.MONITOR and finding.scope["nic"]


def test_worse_is_not_hidden_by_what_is_less():
    corrected = "pcieport 0000:00:1c.0: PCIe Bus Error: severity=Corrected, type=Physical Layer, (Receiver ID)"
    fatal = (
        "pcieport 0000:c0:01.1: PCIe Bus Error: severity=Uncorrected (Fatal), type=Transaction Layer, (Requester ID)"
    )
    for events in ([fatal, corrected], [corrected, fatal]):
        findings = found("kernel.pcie", *[(RECENT + n, line) for n, line in enumerate(events)])
        assert [(f.verdict, f.severity) for f in findings] == [(Verdict.FAIL, Severity.REBOOT)]


def test_a_fault_in_a_log_that_does_not_reach_back_is_told_with_that_it_does_not():
    text = iso(RECENT, "CPU4: Core temperature above threshold, cpu clock throttled (total events = 1)") + "\n"
    assert {finding.verdict for finding in judged("kernel.throttling", text)} == {Verdict.WARN, Verdict.UNKNOWN}
