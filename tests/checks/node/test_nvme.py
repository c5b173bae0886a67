"""Instance storage, and what disks say of themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial.checks.collecting import look
from seatrial.checks.judging import judge
from seatrial.checks.node import nvme
from seatrial.checks.profile import NOT_KNOWN, Profile
from seatrial.findings import Verdict, overall
from tests.checks.node.trees import seen, verdicts, write
from tests.checks.test_checks import CHECKS, judged


def disks(root: Path, models: list[str], state: str = "live", size: int = 7421875000) -> None:
    write(root, **{"proc/sys/kernel/osrelease": "6.1\n"})
    for number, model in enumerate(models):
        folder = f"sys/block/nvme{number}n1"
        facts = {"size": size, "device/model": model, "device/state": state}
        write(root, **{f"{folder}/{name}": f"{value}\n" for name, value in facts.items()})


@pytest.mark.parametrize(
    ("stores", "state", "verdict"),
    [(8, "live", Verdict.PASS), (7, "live", Verdict.FAIL), (0, "live", Verdict.FAIL), (8, "dead", Verdict.FAIL)],
)
def test_instance_storage(tmp_path, stores, state, verdict):
    disks(tmp_path, ["Amazon Elastic Block Store              "] + [nvme.STORE] * stores, state)
    assert overall(seen("node.nvme", tmp_path, Profile.of("p5.48xlarge"))) is verdict
    assert overall(seen("node.nvme", tmp_path, NOT_KNOWN)) in (Verdict.UNKNOWN, Verdict.FAIL)


SMARTCTL = """{
  "device": {"name": "/dev/nvme3"},
  "nvme_smart_health_information_log": {"critical_warning": 0, "percentage_used": 99, "media_errors": 0}
}
"""


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        ('"percentage_used": 99', '"percentage_used": 99', Verdict.PASS),
        ('"percentage_used": 99', '"percentage_used": 100', Verdict.WARN),
        ('"media_errors": 0', '"media_errors": 1', Verdict.WARN),
        ('"critical_warning": 0', '"critical_warning": 8', Verdict.FAIL),
        ('"critical_warning": 0', '"critical_warning": {"value": 8, "read_only": 1}', Verdict.FAIL),
        ('"critical_warning": 0, ', "", Verdict.UNKNOWN),
        ('"media_errors": 0', '"media_errors": "0"', Verdict.UNKNOWN),
    ],
)
def test_smart_of_both_tools(old, new, verdict):
    assert overall(judged(CHECKS["node.smart"], SMARTCTL.replace(old, new))) is verdict


def test_a_disk_that_gave_no_log_is_unknown():
    good = CHECKS["node.smart"].rule.good
    one = good.removesuffix("@ end\n")
    for text in (one, f"@ /dev/nvme9\n{good}", f"{one}@ /dev/nvme1\n", f"{one}@ /dev/nvme1\n@ end\n", f'{one}{{"a'):
        assert overall(judged(CHECKS["node.smart"], text)) is Verdict.UNKNOWN, text
    assert verdicts(judged(CHECKS["node.smart"], "@ end\n")) == [Verdict.SKIP]
    assert verdicts(judged(CHECKS["node.smart"], f"{one}{good}")) == [Verdict.PASS] * 2


def test_the_loop_over_disks_says_when_it_is_through(tmp_path, monkeypatch):
    tool = tmp_path / "nvme"
    tool.write_text("#!/bin/sh\nexit 1\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    observation = look(nvme.SMART)
    assert observation.text.startswith("@ ")
    assert overall(judge([CHECKS["node.smart"]], [observation], NOT_KNOWN)) is Verdict.UNKNOWN
