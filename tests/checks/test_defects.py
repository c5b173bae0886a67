"""What the health checks that this room replaces got wrong: ten defects, none of which can come back."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from seatrial.checks.catalogue import all_checks, find, select_checks
from seatrial.checks.judging import judge, severity
from seatrial.checks.node.dcgm import example
from seatrial.checks.observations import Observation
from seatrial.checks.profile import NOT_KNOWN, Profile
from seatrial.checks.quarantine import Mark, Step, mark, step
from seatrial.findings import Finding, Severity, Verdict, overall
from tests.checks.healthy import FAULTS, TYPE, healthy
from tests.checks.node.observing import judged, recorded, verdict


def node(**texts: str) -> list[Finding]:
    """What a quick check says of a healthy node of which some kinds say something else."""
    seen = [replace(one, text=texts.get(one.kind.replace("-", "_"), one.text)) for one in healthy()]
    return judge(select_checks("quick"), seen, Profile.of(TYPE))


def said(kind: str) -> str:
    """By the healthy node."""
    return next(one.text for one in healthy() if one.kind == kind)


def xid_79() -> str:
    """The healthy node's kernel log with a GPU that has fallen off the bus."""
    rule = find(FAULTS[0]).rule
    return said("kernel-log") + rule.bad.removeprefix(rule.good)


def test_a_later_warning_does_not_take_the_place_of_an_earlier_fault():
    """A: one file for each check, written anew by each result, so Xid 79 became a warning about persistence mode."""
    smi = said("nvidia-smi").replace("Enabled", "Disabled", 1)
    findings = node(kernel_log=xid_79(), nvidia_smi=smi)
    assert overall([f for f in findings if f.check == "gpu.persistence"]) is Verdict.WARN
    assert overall(findings) is Verdict.FAIL and severity(findings) is Severity.REBOOT
    assert overall([*reversed(findings)]) is Verdict.FAIL, "in whatever order"


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"runtime_error": "Could not load the plugins"}),
        json.dumps({"DCGM of tomorrow": json.loads(example(2))["DCGM Diagnostic"]}),
        "{}",
        "Successfully ran diagnostic for group.\n",
        "",
    ],
)
def test_a_diagnosis_that_is_not_understood_does_not_pass(text):
    """B: DCGM's JSON was searched for what the parser knew, and what it did not find was fine."""
    assert verdict("dcgm.diag", text, TYPE) is Verdict.UNKNOWN


def test_dcgms_own_severity_decides_in_both_generations():
    """B: a severity was made up, while DCGM has one."""
    [failed] = [f for f in judged("dcgm.diag", example(2, "Fail", 2, "bad memory"), TYPE) if f.verdict is Verdict.FAIL]
    assert failed.severity is Severity.ISOLATE


def test_wrong_data_fail_whatever_the_speed_and_the_exit_code():
    """C: 22 GB/s of 800 with 16 wrong elements were a warning, and then PASS."""
    text = recorded("nccl-tests", "2.19-corrupt")
    assert verdict("nccl-tests.data", text, "p5.48xlarge", status=0) is Verdict.FAIL
    assert verdict("nccl-tests.speed", recorded("nccl-tests", "2.19-slow"), "p5.48xlarge") is not Verdict.PASS


@pytest.mark.parametrize(
    "text",
    [
        "bytes   iters   total       time     MB/sec    usec/xfer\n1m      10      20m         5.90s      3.55\n",
        "Running host_to_device_memcpy_ce.\n",
    ],
)
def test_a_bandwidth_that_was_not_found_is_not_one(text):
    """D: a search for GB/s found nothing in MB/sec, and nothing was above the bound."""
    assert verdict("gpu.copy-speed", text, "p5.48xlarge") is Verdict.UNKNOWN
    assert {f.verdict for f in judged("nccl-tests.speed", text, "p5.48xlarge")} == {Verdict.UNKNOWN}


@pytest.mark.parametrize("id", ["nvlink.errors", "nvlink.links", "gpu.count"])
@pytest.mark.parametrize("text", ["0\n0\n", "", "GPU 0: X\n"])
def test_a_count_that_cannot_be_counted_is_no_zero(id, text):
    """E: a count of two lines was no number, so that the check was passed over."""
    assert verdict(id, text, TYPE) is Verdict.UNKNOWN


def test_a_type_that_nobody_knows_has_no_expectations_to_meet():
    """F: without a profile nothing was expected, and all of that was there."""
    told = {f.check: f.verdict for f in judge(select_checks("quick"), healthy(), NOT_KNOWN)}
    assert told["gpu.count"] is told["node.memory"] is told["node.cpus"] is told["efa.count"] is Verdict.UNKNOWN


def test_a_verdict_stays_until_a_check_of_its_level_passes():
    """G: each cycle of five minutes erased what a diagnosis of hours had found."""
    old = mark(all_checks(), [find("dcgm.diag-4").rule.finding(Verdict.FAIL, "bad memory")], "deep")
    assert old is not None and old.level == "deep"
    well = [find("gpu.count").rule.finding(Verdict.PASS, "8")]
    assert [step(None, old, well, level, 1, 16) for level in ("quick", "full", "deep")] == [
        Step.KEEP,
        Step.KEEP,
        Step.RELEASE,
    ]
    skipped = [*well, find("dcgm.diag-4").rule.finding(Verdict.UNKNOWN, "dcgmi is not installed")]
    assert step(None, old, skipped, "deep", 1, 16) is Step.KEEP


def test_who_ends_the_agent_releases_nothing_and_a_warning_quarantines_nobody():
    """H: an agent that was told to end took its taints back, and persistence mode cost a node."""
    marked = Mark.of("seatrial/quick gpu.xid: Xid 79 on 0000:0f:00")
    assert marked is not None, "the scheduler holds the mark; an agent that starts anew reads it there"
    warned = node(nvidia_smi=said("nvidia-smi").replace("Enabled", "Disabled"))
    assert Verdict.WARN in {f.verdict for f in warned} and mark(all_checks(), warned, "quick") is None


def test_remapped_rows_are_read_where_there_are_no_retired_pages():
    """I: pages are [N/A] since the A100, and its rows were read by nobody."""
    failed = said("nvidia-smi-q").replace("Remapping Failure Occurred        : No", "Remapping Failure Occurred : Yes")
    assert failed != said("nvidia-smi-q")
    rows = [f for f in node(nvidia_smi_q=failed) if f.check == "gpu.row-remap"]
    assert overall(rows) is Verdict.FAIL and severity(rows) is not Severity.NONE


def test_a_process_that_was_killed_did_not_end_well():
    """J: an end by SIGKILL was a normal one, and only the last result counted."""
    killed = replace(next(one for one in healthy() if one.kind == "nvidia-smi"), status=-9)
    [finding] = judge([find("gpu.count")], [killed], Profile.of(TYPE))
    assert finding.verdict is Verdict.UNKNOWN and "signal 9" in finding.observed
    sick = Observation(kind="kernel-log", origin="log", text=xid_79())
    both = judge([find("gpu.xid")], [sick, replace(sick, text=said("kernel-log"))], Profile.of(TYPE))
    assert overall(both) is Verdict.FAIL, "a look that saw nothing takes back nothing"
