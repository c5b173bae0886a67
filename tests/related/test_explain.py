"""A slow run is told of what else was found; any other run, and one of which nothing else was found, of nothing."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from seatrial.diagnose.expected import SLOWER, UNTUNED
from seatrial.events import RunEnd
from seatrial.expected import Expected, Faster
from seatrial.findings import Verdict
from tests.diagnose.large import Scene
from tests.diagnose.test_expected import TOKENS
from tests.related.made import NEAR, PROFILED, below, check, slow_links, straggling, why
from tests.stories import start, step, write_run


def test_a_slow_run_is_told_of_profile_and_nodes(tmp_path: Path) -> None:
    run = straggling(tmp_path)
    shutil.copytree(PROFILED, run.path / "profiles", ignore=lambda *_: ["README.md"])
    check(tmp_path, slow_links())
    _, alone, found = why(run)
    checks = [one.finding.check for one in found.related]
    assert checks[0] == "nvlink.links", "what is certain comes first"
    assert "profile.exposed-communication" in checks
    shares = [one.share for one in found.related if one.share is not None]
    assert shares == sorted(shares, reverse=True) and shares
    assert (found.cause, found.slowed_by, found.consequences) == (alone.cause, alone.slowed_by, alone.consequences)


def test_below_its_expectation_it_is_told_what_to_look_at_first(tmp_path: Path) -> None:
    run = below(tmp_path)
    check(tmp_path, slow_links())
    _, alone, found = why(run)
    assert alone.cause.check == SLOWER.id and alone.cause.remedy == SLOWER.remedy
    assert found.cause.remedy == "look first at what else was found: nvlink.links"
    assert found.cause.observed == alone.cause.observed and found.share == alone.share


def test_what_could_not_be_read_is_told_and_is_nothing_to_look_at_first(tmp_path: Path) -> None:
    run = below(tmp_path)
    (run.path / "profiles").mkdir()
    (run.path / "profiles" / "rank-0.json").write_text("no profile")
    _, alone, found = why(run)
    assert [one.finding.verdict for one in found.related] == [Verdict.UNKNOWN] and found.cause == alone.cause


def test_a_run_that_gives_what_was_expected_is_told_nothing(tmp_path: Path) -> None:
    run = below(tmp_path, rate=400e3)
    shutil.copytree(PROFILED, run.path / "profiles", ignore=lambda *_: ["README.md"])
    check(tmp_path, slow_links())
    _, alone, found = why(run)
    assert found is alone and found.cause.verdict is Verdict.PASS


def test_what_would_make_a_good_run_faster_makes_it_no_slow_one(tmp_path: Path) -> None:
    known = Expected(rate=NEAR, step_tokens=TOKENS, faster=(Faster(setting="compile=true", gain=0.31),))
    run = below(tmp_path, rate=400e3, expected=known)
    check(tmp_path, slow_links())
    _, alone, found = why(run)
    assert alone.cause.check == UNTUNED.id and found is alone


def test_a_run_that_failed_is_told_nothing(tmp_path: Path) -> None:
    end = RunEnd(outcome="failed", step=1, reason="rank 1 ended with exit code 1")
    run = write_run(tmp_path, [(0.0, start(hosts=["ip-0", "ip-1"])), (1.0, step(1)), (2.0, end)], cluster="p5")
    check(tmp_path, slow_links())
    _, alone, found = why(run)
    assert found is alone


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("fault", [{"slow": {5: 2.0}}, {"garbage": {3: 0.15}}, {"products": "float32"}, {}])
def test_without_evidence_a_diagnosis_is_what_it_was(tmp_path: Path, seed: int, fault: Any) -> None:
    told = [*Scene(seed, ranks=16, **fault).events(), (99.0, RunEnd(outcome="completed", step=40))]
    run = write_run(tmp_path, told, nodes=2, processes_per_node=8, device="cuda", cluster="p5")
    _, alone, found = why(run)
    assert found == alone and found.related == ()
