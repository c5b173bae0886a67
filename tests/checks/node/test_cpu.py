"""CPUs: a real lscpu, and who chooses their frequency."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from seatrial.checks.node.cpu import cpu_list
from seatrial.checks.observations import Unreadable
from seatrial.checks.profile import NOT_KNOWN
from seatrial.findings import Verdict, overall
from tests.checks.node.trees import C5, seen, verdicts, write
from tests.checks.test_checks import CHECKS, judged

RECORDED = Path(__file__).parents[1] / "recorded"


def test_a_real_lscpu():
    text = (RECORDED / "lscpu/two-cpus.txt").read_text()
    two = replace(C5, name="c5.large", vcpus=2)
    assert [overall(judged(CHECKS[rule], text, two)) for rule in ("node.cpus", "node.numa")] == [Verdict.PASS] * 2
    assert overall(judged(CHECKS["node.cpus"], text, replace(two, vcpus=4))) is Verdict.WARN, "hyper-threading is off"
    assert overall(judged(CHECKS["node.cpus"], text, replace(two, vcpus=8))) is Verdict.FAIL
    threads = text.replace("Thread(s) per core:                      1", "Thread(s) per core:                      2")
    assert overall(judged(CHECKS["node.cpus"], threads, replace(two, vcpus=4))) is Verdict.FAIL, "two cores are missing"
    assert overall(judged(CHECKS["node.cpus"], text, NOT_KNOWN)) is Verdict.UNKNOWN


def test_sets_of_cpus():
    assert cpu_list("0-3,8") == {0, 1, 2, 3, 8} and cpu_list("") == set()
    for text in ("0-", "a", "0 1"):
        with pytest.raises(Unreadable):
            cpu_list(text)


def test_the_governor_where_the_kernel_may_choose_and_where_not(tmp_path):
    write(tmp_path, **{"sys/devices/system/cpu/online": "0-1\n"})
    assert verdicts(seen("node.governor", tmp_path)) == [Verdict.SKIP]
    for number, verdict in ((0, Verdict.UNKNOWN), (1, Verdict.PASS)):
        write(tmp_path, **{f"sys/devices/system/cpu/cpu{number}/cpufreq/scaling_governor": "performance\n"})
        assert verdicts(seen("node.governor", tmp_path)) == [verdict]
    write(tmp_path, **{"sys/devices/system/cpu/cpu1/cpufreq/scaling_governor": "schedutil\n"})
    assert verdicts(seen("node.governor", tmp_path)) == [Verdict.WARN]
