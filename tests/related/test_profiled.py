"""What the profiles of a run say, with the share of its steps."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from seatrial import profiles
from seatrial.findings import Verdict
from seatrial.related import profiled
from seatrial.runs import Run
from tests.profiles import made
from tests.profiles.made import COPY, GEMM, gather, kernel, step
from tests.related.made import PROFILED


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run with an empty folder of profiles."""
    (tmp_path / "profiles").mkdir()
    return Run(tmp_path)


def said(observed: str) -> float:
    """The shares of a step in a text, together."""
    return sum(float(number) for number in re.findall(r"([\d.]+) %", observed)) / 100


def test_nothing_recorded_is_nothing_said(run: Run) -> None:
    assert [*profiled.of_run(run)] == []


def test_two_real_ranks(run: Run) -> None:
    for rank in (0, 1):
        shutil.copy(PROFILED / f"rank-{rank}.json.gz", run.path / "profiles")
    found = {one.finding.check: one for one in profiled.of_run(run)}
    wrong = {
        f.check for f in profiles.read(profiles.files(run.path / "profiles")).findings if f.verdict is Verdict.WARN
    }
    assert set(found) == wrong and wrong
    for one in found.values():
        assert one.share == pytest.approx(said(one.finding.observed), abs=0.006)
        assert one.finding.evidence.startswith("profiles/, ") and one.finding.evidence.endswith(", step 3")


def test_each_has_its_share_and_nothing_that_is_fine_is_told(run: Run) -> None:
    events = [step(4, 0, 100), *kernel(GEMM, 0, 60, launched=0), gather(60, 80, 1 << 24), *kernel(COPY, 80, 90)]
    events[-1]["cat"] = "gpu_memcpy"
    made.write(
        run.path / "profiles" / "rank-3.json", [*events, step(5, 100, 200), *kernel(GEMM, 100, 200, launched=100)]
    )
    found = {one.finding.check: one.share for one in profiled.of_run(run)}
    assert found == pytest.approx({"profile.exposed-communication": 0.1, "profile.copies": 0.05})
    assert {one.finding.evidence for one in profiled.of_run(run)} == {"profiles/, rank 3, steps 4 to 5"}


def test_what_cannot_be_read_is_unknown(run: Run) -> None:
    (run.path / "profiles" / "rank-0.json").write_text("no profile")
    [one] = profiled.of_run(run)
    assert (one.finding.check, one.finding.verdict, one.share) == ("profile.whole", Verdict.UNKNOWN, None)


def test_a_file_that_cannot_be_read_hides_no_other(run: Run) -> None:
    (run.path / "profiles" / "rank-0.json").write_text("no profile")
    made.write(
        run.path / "profiles" / "rank-3.json", [step(1, 0, 100), *kernel(GEMM, 0, 70, launched=0), gather(70, 100)]
    )
    told = [(one.finding.check, one.finding.verdict) for one in profiled.of_run(run)]
    assert ("profile.whole", Verdict.UNKNOWN) in told and ("profile.exposed-communication", Verdict.WARN) in told


def test_every_share_is_the_one_that_is_said() -> None:
    ranks = profiles.read(sorted(PROFILED.glob("*.json.gz"))).ranks
    weighed = profiles.weighed(ranks)
    assert [finding for finding, _ in weighed] == [*profiles.read(sorted(PROFILED.glob("*.json.gz"))).findings]
    shares = [(finding.observed, share) for finding, share in weighed if share is not None]
    assert len(shares) >= 5
    for observed, share in shares:
        assert share == pytest.approx(said(observed), abs=0.006), observed
