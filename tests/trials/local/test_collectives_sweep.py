"""The case collectives on real gloo: a sweep, its files, and a wrong element."""

from __future__ import annotations

import json

import pytest

from seatrial.findings import Verdict
from seatrial.verdict import judge
from tests.command import read_json, settings
from tests.faulty_collectives import FAULTY

pytestmark = [pytest.mark.torch, pytest.mark.slow]


def test_a_sweep_passes_and_its_files_are_nccl_tests_own(command):
    said = read_json(command("run", "collectives", "--name", "sweep", "--json"))
    assert said["verdict"] == "PASS"
    run = command.find("sweep")
    findings = judge(run)
    assert [f.observed.partition(":")[0] for f in findings if f.check == "collectives.data"] == [
        "all_reduce",
        "all_gather",
        "reduce_scatter",
        "all_to_all",
        "broadcast",
        "sendrecv",
    ]
    files = sorted(path.name for path in (run.path / "collectives").iterdir())
    assert len(files) == 12 and "alltoall_perf.json" in files
    paths = [str(run.path / "collectives" / name) for name in files]
    read = json.loads(command("check", "read", "nccl-tests", "--json", *paths, expect=3))
    verdicts = {
        f["check"]: {g["verdict"] for r in read for g in r["findings"] if g["check"] == f["check"]}
        for f in read[0]["findings"]
    }
    assert verdicts == {
        "nccl-tests.data": {"PASS"},
        "nccl-tests.ended": {"PASS"},
        "nccl-tests.arithmetic": {"PASS"},
        "nccl-tests.speed": {"UNKNOWN"},  # nothing says what the node is
    }


def test_a_wrong_element_fails_whatever_the_speed_and_names_its_rank(command, tmp_path):
    path = tmp_path / "faulty.py"
    path.write_text(FAULTY)
    chosen = settings("operations=all_reduce,broadcast", "min_bytes=65536", "max_bytes=65536")
    command("run", str(path), "--name", "wrong", *chosen, expect=1, TEST_FAULT="wrong 1")
    [bad] = [finding for finding in judge(command.find("wrong")) if finding.verdict is Verdict.FAIL]
    assert bad.check == "collectives.data"
    assert "all_reduce: 1 wrong elements of 64 KiB, in place (rank 1 on " in bad.observed
