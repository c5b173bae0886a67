"""Trainium: what neuron-ls lists, what the driver counts, what neuron-monitor reports."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.checks.collecting import collect, look
from seatrial.checks.judging import judge
from seatrial.checks.node.neuron import COUNTERS
from seatrial.checks.node.neuron_monitor import MONITOR, SECONDS, example
from seatrial.checks.observations import Observation
from seatrial.checks.profile import Profile
from seatrial.findings import Finding, Severity, Verdict, overall
from tests.checks.test_checks import CHECKS, judged

RECORDED = Path(__file__).parents[1] / "recorded"
TRN1, TRN2 = Profile.of("trn1.2xlarge"), Profile.of("trn2.48xlarge")


def read(kind: str, name: str, profile: Profile) -> dict[str, list[Finding]]:
    checks = [check for check in CHECKS.values() if check.source.kind == kind]
    observation = Observation(kind=kind, origin=name, path=RECORDED / kind / f"{name}.txt", foreign=True)
    findings = judge(checks, [observation], profile)
    return {check.id: [f for f in findings if f.check == check.id] for check in checks}


@pytest.mark.parametrize("name", ["trn2.48xlarge", "trn2.48xlarge-processes"])
def test_both_tables_of_neuron_ls(name):
    found = read("neuron-ls", name, TRN2)
    assert [(f.verdict, f.observed) for f in found["neuron.count"]] == [(Verdict.PASS, "16 devices with 4 cores")]
    assert {f.verdict for f in found["neuron.links"]} == {Verdict.PASS} and len(found["neuron.links"]) == 16


def test_the_json_of_neuron_ls():
    found = read("neuron-ls", "trn1.2xlarge-json", TRN1)
    assert [f.verdict for f in found["neuron.count"]] == [Verdict.PASS]
    assert [f.verdict for f in found["neuron.links"]] == [Verdict.SKIP]
    text = (RECORDED / "neuron-ls/trn1.2xlarge-json.txt").read_text()
    for end in range(len(text)):
        assert overall(judged(CHECKS["neuron.count"], text[:end], TRN1)) is Verdict.UNKNOWN
    later = json.dumps({"instance_type": "trn1.2xlarge", "devices": json.loads(text)})
    assert overall(judged(CHECKS["neuron.count"], later, TRN1)) is Verdict.UNKNOWN


def test_less_of_a_table_is_no_pass():
    for name in ("trn2.48xlarge", "trn2.48xlarge-processes"):
        text = (RECORDED / f"neuron-ls/{name}.txt").read_text()
        lines = text.splitlines(keepends=True)
        for number, line in enumerate(lines[:-1]):
            verdict = overall(judged(CHECKS["neuron.count"], "".join(lines[:number]), TRN2))
            assert verdict is not Verdict.PASS, line
            if line.startswith("| ") and line[2].isdigit():
                dropped = "".join(lines[:number] + lines[number + 1 :])
                assert overall(judged(CHECKS["neuron.count"], dropped, TRN2)) is Verdict.FAIL, line
    text = (RECORDED / "neuron-ls/trn2.48xlarge.txt").read_text()
    for cores in (3, 8):  # 8 would be right, were it the same on all
        other = text.replace("| 0      | 4  ", f"| 0      | {cores}  ")
        assert overall(judged(CHECKS["neuron.count"], other, TRN2)) is Verdict.FAIL
    processes = (RECORDED / "neuron-ls/trn2.48xlarge-processes.txt").read_text().splitlines(keepends=True)
    assert overall(judged(CHECKS["neuron.count"], "".join(processes[:-1]), TRN2)) is Verdict.UNKNOWN, "torn"
    assert overall(judged(CHECKS["neuron.links"], text.replace("12, 4, 3, 1", "12, 4, 3   "), TRN2)) is Verdict.FAIL


def fake(root: Path, devices: int = 1, folders: bool = True, **counters: int) -> None:
    """The driver's tree: a counter is a folder, or a file."""
    values = {"mem_ecc_uncorrected": 0, "sram_ecc_uncorrected": 0, "mem_ecc_repairable_uncorrected": 0} | counters
    for number in range(devices):
        device = root / f"sys/devices/virtual/neuron_device/neuron{number}"
        for core in range(2):
            status = device / f"neuron_core{core}/stats/status/hw_error"
            status.mkdir(parents=True)
            (status / "total").write_text(f"{values.get('hw_error', 0)}\n")
        (device / "core_count").write_text("2\n")
        for name, value in values.items():
            if name == "hw_error":
                continue
            place = device / "stats/hardware" / name
            (place if folders else place.parent).mkdir(parents=True, exist_ok=True)
            (place / "total" if folders else place).write_text(f"{value}\n")


