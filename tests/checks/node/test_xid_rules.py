"""Xids: every code, every workflow, every form of a line, and what repeats make of an application's error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.checks.node.nvlink_table import UNITS, Bit, bits, decode
from seatrial.checks.node.xid_lines import NVLINK5, address, xids
from seatrial.checks.node.xid_table import ANSWERS, APPLICATION, STRICTER, UNUSED, XIDS, Action
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, Severity, Verdict
from tests.checks.node.kernel_forms import FORMS, HOUR, judged, log

RECENT = 3 * HOUR
DAY = 24 * HOUR
WORKFLOWS = {45, 74, 154, *NVLINK5}


def xid(code: object, rest: str = ", pid=2503421, name=python3, Ch 00000008", gpu: str = "0000:0f:00") -> str:
    return f"NVRM: Xid (PCI:{gpu}): {code}{rest}"


def found(*events: tuple[float, str], end: float = 4 * HOUR, profile: Profile | None = None) -> list[Finding]:
    return judged("gpu.xid", log(events, end=end), profile or Profile.of("p5.48xlarge"))


def outcome(*events: tuple[float, str], end: float = 4 * HOUR) -> set[tuple[Verdict, Severity]]:
    return {(finding.verdict, finding.severity) for finding in found(*events, end=end)}


WARN = {(Verdict.WARN, Severity.MONITOR)}
RESET = {(Verdict.FAIL, Severity.RESET)}
REBOOT = {(Verdict.FAIL, Severity.REBOOT)}
ISOLATE = {(Verdict.FAIL, Severity.ISOLATE)}
UNKNOWN = {(Verdict.UNKNOWN, Severity.MONITOR)}
PASS = {(Verdict.PASS, Severity.NONE)}


@pytest.mark.parametrize("code", sorted(set(XIDS) - WORKFLOWS))
def test_every_code_does_what_the_catalogue_says(code):
    answer = ANSWERS[XIDS[code].action]
    [finding] = found((RECENT, xid(code)))
    if code in STRICTER:
        assert finding.verdict is Verdict.WARN
        assert "IGNORE" in finding.observed and STRICTER[code] in finding.observed, "both are told"
        return
    assert (finding.verdict, finding.severity) == (answer.verdict, answer.severity)
    if answer.verdict is not Verdict.PASS:
        assert finding.scope == {"gpu": "0000:0f:00", "xid": code}
        assert finding.remedy.startswith(answer.remedy) and XIDS[code].name in finding.observed


@pytest.mark.parametrize("code", sorted(UNUSED | {0, 173, 184, 186, 999, 123456}))
def test_an_unknown_or_unused_code_asks_for_support(code):
    [finding] = found((RECENT, xid(code)))
    assert finding.verdict is Verdict.UNKNOWN and "contact support" in finding.remedy


@pytest.mark.parametrize("code", sorted(set(XIDS) - WORKFLOWS | UNUSED))
def test_an_old_one_counts_only_if_it_lasts(code):
    lasts = code in XIDS and ANSWERS[XIDS[code].action].until_boot
    verdicts = {finding.verdict for finding in found((HOUR, xid(code)))}
    assert (verdicts == {Verdict.FAIL}) if lasts else (verdicts == {Verdict.PASS})


def test_the_table_holds_what_the_catalogue_lists():
    by_action: dict[Action, set[int]] = {}
    for code, row in XIDS.items():
        by_action.setdefault(row.action, set()).add(code)
    assert by_action[Action.RESTART_APP] == {
        *(8, 11, 13, 25, 31, 32, 39, 40, 41, 60, *range(68, 73), 75, 76, 77, 80, *range(82, 87), 88, 89, 94),
        *(*range(96, 106), *range(126, 136), 139),
    }
    assert by_action[Action.RESET_GPU] == {
        *(46, 48, 62, 64, 95, 109, 110, 119, 120, 136, 140, 143, 155, 156, 158),
        *(171, 172),  # they tell the memory of a 48
    }
    assert by_action[Action.RESTART_BM] == {79, 168} and by_action[Action.RESTART_VM] == {151}
    assert by_action[Action.CHECK_MECHANICALS] == {54} and by_action[Action.CONTACT_SUPPORT] == {142}
    assert set(range(1, 173)) == (set(XIDS) | UNUSED) - {185} and not set(XIDS) & UNUSED
    for codes in (APPLICATION, set(STRICTER)):
        assert codes <= set(XIDS)


HEADS = (
    "NVRM: Xid (PCI:0000:0f:00): 94, pid=2503421, name=python3, Ch 00000008",
    "NVRM: Xid (PCI:0000:0f:00): 94, pid='<unknown>', name=<unknown>, Contained: CE User Channel (0x9). RST: No",
    "NVRM: Xid (0000:0f:00): 94, Ch 00000008",
    "NVRM: Xid (PCI:0000:0f:00 GPU-I:05): 94, pid=7194, Contained: CE User Channel",
    "NVRM: Xid (PCI:00000000:0F:00.0): 94, pid=1",
    "NVRM: GPU Xid (PCI:0000:0f:00): 94",
)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("form", FORMS)
def test_a_line_is_read_in_every_form(head, form):
    [finding] = judged("gpu.xid", log([(RECENT, head)], FORMS[form]))
    assert (finding.verdict, finding.scope["gpu"], finding.scope["xid"]) == (Verdict.WARN, "0000:0f:00", 94)


@pytest.mark.parametrize(
    "line",
    [
        "NVRM: Xid (PCI:0000:0f:00): abc, pid=1",
        "NVRM: Xid error without a number",
        "NVRM: Xid (PCI:0000:0f:00): 94x",
        "NVRM: Xid (PCI:0000:0f:00):",
        "NVRM: xid reported by firmware",
        "NVRM: Xid",
        "Xid",
    ],
)
def test_a_line_with_the_word_but_no_number_is_unknown(line):
    for form in FORMS.values():
        [finding] = judged("gpu.xid", log([(RECENT, line)], form))
        assert finding.verdict is Verdict.UNKNOWN and "cannot be read" in finding.observed


def test_other_words_are_no_xid():
    for line in ("r8169 0000:83:00.0 eth0: RTL8126A, XID 64a, IRQ 150", "dhclient: DHCPACK (xid=0x5e4b1f)", "maXid 5"):
        assert found((RECENT, line))[0].verdict is Verdict.PASS


@given(
    prefix=st.text(st.characters(blacklist_characters="\n", codec="utf-8"), max_size=200).filter(
        lambda text: "NVRM" not in text and "Xid" not in text
    ),
    form=st.sampled_from(sorted(FORMS)),
    code=st.sampled_from([*sorted({*XIDS, *UNUSED, 200}), "", "x", "?", "12y"]),
)
def test_no_xid_is_lost_whatever_stands_before_it(prefix, form, code):
    line = FORMS[form](RECENT, f"{prefix} {xid(code)}")
    text = log([]) + line + "\n"
    silent = isinstance(code, int) and code in XIDS and XIDS[code].action in (Action.IGNORE, Action.WORKFLOW)
    findings = judged("gpu.xid", text)
    if silent:
        assert f"Xid {code}" in " ".join(finding.observed for finding in findings)
    else:
        assert not {finding.verdict for finding in findings} & {Verdict.PASS, Verdict.SKIP}, findings


@given(st.integers(0, 0xFFFF), st.integers(0, 255), st.integers(0, 255))
def test_an_address_is_the_same_however_it_is_written(domain, bus, device):
    short, long = f"{domain:04x}:{bus:02x}:{device:02x}", f"{domain:08X}:{bus:02X}:{device:02X}.0"
    assert address(short) == address(long) == short


def test_several_gpus_are_told_apart():
    findings = found((RECENT, xid(79)), (RECENT, xid(79, gpu="0000:1a:00")))
    assert sorted(str(finding.scope["gpu"]) for finding in findings) == ["0000:0f:00", "0000:1a:00"]


# --- repeats


def test_an_application_error_alone_never_isolates():
    for code in sorted(APPLICATION - {45}):
        assert outcome((RECENT, xid(code))) == WARN or XIDS[code].action is Action.IGNORE
        burst = [(RECENT + t, xid(code)) for t in range(0, 170, 10)]
        assert not outcome(*burst) & (ISOLATE | RESET), "one incident, however many lines"


def test_31_again_on_the_same_gpu_alone_is_hardware():
    again = [(RECENT, xid(31)), (RECENT + 600, xid(31))]
    assert outcome(*again) == WARN | ISOLATE
    [isolate] = [finding for finding in found(*again) if finding.severity is Severity.ISOLATE]
    assert "EUD" in isolate.remedy and isolate.scope["gpu"] == "0000:0f:00"
    assert outcome((RECENT, xid(31)), (RECENT + 600, xid(31, gpu="0000:1a:00"))) == WARN, "different ones: application"
    together = [(t, xid(31, gpu=f"0000:{n:02x}:00")) for t in (RECENT, RECENT + 600) for n in range(8)]
    assert outcome(*together) == WARN, "all at the same time: application"
    assert outcome(*again, (RECENT - HOUR, xid(31, gpu="0000:1a:00"))) >= ISOLATE


def test_31_counts_for_a_day():
    end = 40 * HOUR
    assert outcome((end - 23 * HOUR, xid(31)), (end - 60, xid(31)), end=end) >= ISOLATE
    assert outcome((end - 25 * HOUR, xid(31)), (end - 60, xid(31)), end=end) == WARN


def warp(gpc: int, tpc: int) -> str:
    return xid(13, f", pid='<unknown>', name=<unknown>, Graphics SM Warp Exception on (GPC {gpc}, TPC {tpc}, SM 0): x")


def test_13_again_on_the_same_tpc_alone_is_hardware():
    assert outcome((RECENT, warp(1, 3))) == WARN
    assert outcome((RECENT, warp(1, 3)), (RECENT + 600, warp(1, 3))) >= ISOLATE
    assert outcome((RECENT, warp(1, 3)), (RECENT + 600, warp(1, 4))) == WARN
    assert outcome((RECENT, xid(13)), (RECENT + 600, xid(13))) == WARN, "no part is told"
    everywhere = [(t, warp(gpc, tpc)) for t in (RECENT, RECENT + 600) for gpc in range(7) for tpc in range(9)]
    assert outcome(*everywhere) == WARN, "an application meets many parts"
    esr = xid(13, ", pid=1, name=python3, Graphics Exception: ESR 0x504730=0x201000e 0x504734=0x24")
    assert outcome(*[(t, line) for t in (RECENT, RECENT + 600) for line in (warp(1, 3), esr)]) >= ISOLATE
    assert len(found(*everywhere)) == 1, "told once"


def test_the_same_fatal_xid_five_times_asks_for_support():
    four = [(RECENT - n * 600, xid(46)) for n in range(4)]
    assert outcome(*four) == RESET
    five = [(t, xid(119)) for t in (n * 4 * HOUR + 60 for n in range(5))]
    assert outcome(*five, end=17 * HOUR) >= ISOLATE, "sticky: apart by more than 3 h"
    sticky = [(RECENT - n * 600, xid(119)) for n in range(8)]
    assert outcome(*sticky) == RESET, "sticky ones within 3 h are one"
    assert outcome(*[(RECENT - n * 600, xid(46)) for n in range(5)]) >= ISOLATE
    burst = [(RECENT + n, xid(46)) for n in range(170)]
    assert outcome(*burst) == RESET
    assert outcome(*[(RECENT - n * 600, xid(31, gpu=f"0000:{n:02x}:00")) for n in range(8)]) == WARN


# --- workflows


def test_45_follows_the_other_xid_and_alone_is_an_application_that_ended():
    assert outcome((RECENT, xid(45))) == WARN
    assert outcome((RECENT, xid(94)), (RECENT + 1, xid(45))) == WARN
    [finding] = found((RECENT, xid(94)), (RECENT + 1, xid(45)))
    assert finding.scope["xid"] == 94
    assert outcome((RECENT, xid(43)), (RECENT + 1, xid(45))) == WARN
    assert len(found((RECENT - 1800, xid(94)), (RECENT + 1, xid(45)))) == 2, "an hour apart: each by itself"
    assert len(found((RECENT, xid(94, gpu="0000:1a:00")), (RECENT + 1, xid(45)))) == 2, "another GPU's"
    caused = xid(45, ", pid=1, name=python3, channel 0x3, errorString CTX, Info 0x1c, caused by previous Xid 149")
    assert outcome((RECENT, caused)) == UNKNOWN, "the one that it followed is not in the log"


def test_48_is_reset_and_with_64_as_well():
    for beside in ((), (63,), (64,), (63, 172)):
        events = [(RECENT, xid(48)), *((RECENT + 1, xid(code)) for code in beside)]
        findings = [finding for finding in found(*events) if finding.scope["xid"] == 48]
        assert [finding.severity for finding in findings] == [Severity.RESET]
        assert "SRAM" in findings[0].remedy
        assert ("with Xid 6" in findings[0].observed) == bool(beside)


def nvlink(registers: dict[int, int], link: int = 6) -> str:
    words = ", ".join(f"{1 << registers[n]:#x}" if n in registers else "0x0" for n in range(7))
    return xid(74, f", pid='<unknown>', name=<unknown>, NVLink: fatal error detected on link {link}({words})")


@pytest.mark.parametrize(
    ("register", "bit", "once", "twice"),
    [
        *((0, bit, WARN, WARN) for bit in (0, 23, 30)),
        *((0, bit, RESET, RESET) for bit in (1, 20, 21, 22)),
        *((0, bit, RESET, ISOLATE) for bit in (4, 5, 8, 9, 12, 16, 17, 24, 28, 27, 29)),
        *((2, bit, RESET, ISOLATE) for bit in (0, 1, 2, 6, 13, 16, 17, 18, 19)),
        *((3, bit, RESET, RESET) for bit in (16, 17, 18)),
        *((4, bit, RESET, ISOLATE) for bit in (18, 19, 21, 22, 24, 25, 27, 28)),
        *((4, bit, WARN, WARN) for bit in (20, 23, 26, 29)),
        (0, 31, RESET, RESET),
        (1, 3, RESET, RESET),
        (6, 0, RESET, RESET),
    ],
)
def test_74_by_its_registers(register, bit, once, twice):
    line = nvlink({register: bit})
    assert outcome((RECENT, line)) == once
    assert outcome((RECENT, line), (RECENT + 600, line)) == twice


def test_74_again_on_another_link_is_hardware_only_for_contacts():
    memory, contact = {0: 4}, {0: 8}
    assert outcome((RECENT, nvlink(memory, 6)), (RECENT + 600, nvlink(memory, 7))) == RESET
    assert outcome((RECENT, nvlink(contact, 6)), (RECENT + 600, nvlink(contact, 7))) == ISOLATE
    assert outcome((RECENT, nvlink({0: 4, 1: 2}, 6)), (RECENT + 600, nvlink(memory, 6))) >= ISOLATE


def test_74_without_registers_is_a_reset():
    line = xid(74, ", pid='<unknown>', name=<unknown>, NVLink: fatal error detected on link 2")
    assert outcome((RECENT, line)) == RESET
    assert bits("link 2") is None and bits("link 2 (0x0, 0x0)") is None
    assert bits("(0x80000000, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0)") == {Bit.UNDEFINED}


def nvlink5(code: int, unit: str, intr: int, status: int, word: str = "Nonfatal", link: int = 9) -> str:
    return xid(code, f", {unit}  {word}   XC0 i0 Link {link:02} ({intr:#010x} {status:#010x} 0x0 0x0 0x0 0x0)")


ROWS = [
    (unit.xid, name, (reason << 20) | value, status, action)
    for unit in UNITS
    for name, value in zip(unit.names if len(unit.names) == 2 else unit.names * 2, (unit.v1, unit.v2), strict=True)
    for reason, status, action in (
        [(0, status, action) for status, action in unit.by_status.items()]
        or [(reason, 0, action) for reason, action in unit.by_reason.items()]
    )
]


@pytest.mark.parametrize(("code", "unit", "intr", "status", "action"), ROWS)
def test_144_to_150_are_decoded_in_both_layouts(code, unit, intr, status, action):
    line = nvlink5(code, unit, intr, status, word="Fatal" if action is Action.RESET_GPU else "Nonfatal")
    expected = {Action.RESET_GPU: RESET, Action.RESTART_APP: WARN, Action.IGNORE: PASS}[action]
    assert outcome((RECENT, line)) == expected


@pytest.mark.parametrize(
    ("line", "action"),
    [  # lines of drivers 565 to 575, as NVSentinel's, gpud's and NVIDIA's own documents quote them
        ("149, NETIR_LINK_EVT  Fatal   XC0 i0 Link 01 (0x021425c6 0x00000000 0x0 0x0 0x0 0x0)", Action.RESET_GPU),
        ("149, NETIR_LINK_EVT  Fatal   XC0 i0 Link 09 (0x025525c6 0x00000000 0x0 0x0 0x0 0x0)", Action.RESET_GPU),
        ("149, NETIR_LINK_EVT Fatal XC0 i0 Link 00 (0x026001c6 0x00000000 0x0 0x0 0x0 0x0)", Action.IGNORE),
        ("145, RLW_REMAP Fatal XC1 i0 Link 10 (0x00000082 0x00000040 0x0 0x0 0x0 0x0)", Action.RESET_GPU),
        ("149, NETIR_LINK_DOWN Nonfatal XC1 i2 Link 17 (0xdeadbeef)", None),
        ("149, NETIR_LINK_EVT Fatal XC 1 i 2 Link 01 [0x0000000a]", None),
        ("145, RLW_RXPIPE Nonfatal XC0 i0 Link 03 (0x000004c2 0x00000001 0x0)", Action.RESET_GPU),
        ("145, RLW_RXPIPE Nonfatal XC0 i0 Link 03 (0x00000086 0x00000001 0x0)", Action.RESET_GPU),
        ("145, RLW_RXPIPE Nonfatal XC0 i0 Link 03 (0x00000006 0x00000001 0x0)", Action.IGNORE),
        ("144, SAW_MVB Fatal XC0 i0 Link 03 (0x00000021 0x00000040 0x0)", None),
        ("144, RLW_CTRL Fatal XC0 i0 Link 03 (0x00000062 0x80000000 0x0)", None),
        ("149, NETIR_LINK_EVT Fatal XC0 i0 Link 00 (0x003001c6 0x00000000 0x0)", None),
        ("145, RLW_CTRL Nonfatal XC0 i0 Link 00 (0x00100062 0x80000000 0x0)", None),
    ],
)
def test_144_to_150_as_drivers_print_them(line, action):
    [(_, code, detail)] = xids(f"NVRM: Xid (PCI:0009:01:00): {line}")
    assert decode(int(code), detail).action is action
    [finding] = found((RECENT, f"NVRM: Xid (PCI:0009:01:00): {line}"))
    if action is None:
        assert finding.verdict is Verdict.UNKNOWN, "what cannot be decoded is never ignored"
    elif action is Action.IGNORE and " Fatal " in line:
        assert finding.verdict is Verdict.WARN and "IGNORE" in finding.observed and "fatal" in finding.observed


@given(st.sampled_from(sorted(NVLINK5)), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_144_to_150_with_any_words_are_never_ignored_without_a_row(code, intr, status):
    findings = found((RECENT, nvlink5(code, "NETIR_LINK_EVT", intr, status, word="Fatal")))
    assert Verdict.PASS not in {finding.verdict for finding in findings}


def recovery(to: str, before: str = "None") -> str:
    return xid(154, f", GPU recovery action changed from 0x0 ({before}) to 0x2 ({to})")


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ("None", PASS),
        ("GPU Reset Required", RESET),
        ("Node Reboot Required", REBOOT),
        ("Drain P2P", RESET),
        ("Drain and Reset", RESET),
        ("Call Home", UNKNOWN),
    ],
)
def test_154_says_what_the_gpu_needs(to, expected):
    assert outcome((RECENT, recovery(to))) == expected


def test_154_overrides_what_came_before_it():
    assert outcome((RECENT, xid(31)), (RECENT + 1, recovery("Node Reboot Required"))) == WARN | REBOOT
    assert outcome((RECENT, recovery("Node Reboot Required")), (RECENT + 1, recovery("GPU Reset Required"))) == RESET
    assert outcome((RECENT, xid(95)), (RECENT + 1, recovery("None"))) == WARN, "it has been reset since"
    assert outcome((RECENT, recovery("None")), (RECENT + 1, xid(95))) == RESET, "not by what was before"
    assert outcome((HOUR, recovery("Node Reboot Required"))) == REBOOT, "it lasts"
    unreadable = xid(154, ", GPU recovery action changed")
    assert outcome((RECENT, unreadable)) == UNKNOWN


def test_a_code_that_such_a_gpu_does_not_have_is_told():
    assert "does not expect it on H100" in found((RECENT, nvlink5(144, "SAW_MVB", 0x21, 0x2, "Fatal")))[0].observed
    [finding] = found((RECENT, xid(142)), profile=Profile.of("p4d.24xlarge"))
    assert finding.severity is Severity.ISOLATE and "A100" in finding.observed


# --- defects of other health checks


def test_a_later_warning_takes_no_failure_back():
    """A: the result of one file for each check, which a later warning overwrote."""
    for events in ([xid(79), xid(31), xid(43)], [xid(31), xid(43), xid(79)]):
        findings = found(*[(RECENT + n, line) for n, line in enumerate(events)])
        assert {finding.severity for finding in findings} >= {Severity.REBOOT, Severity.MONITOR}


def test_an_old_xid_does_not_fail_for_ever():
    """I: no window, so that one Xid failed the node until it was rebooted."""
    assert outcome((60.0, xid(95)), end=100 * HOUR) == PASS
    assert outcome((60.0, xid(31)), (1200.0, xid(31)), end=100 * HOUR) == PASS
