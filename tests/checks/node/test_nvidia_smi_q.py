"""What only nvidia-smi -q says, of old and of new drivers; the fabric of NVSwitches."""

from __future__ import annotations

import pytest

from seatrial.checks.node.nvidia_smi_q import GOOD, example
from seatrial.findings import Severity, Verdict
from tests.checks.node.observing import ids, judged, recorded, verdict

P5, P4 = "p5.48xlarge", "p4d.24xlarge"
A100 = recorded("nvidia-smi-q", "a100_535")


def told(id: str, text: str, instance: str = P5) -> list[tuple[Verdict, Severity]]:
    return [(f.verdict, f.severity) for f in judged(id, text, instance) if f.verdict is not Verdict.PASS]


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("Reset", Severity.RESET),
        ("GPU Reset Required", Severity.RESET),
        ("Drain P2P", Severity.RESET),
        ("Drain and Reset", Severity.RESET),
        ("Reboot", Severity.REBOOT),
        ("Node Reboot Required", Severity.REBOOT),
    ],
)
def test_the_driver_itself_says_what_to_do(action, expected):
    text = example("Action                                : None", f"Action : {action}")
    assert told("gpu.recovery-action", text) == [(Verdict.FAIL, expected)]


@pytest.mark.parametrize("action", ["N/A", "Unheard Of", "[Unknown Error]"])
def test_an_action_that_nobody_knows_is_no_pass(action):
    text = example("Action                                : None", f"Action : {action}")
    assert verdict("gpu.recovery-action", text, P5) is Verdict.UNKNOWN


def test_old_drivers_say_whether_a_reset_is_required():
    assert verdict("gpu.recovery-action", A100, P4) is Verdict.PASS
    sick = A100.replace("Reset Required                    : No", "Reset Required                    : Yes", 1)
    assert told("gpu.recovery-action", sick, P4) == [(Verdict.FAIL, Severity.RESET)]


def test_rows_are_read_where_pages_are_not_available():
    assert verdict("gpu.row-remap", GOOD, P5) is Verdict.PASS
    failed = example("Occurred                     : No", "Occurred                     : Yes")
    assert told("gpu.row-remap", failed) == [(Verdict.FAIL, Severity.ISOLATE)]
    waits = example("Pending                                        : No", "Pending   : Yes")
    assert told("gpu.row-remap", waits) == [(Verdict.FAIL, Severity.RESET)]
    unread = example("Pending                                        : No", "Pending   : N/A")
    assert verdict("gpu.row-remap", unread, P5) is Verdict.UNKNOWN


@pytest.mark.parametrize(("left", "expected"), [(46, Verdict.PASS), (-1, Verdict.PASS), (-2, Verdict.FAIL)])
def test_hopper_says_how_many_degrees_are_left(left, expected):
    text = example("T.Limit Temp                               : 46 C", f"T.Limit Temp   : {left} C")
    assert verdict("gpu.temperature", text, P5) is expected


@pytest.mark.parametrize(("now", "expected"), [(35, Verdict.PASS), (88, Verdict.PASS), (89, Verdict.FAIL)])
def test_ampere_says_how_many_degrees_it_has(now, expected):
    text = A100.replace("Current Temp                  : 35 C", f"Current Temp                  : {now} C")
    assert verdict("gpu.temperature", text, P4) is expected


def test_what_an_old_driver_does_not_tell_is_skipped_with_the_reason():
    for id in ("gpu.sram-errors", "fabric.state"):
        findings = judged(id, A100, P4)
        assert {f.verdict for f in findings} == {Verdict.SKIP} and all(f.observed for f in findings)
        assert verdict(id, A100.replace("NVIDIA A100-SXM4-40GB", "NVIDIA H200"), "p5en.48xlarge") is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("Status                                         : Success", "Status  : Unknown Error", Verdict.FAIL),
        ("State                                          : Completed", "State  : N/A", Verdict.UNKNOWN),
        ("Bandwidth                                  : N/A", "Bandwidth  : Full", Verdict.PASS),
        ("Bandwidth                                  : N/A", "Bandwidth  : Degraded", Verdict.FAIL),
        ("Route Unhealthy                            : N/A", "Route Unhealthy  : True", Verdict.FAIL),
        ("Route Unhealthy                            : N/A", "Route Unhealthy  : Sometimes", Verdict.UNKNOWN),
    ],
)
def test_the_state_of_the_fabric(old, new, expected):
    assert verdict("fabric.state", example(old, new), P5) is expected


def test_a_node_without_switches_needs_no_fabric():
    assert {f.verdict for f in judged("fabric.state", recorded("nvidia-smi-q", "h100_590"), "p5.4xlarge")} == {
        Verdict.SKIP
    }


@pytest.mark.parametrize("word", ["inactive", "failed", "activating", "unknown"])
def test_a_manager_that_is_not_active_is_a_fault(word):
    assert verdict("fabric.manager", f"{word}\n", P5, status=3) is Verdict.FAIL


def test_a_gpu_of_which_nothing_is_said_is_missed():
    begin = GOOD.rindex("\nGPU 0000")
    for id in ids("nvidia-smi-q"):
        assert verdict(id, GOOD[:begin]) is Verdict.UNKNOWN, "the driver says that eight are attached"
        assert verdict(id, GOOD[:begin] + GOOD[begin:].replace(":CA:", ":53:"), P5) is Verdict.UNKNOWN, "one twice"


def test_a_line_that_stands_nowhere_is_not_read():
    for line in ("        Deep : 1", "nothing of the kind"):
        text = GOOD.replace("\nGPU 00000000:53", f"\n{line}\nGPU 00000000:53", 1)
        assert verdict("gpu.row-remap", text, P5) is Verdict.UNKNOWN