def counted(root: Path, profile: Profile = TRN1) -> list[Finding]:
    return judge([CHECKS["neuron.errors"]], collect([COUNTERS], profile, root), profile)


@pytest.mark.parametrize("folders", [True, False])
@pytest.mark.parametrize(
    ("counters", "verdict", "severity"),
    [
        ({}, Verdict.PASS, Severity.NONE),
        ({"mem_ecc_uncorrected": 1}, Verdict.FAIL, Severity.ISOLATE),
        ({"sram_ecc_uncorrected": 1}, Verdict.FAIL, Severity.ISOLATE),
        ({"mem_ecc_repairable_uncorrected": 1}, Verdict.FAIL, Severity.REBOOT),
        ({"hw_error": 1}, Verdict.WARN, Severity.MONITOR),
    ],
)
def test_counters_of_the_driver(tmp_path, folders, counters, verdict, severity):
    fake(tmp_path, folders=folders, **counters)
    [finding] = counted(tmp_path)
    assert (finding.verdict, finding.severity) == (verdict, severity)


def test_counters_that_are_elsewhere_or_of_fewer_devices_are_unknown(tmp_path):
    fake(tmp_path / "few", devices=15)
    assert counted(tmp_path / "few", TRN2)[-1].observed == "counters of 15 devices"
    fake(tmp_path / "new")
    for path in (tmp_path / "new").rglob("stats/hardware/*/total"):
        path.unlink()
    [finding] = counted(tmp_path / "new")
    assert finding.verdict is Verdict.UNKNOWN and "2.31" in finding.remedy


def test_reports_of_neuron_monitor():
    busy = read("neuron-monitor", "trn1.2xlarge", TRN1)
    assert [[f.verdict for f in found] for found in busy.values()] == [[Verdict.PASS], [Verdict.PASS]]
    idle = read("neuron-monitor", "trn1.2xlarge-idle", TRN1)
    assert [f.verdict for f in idle["neuron.job-errors"]] == [Verdict.SKIP]
    assert [f.verdict for f in idle["neuron.monitor-ecc"]] == [Verdict.UNKNOWN], "it reported no counters"


def test_errors_of_the_parts_themselves_are_unknown():
    ecc, jobs = CHECKS["neuron.monitor-ecc"], CHECKS["neuron.job-errors"]
    assert overall(judged(ecc, example(error="no driver"))) is Verdict.UNKNOWN
    text = example().replace('"error_summary"', '"error": "torn", "error_summary"').replace(', "error": ""}}}]', "}}}]")
    assert overall(judged(jobs, text)) is Verdict.UNKNOWN
    assert overall(judged(jobs, example(hardware=1))) is Verdict.FAIL
    assert overall(judged(jobs, example().replace('"numerical": 0', '"numerical": 3'))) is Verdict.WARN
    of_16 = example().replace('"neuron_device_count": 1', '"neuron_device_count": 16')
    assert overall(judged(ecc, of_16, replace(TRN1, accelerators=16))) is Verdict.UNKNOWN, "counters of 1"
    for end in range(len(example()) - 1):
        assert overall(judged(ecc, example()[:end])) is Verdict.UNKNOWN


def test_a_monitor_that_never_ends_is_ended(tmp_path, monkeypatch):
    tool = tmp_path / "neuron-monitor"
    tool.write_text(f"#!/bin/sh\necho '{example().strip()}'\nexec sleep 1000\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert MONITOR.command[:2] == ("timeout", str(SECONDS))
    seen = look(replace(MONITOR, command=("timeout", "0.3", "neuron-monitor")))
    assert seen.status == 124
    assert overall(judge([CHECKS["neuron.monitor-ecc"]], [seen], TRN1)) is Verdict.PASS
