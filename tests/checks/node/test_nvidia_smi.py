"""Faults of GPUs that the csv of nvidia-smi shows, and what is none."""

from __future__ import annotations

import pytest

from seatrial.checks.catalogue import of_kind
from seatrial.checks.judging import judge, severity
from seatrial.checks.node.nvidia_smi import FIELDS, GOOD, NVIDIA_SMI, example
from seatrial.checks.observations import Observation
from seatrial.checks.profile import Profile
from seatrial.findings import Severity, Verdict, overall
from tests.checks.node.observing import judged, recorded, verdict

P5 = "p5.48xlarge"
PASS, WARN, FAIL, UNKNOWN, SKIP = Verdict.PASS, Verdict.WARN, Verdict.FAIL, Verdict.UNKNOWN, Verdict.SKIP
BUSY = {"utilization.gpu": "97 %"}


@pytest.mark.parametrize(
    ("id", "sick", "expected"),
    [
        ("gpu.ecc-uncorrectable", {"ecc.errors.uncorrected.volatile.total": "1"}, FAIL),
        ("gpu.ecc-correctable", {"ecc.errors.corrected.volatile.total": "50000000"}, PASS),
        ("gpu.ecc-correctable", {"ecc.errors.corrected.volatile.total": "50000001"}, FAIL),
        ("gpu.ecc-correctable", {"ecc.errors.corrected.aggregate.total": "20000001"}, WARN),
        ("gpu.ecc-mode", {"ecc.mode.pending": "Disabled"}, WARN),
        ("gpu.ecc-mode", {"ecc.mode.current": "Disabled", "ecc.mode.pending": "Disabled"}, FAIL),
        ("gpu.memory", {"memory.total": "73728 MiB"}, PASS),
        ("gpu.memory", {"memory.total": "73727 MiB"}, FAIL),
        ("gpu.mig", {"mig.mode.pending": "Enabled"}, WARN),
        ("gpu.mig", {"mig.mode.current": "[N/A]"}, UNKNOWN),
        ("gpu.throttled", {"clocks_throttle_reasons.sw_thermal_slowdown": "Active"}, WARN),
        ("gpu.throttled", {"clocks_throttle_reasons.hw_power_brake_slowdown": "Active"}, FAIL),
        ("gpu.throttled", {"clocks_throttle_reasons.hw_slowdown": "[N/A]"}, UNKNOWN),
        ("gpu.power", {"enforced.power.limit": "699.00 W"}, WARN),
        ("gpu.power", {"power.draw": "[N/A]"}, UNKNOWN),
        ("gpu.pcie-width", {"pcie.link.width.current": "8"}, WARN),
        ("gpu.pcie-width", {"pcie.link.width.current": "8", **BUSY}, FAIL),
        ("gpu.pcie-generation", {"pcie.link.gen.current": "1", **BUSY}, FAIL),
        ("gpu.model", {"name": "NVIDIA H100 PCIe"}, FAIL),
        ("gpu.model", {"name": "NVIDIA Unheard Of"}, UNKNOWN),
        ("gpu.alike", {"driver_version": "570.1"}, FAIL),
        ("gpu.unique", {"serial": "1654023001120"}, FAIL),
        ("gpu.persistence", {"persistence_mode": "[N/A]"}, UNKNOWN),
    ],
)
def test_a_value_that_crosses_its_bound(id, sick, expected):
    assert verdict(id, example(sick=sick), P5) is expected


def test_an_idle_link_that_is_slow_is_no_fault():
    idle = example(sick={"pcie.link.gen.current": "1"})
    assert {f.verdict for f in judged("gpu.pcie-generation", idle, P5)} == {PASS, SKIP}
    assert verdict("gpu.pcie-width", idle, P5) is PASS


def test_a_fault_of_one_gpu_names_it_and_no_other():
    findings = judged("gpu.ecc-uncorrectable", example(sick={"ecc.errors.uncorrected.volatile.total": "2"}), P5)
    assert [f.scope for f in findings if f.verdict is FAIL] == [{"gpu": 7}]
    assert len(findings) == 8


@pytest.mark.parametrize("field", [field for field in FIELDS if field not in ("index", "count")])
def test_a_value_that_is_none_of_its_field_is_not_read(field):
    text = example(sick={field: "\x00"})
    found = {f.verdict for check in of_kind("nvidia-smi") for f in judged(check.id, text, P5)}
    assert found == {UNKNOWN}, "nothing of a text is believed whose form is unknown"


def test_two_columns_that_were_swapped_are_not_read():
    lines = GOOD.splitlines()
    cells = lines[3].split(", ")
    cells[8], cells[23] = cells[23], cells[8]
    swapped = "\n".join([*lines[:3], ", ".join(cells), *lines[4:], ""])
    assert verdict("gpu.persistence", swapped, P5) is UNKNOWN


