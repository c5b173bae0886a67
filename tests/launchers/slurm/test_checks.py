"""What is said of a Slurm cluster, with commands that stand in for Slurm's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from seatrial import __version__
from seatrial.cluster import Cluster, Software
from seatrial.findings import Verdict
from seatrial.launchers import slurm

SHOW = Path(__file__).with_name("recorded") / "show"


def program(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_every_python_that_a_job_may_get_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path / "sinfo", "[ $1 = --version ] && echo slurm 22.05.8 || echo 'p5-1|idle'")
    program(tmp_path / "scontrol", f"cat {SHOW}/${{3}}s.txt")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    old, absent = program(tmp_path / "old", "echo 0.0.1"), str(tmp_path / "absent")
    cluster = Cluster(
        name="c",
        launcher="slurm",
        nodes=1,
        cpus_per_node=8,
        shared=str(tmp_path / "shared"),
        python=program(tmp_path / "good", f"echo {__version__}"),
        software={"b": Software(image=None, python=absent), "c": Software(image=None, python=old)},
        options=slurm.Options(),
    )
    *others, good, missing, outdated = slurm.check(cluster)
    assert {finding.verdict for finding in others if finding.check != "cluster.quota"} == {Verdict.PASS}
    [limits] = [finding for finding in others if finding.check == "cluster.quota"]
    assert limits.verdict is Verdict.UNKNOWN and "cannot be seen" in limits.observed, (
        "nobody says whether there are any"
    )
    assert (good.verdict, good.observed) == (Verdict.PASS, __version__)
    assert (missing.verdict, missing.observed) == (Verdict.FAIL, "not installed")
    assert missing.expected.startswith(absent)
    assert (outdated.verdict, outdated.observed) == (Verdict.FAIL, "0.0.1")
