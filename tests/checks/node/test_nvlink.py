"""NVLinks: all there, at their speed, and which of their counters tell of a fault."""

from __future__ import annotations

import pytest

from seatrial.checks.node.nvlink import example
from seatrial.findings import Severity, Verdict
from tests.checks.node.observing import judged, recorded, recorded_links, verdict

P5 = "p5.48xlarge"
LINKS, COUNTERS = example("26.562 GB/s"), ("Replay Errors: 0", "Recovery Errors: 0", "CRC Errors: 0")


def of_all(kind: str, name: str) -> str:
    return "".join(recorded_links(kind, name).replace("GPU 0:", f"GPU {gpu}:") for gpu in range(8))


@pytest.mark.parametrize("sick", ["<inactive>", "1.562 GB/s", "0 GB/s", "N/A", "Disabled"])
def test_a_link_without_its_speed_is_named(sick):
    findings = judged("nvlink.links", example("26.562 GB/s", sick=sick), P5)
    assert [f.scope for f in findings if f.verdict is Verdict.FAIL] == [{"gpu": 7, "link": 17}]


def test_a_gpu_all_of_whose_links_train_slowly_is_found():
    findings = judged("nvlink.links", recorded("nvlink", "h200_slow"), "p5en.48xlarge")
    assert [f.scope["link"] for f in findings if f.verdict is Verdict.FAIL] == [2, 3, 4, 10]
    assert verdict("nvlink.links", example("13.281 GB/s"), P5) is Verdict.FAIL, "all of them, so no sibling tells"


def test_what_is_said_instead_of_links_is_a_fault_where_links_belong():
    text = recorded("nvlink", "inactive")
    assert [f.verdict for f in judged("nvlink.links", text, P5)][:2] == [Verdict.FAIL] * 2
    without = "".join(f"GPU {gpu}: NVIDIA L40S (UUID: GPU-{gpu})\n" for gpu in range(8))
    assert {f.verdict for f in judged("nvlink.links", without, "g6e.48xlarge")} == {Verdict.SKIP}


def test_a_link_left_out_is_a_fault_and_one_cut_off_is_not_known():
    lines = LINKS.splitlines(keepends=True)
    assert verdict("nvlink.links", "".join(lines[:5] + lines[6:]), P5) is Verdict.FAIL
    assert verdict("nvlink.links", "".join(lines[:-3]), P5) is Verdict.UNKNOWN


def test_a_link_told_twice_is_not_read():
    assert verdict("nvlink.links", LINKS + "\t Link 17: 26.562 GB/s\n", P5) is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("sick", "expected"),
    [
        ("Replay Errors: 4", Verdict.PASS),
        ("Replay Errors: 5", Verdict.WARN),
        ("Replay Errors: N/A", Verdict.UNKNOWN),
        ("0", Verdict.UNKNOWN),
        ("0\n0", Verdict.UNKNOWN),  # what a count of lines came to in a script, and was skipped for
    ],
)
def test_counters_up_to_hopper(sick, expected):
    assert verdict("nvlink.errors", example(*COUNTERS, sick=sick), P5) is expected


@pytest.mark.parametrize(
    ("name", "count", "expected"),
    [
        ("Link recovery failed events", 1, Verdict.FAIL),
        ("Link recovery successful events", 1, Verdict.WARN),
        ("Symbol Errors", 5, Verdict.WARN),
        ("Rx Errors", 4, Verdict.PASS),
        ("FEC Errors - 1", 10**6, Verdict.PASS),
        ("Tx packets", 10**12, Verdict.PASS),
    ],
)
def test_counters_of_blackwell(name, count, expected):
    text = of_all("nvlink-errors", "b300").replace(f"Link 3: {name}: 0\n", f"Link 3: {name}: {count}\n", 1)
    findings = judged("nvlink.errors", text, "p6-b300.48xlarge")
    assert max((f.verdict for f in findings), key=[Verdict.PASS, Verdict.WARN, Verdict.FAIL].index) is expected
    for finding in findings:
        if finding.verdict is not Verdict.PASS:
            assert finding.scope == {"gpu": 0, "link": 3} and name in finding.observed
    graver = {f.severity for f in findings} - {Severity.NONE}
    assert graver == {Verdict.FAIL: {Severity.RESET}, Verdict.WARN: {Severity.MONITOR}}.get(expected, set())


def test_the_counters_of_another_generation_are_no_evidence():
    text = example("Tx packets: 0", "Rx packets: 0")
    assert verdict("nvlink.errors", text, P5) is Verdict.UNKNOWN


def test_one_gpu_needs_no_links():
    assert {f.verdict for f in judged("nvlink.links", recorded("nvlink", "h100_590"), "p5.4xlarge")} == {Verdict.SKIP}
    assert verdict("nvlink.links", recorded("nvlink", "h100_590")) is Verdict.UNKNOWN, "there may be more"
