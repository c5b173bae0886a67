"""SXids: errors of NVSwitches, as a kernel and the Fabric Manager tell of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.checks.node.xid_table import SXID_ALWAYS_FATAL
from seatrial.findings import Finding, Severity, Verdict
from tests.checks.node.kernel_forms import FORMS, HOUR, judged, log

RECENT = 3 * HOUR


def sxid(code: object, rest: str = ", Non-fatal, Link 61 egress non-posted PRIV error (First)") -> str:
    return f"nvidia-nvswitch2: SXid (PCI:0000:85:00.0): {code}{rest}"


def found(*lines: str, seconds: float = RECENT) -> list[Finding]:
    return judged("nvswitch.sxid", log([(seconds + n, line) for n, line in enumerate(lines)]))


FATAL, NON_FATAL = ", Fatal, Link 30 LTSSM Fault Up", ", Non-fatal, Link 46 MC TS crumbstore MCTO (First)"


@pytest.mark.parametrize(
    ("code", "rest", "verdict", "severity"),
    [
        (12028, NON_FATAL, Verdict.PASS, Severity.NONE),
        (20034, FATAL, Verdict.FAIL, Severity.RESET),
        (28006, NON_FATAL, Verdict.WARN, Severity.MONITOR),
        (28006, ", Nonfatal, Link 46 x", Verdict.WARN, Severity.MONITOR),
        (11004, NON_FATAL, Verdict.FAIL, Severity.REBOOT),
        *((code, FATAL, Verdict.FAIL, Severity.RESET) for code in (10003, 19084)),
        *((code, NON_FATAL, Verdict.FAIL, Severity.RESET) for code in sorted(SXID_ALWAYS_FATAL)),
        (99999, ", something new", Verdict.UNKNOWN, Severity.MONITOR),
        (28006, ", Severity 0 Engine instance 46 Sub-engine instance 00", Verdict.UNKNOWN, Severity.MONITOR),
        ("abc", FATAL, Verdict.UNKNOWN, Severity.MONITOR),
        ("", "", Verdict.UNKNOWN, Severity.MONITOR),
    ],
)
def test_an_sxid(code, rest, verdict, severity):
    for form in FORMS.values():
        [finding] = judged("nvswitch.sxid", log([(RECENT, sxid(code, rest))], form))
        assert (finding.verdict, finding.severity) == (verdict, severity), finding
    if verdict is Verdict.FAIL:
        assert finding.scope["nvswitch"] == "0000:85:00" and finding.remedy


def test_the_lines_behind_the_first_one_are_details_of_it():
    [finding] = found(
        sxid(28006, NON_FATAL),
        sxid(28006, ", Severity 0 Engine instance 46 Sub-engine instance 00"),
        sxid(28006, ", Data {0x00140004, 0x00100000, 0x00140004, 0x00000000, 0x00000000, 0x00000000}"),
    )
    assert finding.verdict is Verdict.WARN and finding.scope["link"] == 46


def test_the_fabric_managers_log_is_read():
    fatal = "detected NVSwitch fatal error 20034 on fid 0 on NVSwitch pci bus id 00000000:86:00.0 physical id 3 port 33"
    text = f"[Jul 23 2024 07:53:55] [ERROR] [tid 841] {fatal}\n"
    [finding, rest] = judged("nvswitch.sxid", text)
    assert (finding.verdict, finding.severity) == (Verdict.FAIL, Severity.RESET)
    assert finding.scope == {"nvswitch": "0000:86:00", "sxid": "20034", "link": 33}
    assert rest.verdict is Verdict.UNKNOWN, "it is no kernel's log"
    harmless = text.replace("fatal error 20034", "non-fatal error 12028")
    [finding] = judged("nvswitch.sxid", harmless)
    assert finding.verdict is Verdict.UNKNOWN and "no line of it is a kernel's" in finding.observed
    torn = text.replace("error 20034 on", "error on")
    assert judged("nvswitch.sxid", torn)[0].verdict is Verdict.UNKNOWN


def test_an_old_one_does_not_count():
    assert found(sxid(20034, FATAL), seconds=HOUR)[0].verdict is Verdict.PASS
    assert found(sxid(11004, FATAL), seconds=60.0)[0].verdict is Verdict.FAIL, "only a restart takes it away"


@given(
    prefix=st.text(st.characters(blacklist_characters="\n", codec="utf-8"), max_size=120).filter(
        lambda text: "NVRM" not in text and "Xid" not in text
    ),
    form=st.sampled_from(sorted(FORMS)),
    code=st.sampled_from(["20034", "28006", "99999", "", "x", "1.5", "23001"]),
    rest=st.sampled_from([FATAL, NON_FATAL, "", ", Severity 1"]),
)
def test_no_sxid_is_lost_whatever_stands_before_it(prefix, form, code, rest):
    text = log([]) + FORMS[form](RECENT, f"{prefix} {sxid(code, rest)}") + "\n"
    assert Verdict.PASS not in {finding.verdict for finding in judged("nvswitch.sxid", text)}


def test_an_sxid_is_no_xid_and_the_reverse():
    assert judged("gpu.xid", log([(RECENT, sxid(20034, FATAL))]))[0].verdict is Verdict.PASS
    assert found("NVRM: Xid (PCI:0000:0f:00): 79, x")[0].verdict is Verdict.PASS
