"""Space, by what a real df prints."""

from __future__ import annotations

import subprocess

import pytest

from seatrial.findings import Verdict, overall
from tests.checks.node.trees import edited, verdicts
from tests.checks.test_checks import CHECKS, judged


@pytest.mark.parametrize(
    ("percent", "verdict"),
    [(79, Verdict.PASS), (80, Verdict.WARN), (84, Verdict.WARN), (85, Verdict.FAIL), (100, Verdict.FAIL)],
)
def test_space(percent, verdict):
    assert edited("node.disk-space", "30%", f"{percent}%") is verdict
    assert edited("node.disk-files", "7%", f"{percent}%") is verdict


def test_a_real_df_and_its_options(tmp_path):
    for command in (["df", "-P", "-k", "/"], ["df", "-P", "-T", "/"], ["df", "-P", "-i", "/"]):
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        [finding] = judged(CHECKS["node.disk-space"], text)
        assert finding.scope == {"mount": "/"} and finding.verdict in (Verdict.PASS, Verdict.WARN, Verdict.FAIL)
    human = "Filesystem      Size  Used Avail Use% Mounted on\n/dev/vda        252G   42G   60G  42% /\n"
    assert overall(judged(CHECKS["node.disk-space"], human)) is Verdict.UNKNOWN
    head, line = CHECKS["node.disk-files"].rule.good.splitlines()
    vfat = f"{head}\n{line}\n/dev/vda15             0       0        0     - /boot/efi\n"
    assert verdicts(judged(CHECKS["node.disk-files"], vfat)) == [Verdict.PASS, Verdict.SKIP]


def test_shared_memory():
    rule = "node.shared-memory"
    assert edited(rule, "1048576000         0 1048576000", "1048576 0 1048576") is Verdict.PASS
    assert edited(rule, "1048576000         0 1048576000", "1048576 1 1048575") is Verdict.WARN, "what is free counts"
    assert edited(rule, "/dev/shm", "/") is Verdict.UNKNOWN, "there is no file system of its own"
