"""What a job left behind on the GPUs."""

from __future__ import annotations

import pytest

from seatrial.checks.catalogue import find
from seatrial.findings import Verdict
from tests.checks.node.observing import judged, recorded, verdict

P5 = "p5.48xlarge"


def test_each_process_is_named():
    findings = judged("gpu.processes", recorded("gpu-processes", "h100_busy"), P5)
    assert [f.verdict for f in findings] == [Verdict.FAIL] * 2
    assert (
        "11345" in findings[1].observed and "gpu_burn" in findings[1].observed and "15690 MiB" in findings[1].observed
    )


def test_none_is_what_an_idle_gpu_says():
    assert verdict("gpu.processes", recorded("gpu-processes", "h100_idle"), P5) is Verdict.PASS
    assert verdict("gpu.processes", "No devices were found\n", P5) is Verdict.UNKNOWN


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_half_a_header_is_not_read(cut):
    assert verdict("gpu.processes", recorded("gpu-processes", "h100_idle")[:-cut], P5) is Verdict.UNKNOWN


@pytest.mark.parametrize("line", ["GPU-1, x, python, 5 MiB", "GPU-1, 17, python", "[Unknown Error]"])
def test_a_line_that_is_no_process_is_not_read(line):
    text = find("gpu.processes").rule.good + line + "\n"
    assert verdict("gpu.processes", text, P5) is Verdict.UNKNOWN


def test_a_process_is_no_fault_beside_a_running_job():
    assert find("gpu.processes").source.level == "full"
