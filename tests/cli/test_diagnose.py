"""seatrial diagnose, and where its answer stands besides."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from seatrial.cli import cli
from seatrial.events import RunEnd
from tests.diagnose.large import Scene
from tests.diagnose.made import RECORDED
from tests.related.made import below, check, slow_links
from tests.stories import start, step, write_run

REASON = "rank 0 gave no sign of life for 9 s"


def ask(root: Path, *args: str, expect: int) -> Result:
    result = CliRunner().invoke(cli, [*args, "--runs-dir", str(root)])
    assert result.exit_code == expect, result.output
    return result


@pytest.fixture
def hung(tmp_path: Path) -> Path:
    """The folder of a run in which rank 2 of 4 never came to a collective."""
    end = RunEnd(outcome="failed", step=1, reason=REASON)
    run = write_run(tmp_path, [(0.0, start(world_size=4)), (1.0, step(1)), (9.0, end)], processes_per_node=4)
    (run.path / "stacks").mkdir()
    for path in (RECORDED / "absent").iterdir():
        (run.path / "stacks" / path.name).write_bytes(path.read_bytes())
    return tmp_path


def test_the_cause_comes_first_and_ends_with_1(hung: Path) -> None:
    out = ask(hung, "diagnose", expect=1).stdout
    lines = out.splitlines()
    assert lines[0] == "fsdp/tiny failed: FAIL diagnose.collective-missing, rank 2"
    assert "rank 2 never came to all_reduce([1000] Float), no. 7 of group gloo:0, in which ranks 0, 1 and 3" in out
    assert "seen in stacks/, flight recorders of ranks 0 to 3" in out
    assert "look at that rank's stack" in out


def test_json_has_the_same(hung: Path) -> None:
    found = json.loads(ask(hung, "diagnose", "--json", expect=1).stdout)
    assert (found["verdict"], found["state"]) == ("FAIL", "failed")
    assert found["cause"]["check"] == "diagnose.collective-missing" and found["cause"]["scope"] == {"rank": [2]}
    assert found["consequences"] == []


def test_status_and_report_have_it_in_a_line(hung: Path) -> None:
    assert "diagnose.collective-missing: rank 2 never came" in ask(hung, "status", expect=0).stdout
    report = " ".join(ask(hung, "report", expect=0).stdout.split())
    assert "Diagnosis, diagnose.collective-missing: rank 2 never came to all_reduce" in report


def test_what_cannot_be_told_is_3(tmp_path: Path) -> None:
    write_run(
        tmp_path, [(0.0, start()), (1.0, RunEnd(outcome="failed", step=1, reason="rank 1 ended with exit code 1"))]
    )
    out = ask(tmp_path, "diagnose", expect=3).stdout
    assert "UNKNOWN diagnose.cause" in out and "rank 1 ended with exit code 1; nothing says why" in out


def test_a_run_that_completed_is_0(tmp_path: Path) -> None:
    write_run(tmp_path, [(0.0, start()), (1.0, step(1)), (2.0, RunEnd(outcome="completed", step=1))])
    assert "PASS diagnose.cause" in ask(tmp_path, "diagnose", expect=0).stdout
    assert "cause" not in ask(tmp_path, "status", expect=0).stdout


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """The folder of a run of 16 ranks, of which rank 5 is slow, rank 3 collects garbage and all compute in fp32."""
    scene = Scene(1, ranks=16, slow={5: 2.0}, garbage={3: 0.15}, products="float32")
    events = [*scene.events(), (99.0, RunEnd(outcome="completed", step=40, ranks_agree=True))]
    write_run(tmp_path, events, nodes=2, processes_per_node=8, device="cuda")
    return tmp_path


def test_each_cause_of_slowness_has_its_share_and_what_to_do(slow: Path) -> None:
    lines = ask(slow, "diagnose", expect=0).stdout.splitlines()
    assert lines[0] == "fsdp/tiny completed: WARN diagnose.precision", "nobody knows its share, so it comes first"
    named = [line for line in lines if line.startswith("diagnose.")]
    assert named == ["diagnose.straggler, rank 5, 47% of the time", "diagnose.garbage, rank 3, 18% of the time"]
    assert "  seatrial check node on its host" in lines[lines.index(named[0]) + 3]


def test_programs_read_the_shares(slow: Path) -> None:
    found = json.loads(ask(slow, "diagnose", "--json", expect=0).stdout)
    assert (found["cause"]["check"], found["share"]) == ("diagnose.precision", None)
    told = [(one["finding"]["check"], round(one["share"], 2)) for one in found["slowed_by"]]
    assert told == [("diagnose.straggler", 0.47), ("diagnose.garbage", 0.18)]
    diagnosis = json.loads(ask(slow, "report", "--format", "json", expect=0).stdout)["diagnosis"]
    assert diagnosis["slowed_by"] == found["slowed_by"]


def test_without_other_findings_the_advice_is_general(tmp_path: Path) -> None:
    below(tmp_path)
    out = ask(tmp_path, "diagnose", expect=0).stdout
    assert "WARN diagnose.slower-than-expected" in out and "suspect the machines or how they are set up" in out
    assert "what else was found" not in out
    assert json.loads(ask(tmp_path, "diagnose", "--json", expect=0).stdout)["related"] == []


def test_what_a_check_of_its_nodes_found_is_told_in_every_form(tmp_path: Path) -> None:
    run = below(tmp_path)
    check(tmp_path, slow_links())
    out = ask(tmp_path, "diagnose", run.id, expect=0).stdout
    lines = out[out.index("what else was found that may explain it:") :].splitlines()
    assert lines[1] == "FAIL nvlink.links"
    assert lines[2].startswith("  ip-1, gpu 0, link 2: 1.0 GB/s instead of 26.562")
    assert lines[3] == "  seen in run node-1, 2023-11-14 22:12 UTC" and len(lines) == 5
    assert "  look first at what else was found: nvlink.links" in out and "suspect the machines" not in out
    [told] = json.loads(ask(tmp_path, "diagnose", run.id, "--json", expect=0).stdout)["related"]
    assert (told["finding"]["check"], told["finding"]["scope"], told["share"]) == (
        "nvlink.links",
        {"nodes": ["ip-1"]},
        None,
    )
    report = json.loads(ask(tmp_path, "report", run.id, "--format", "json", expect=0).stdout)
    assert report["diagnosis"]["related"] == [told]
    page = ask(tmp_path, "report", run.id, "--format", "html", expect=0).stdout
    assert "may explain it" in page and "1.0 GB/s instead of 26.562" in page
    assert "may explain it" in ask(tmp_path, "report", run.id, "--format", "md", expect=0).stdout