@pytest.mark.parametrize("name", ["lost", "no_devices"])
def test_a_gpu_in_whose_place_stands_an_error_is_a_fault(name):
    [finding, *_] = judged("gpu.answers", recorded("nvidia-smi", name), P5)
    assert (finding.verdict, finding.severity) == (FAIL, Severity.REBOOT)
    assert verdict("gpu.count", recorded("nvidia-smi", name), P5) is FAIL
    assert verdict("gpu.memory", recorded("nvidia-smi", name), P5) is UNKNOWN


def test_a_gpu_that_was_lost_beside_others_is_a_fault():
    text = GOOD.replace("GPU-5a10e6e5", "GPU-5a10e6e5") + recorded("nvidia-smi", "lost")
    assert verdict("gpu.count", text, P5) is FAIL


def test_a_gpu_that_asks_for_a_reset_gets_one():
    findings = judged("gpu.answers", recorded("nvidia-smi", "reset_required"), P5)
    assert [f.severity for f in findings if f.verdict is FAIL] == [Severity.RESET]


def test_a_column_that_the_driver_does_not_know_is_told():
    [finding] = judged("gpu.count", recorded("nvidia-smi", "unknown_field"), P5)
    assert finding.verdict is UNKNOWN and "gpu_recovery_action" in finding.observed
    assert "replace" not in finding.remedy, "nothing is known against the node"


def test_both_names_of_the_reasons_are_read():
    text = example(sick={"clocks_throttle_reasons.hw_thermal_slowdown": "Active"})
    assert verdict("gpu.throttled", text, P5) is FAIL
    assert verdict("gpu.throttled", text.replace("throttle_reasons", "event_reasons"), P5) is FAIL


def test_values_may_come_without_units():
    plain = GOOD.replace(" [%]", "").replace(" [MiB]", "").replace(" [W]", "")
    for unit in (" %,", " MiB,", " W,"):
        plain = plain.replace(unit, ",")
    assert verdict("gpu.memory", plain, P5) is PASS


@pytest.mark.parametrize(
    ("instance", "name", "memory"),
    [
        ("p4d.24xlarge", "NVIDIA A100-SXM4-40GB", "40960 MiB"),
        ("p5en.48xlarge", "NVIDIA H200", "143771 MiB"),
        ("p6-b200.48xlarge", "NVIDIA B200", "183359 MiB"),
    ],
)
def test_the_gpus_of_other_instance_types(instance, name, memory):
    text = example({"name": name, "memory.total": memory})
    findings = [f for check in of_kind("nvidia-smi") for f in judged(check.id, text, instance)]
    assert {f.verdict for f in findings} == {PASS, SKIP}
    assert verdict("gpu.model", text, P5) is FAIL


def test_seven_gpus_of_eight_pass_nowhere():
    text = example(gpus=7)
    for check in of_kind("nvidia-smi"):
        assert verdict(check.id, text, P5) in (FAIL, UNKNOWN)
        assert verdict(check.id, text.replace(", 8, NVIDIA", ", 9, NVIDIA")) in (FAIL, UNKNOWN)


def test_pages_are_retired_only_before_the_a100():
    assert {f.verdict for f in judged("gpu.retired-pages", GOOD, P5)} == {SKIP}
    t4 = {"name": "Tesla T4", "retired_pages.pending": "No"}
    assert verdict("gpu.retired-pages", example(t4), "g4dn.metal") is UNKNOWN
    pages = {"retired_pages.single_bit_ecc.count": "9", "retired_pages.double_bit.count": "0"}
    assert verdict("gpu.retired-pages", example({**t4, **pages}), "g4dn.metal") is PASS
    pending = judged("gpu.retired-pages", example({**t4, **pages}, sick={"retired_pages.pending": "Yes"}), "g4dn.metal")
    assert [f.severity for f in pending if f.verdict is FAIL] == [Severity.RESET]


def test_a_lesser_finding_takes_nothing_back_of_a_grave_one():
    text = example(sick={"persistence_mode": "Disabled", "ecc.errors.uncorrected.volatile.total": "4"})
    findings = judge(of_kind("nvidia-smi"), [Observation(kind="nvidia-smi", origin="x", text=text)], Profile.of(P5))
    assert overall(findings) is FAIL and severity(findings) is Severity.RESET
    assert {f.check for f in findings if f.verdict is WARN} == {"gpu.persistence"}


def test_an_exit_status_makes_a_pass_unknown():
    assert verdict("gpu.count", GOOD, P5, status=14) is UNKNOWN


def test_no_column_is_asked_that_an_old_driver_does_not_know():
    asked = NVIDIA_SMI.command[1]
    assert not [new for new in ("event_reasons", "recovery_action", "tlimit", "fabric", "remapped") if new in asked]
