"""Limits of a process and of its cgroup, of both generations."""

from __future__ import annotations

import pytest

from seatrial.findings import Verdict, overall
from tests.checks.node.trees import C5, edited, seen, write
from tests.checks.test_checks import CHECKS, judged


@pytest.mark.parametrize(
    ("soft", "verdict"),
    [("unlimited", Verdict.PASS), (str(16 * 2**30), Verdict.WARN), (str(16 * 2**30 - 1), Verdict.FAIL)],
)
def test_locked_memory(soft, verdict):
    line = "unlimited            unlimited            bytes"
    assert edited("efa.memlock", line, f"{soft}            unlimited            bytes") is verdict
    [finding] = judged(CHECKS["efa.memlock"], CHECKS["efa.memlock"].rule.good, C5)
    assert finding.verdict is Verdict.SKIP


@pytest.mark.parametrize(
    ("files", "rule", "verdict"),
    [
        ({"memory.max": "4294967296"}, "node.memory-share", Verdict.WARN),
        ({"memory.max": "12884901888"}, "node.memory-share", Verdict.WARN),
        ({"memory.max": "17179869184"}, "node.memory-share", Verdict.PASS),
        ({"memory/memory.limit_in_bytes": "9223372036854771712"}, "node.memory-share", Verdict.PASS),
        ({"memory/memory.limit_in_bytes": "4294967296"}, "node.memory-share", Verdict.WARN),
        ({"memory.max": "much"}, "node.memory-share", Verdict.UNKNOWN),
        ({}, "node.memory-share", Verdict.PASS),
        ({"cpu.max": "800000 100000"}, "node.cpu-share", Verdict.PASS),
        ({"cpu.max": "700000 100000"}, "node.cpu-share", Verdict.WARN),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, "node.cpu-share", Verdict.PASS),
        ({"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000"}, "node.cpu-share", Verdict.WARN),
    ],
)
def test_both_generations_of_cgroups(tmp_path, files, rule, verdict):
    write(tmp_path, **{"proc/self/status": "Name:\tcat\nCpus_allowed_list:\t0-127\n"})
    write(tmp_path, **{"sys/devices/system/cpu/online": "0-7\n"})
    write(tmp_path, **{f"sys/fs/cgroup/{name}": f"{value}\n" for name, value in files.items()})
    assert overall(seen(rule, tmp_path)) is verdict


def test_a_job_that_may_run_on_some_cpus(tmp_path):
    write(tmp_path, **{"proc/self/status": "Cpus_allowed_list:\t0-3\n", "sys/devices/system/cpu/online": "0-7\n"})
    assert overall(seen("node.cpu-share", tmp_path)) is Verdict.WARN
