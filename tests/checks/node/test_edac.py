"""Errors of memory, on both sides of their bounds, and where nobody counts them."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.checks.profile import NOT_KNOWN, Profile
from seatrial.findings import Severity, Verdict
from tests.checks.node.trees import seen, verdicts, write


def edac(root: Path, wrong: int, corrected: int, seconds: int) -> None:
    folder = "sys/devices/system/edac/mc/mc0"
    counts = {"ue_count": wrong, "ce_count": corrected, "seconds_since_reset": seconds}
    write(root, **{f"{folder}/{name}": f"{value}\n" for name, value in counts.items()})


@pytest.mark.parametrize(
    ("counts", "verdict", "severity"),
    [
        ((0, 49, 3600), Verdict.PASS, Severity.NONE),
        ((0, 50, 3600), Verdict.WARN, Severity.MONITOR),
        ((0, 50, 10 * 86400), Verdict.PASS, Severity.NONE),
        ((0, 500, 10 * 86400), Verdict.WARN, Severity.MONITOR),
        ((1, 0, 10 * 86400), Verdict.FAIL, Severity.ISOLATE),
    ],
)
def test_errors_of_memory(tmp_path, counts, verdict, severity):
    write(tmp_path, **{"proc/sys/kernel/osrelease": "6.1\n"})
    edac(tmp_path, *counts)
    [finding] = seen("node.memory-errors", tmp_path)
    assert (finding.verdict, finding.severity) == (verdict, severity)


def test_memory_that_nobody_counts(tmp_path):
    write(tmp_path, **{"proc/sys/kernel/osrelease": "6.1\n"})
    metal, virtual = Profile.of("g4dn.metal"), Profile.of("p5.48xlarge")
    found = [verdicts(seen("node.memory-errors", tmp_path, profile)) for profile in (metal, virtual, NOT_KNOWN)]
    assert found == [[Verdict.UNKNOWN], [Verdict.SKIP], [Verdict.UNKNOWN]]
