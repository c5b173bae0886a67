"""What checks found on a run's nodes: of these hosts, around that time, and about speed; nothing else."""

from __future__ import annotations

import platform
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seatrial import diagnose
from seatrial.checks import last
from seatrial.checks.catalogue import select_checks
from seatrial.findings import Finding, Verdict
from seatrial.related import nodes
from seatrial.runs import Run
from tests.related.made import check, fine, slow_links, straggling
from tests.stories import START

HOUR = 3600.0


def told(run: Run, state: Path) -> list[Finding]:
    return [one.finding for one in nodes.of_run(run, diagnose.read(run), state)]


def test_slow_links_are_told_once_with_host_and_time(tmp_path: Path) -> None:
    run = straggling(tmp_path)
    check(tmp_path, slow_links())
    [found] = told(run, tmp_path)
    assert (found.check, found.verdict, found.scope) == ("nvlink.links", Verdict.FAIL, {"nodes": ["ip-1"]})
    assert found.observed.startswith("ip-1, gpu 0, link 2: 1.0 GB/s instead of 26.562, and ")
    assert found.evidence == "run node-1, 2023-11-14 22:12 UTC" and found.remedy and found.source


def test_many_nodes_are_one_thing_to_do(tmp_path: Path) -> None:
    run = straggling(tmp_path)
    for host in ("ip-0", "ip-1"):
        check(tmp_path, slow_links()[:1], name=f"node-{host}", node=host)
    [found] = told(run, tmp_path)
    assert found.scope == {"nodes": ["ip-0", "ip-1"]} and found.observed.endswith(", and 1 more like it")


@pytest.mark.parametrize(
    "changes",
    [
        {"node": "ip-7"},
        {"at": -25 * HOUR},
        {"at": 25 * HOUR},
        {"cluster": "p6"},
        {"outcome": "failed"},
        {"purpose": "training"},
        {"node": "", "hosts": ("ip-1", "ip-7")},
    ],
)
def test_another_node_day_cluster_or_job_says_nothing(tmp_path: Path, changes: Any) -> None:
    run = straggling(tmp_path)
    check(tmp_path, slow_links(), **changes)
    assert told(run, tmp_path) == []


def test_what_names_no_node_is_about_all_that_were_checked(tmp_path: Path) -> None:
    run = straggling(tmp_path)
    check(tmp_path, slow_links(), node="", hosts=("ip-0.ec2.internal", "ip-1.ec2.internal"), purpose="benchmark")
    [found] = told(run, tmp_path)
    assert found.scope == {"nodes": ["ip-0", "ip-1"]}


@pytest.mark.parametrize("rule", ["node.clock", "env.versions", "network.missing", "run.completed", "node.told"])
def test_what_makes_no_step_slower_is_left_out(tmp_path: Path, rule: str) -> None:
    run = straggling(tmp_path)
    check(tmp_path, [replace(slow_links()[0], check=rule)])
    assert told(run, tmp_path) == []


@pytest.mark.parametrize("verdict", [Verdict.UNKNOWN, Verdict.SKIP, Verdict.PASS])
def test_only_what_is_wrong_is_told(tmp_path: Path, verdict: Verdict) -> None:
    run = straggling(tmp_path)
    check(tmp_path, [replace(slow_links()[0], verdict=verdict)])
    assert told(run, tmp_path) == []


@pytest.mark.parametrize(
    ("bad_at", "good_at", "counts"),
    [
        (-2 * HOUR, -HOUR, False),  # repaired before the run
        (-HOUR, -2 * HOUR, True),
        (-HOUR, HOUR, True),  # repaired after it
        (HOUR, 2 * HOUR, True),
        (2 * HOUR, HOUR, False),  # it broke later
        (50.0, -HOUR, True),  # while the run went on
        (50.0, 70.0, True),
    ],
)
def test_what_was_repaired_before_or_broke_later_explains_nothing(
    tmp_path: Path, bad_at: float, good_at: float, counts: bool
) -> None:
    run = straggling(tmp_path)
    check(tmp_path, slow_links(), at=bad_at, name="bad")
    check(tmp_path, [fine("ip-1")], at=good_at, name="good", node="")
    assert [found.check for found in told(run, tmp_path)] == ["nvlink.links"] * counts


def test_a_look_that_saw_nothing_takes_nothing_back(tmp_path: Path) -> None:
    run = straggling(tmp_path)
    check(tmp_path, slow_links(), at=-2 * HOUR, name="bad")
    check(tmp_path, [replace(fine("ip-1"), verdict=Verdict.UNKNOWN)], at=-HOUR, name="blind", node="")
    assert [found.check for found in told(run, tmp_path)] == ["nvlink.links"]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """The folder that a node keeps: its hook checked it a minute before the run."""
    return kept(tmp_path / "state", at=-60)


def kept(folder: Path, at: float) -> Path:
    last.keep("ip-1.ec2.internal", "quick", slow_links(), folder)
    first, *rest = (folder / last.FILE).read_text().splitlines()
    checked = last.read(folder)
    told = first.replace(str(checked.time), str(START + at))
    (folder / last.FILE).write_text("\n".join([told, *rest]))
    return folder


def test_what_this_machines_hook_found_is_told(tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = straggling(tmp_path)
    monkeypatch.setattr(platform, "node", lambda: "ip-1")
    [found] = told(run, state)
    assert found.check == "nvlink.links" and found.evidence == f"{state}/findings.jsonl, 2023-11-14 22:12 UTC"


@pytest.mark.parametrize("at", [-25 * HOUR, 25 * HOUR])
def test_what_it_found_on_another_day_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: float) -> None:
    run = straggling(tmp_path)
    monkeypatch.setattr(platform, "node", lambda: "ip-1")
    assert told(run, kept(tmp_path / "state", at)) == []


def test_what_another_machines_hook_found_is_not(tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = straggling(tmp_path)
    monkeypatch.setattr(platform, "node", lambda: "ip-0")  # a folder that was copied
    assert told(run, state) == []


@pytest.mark.parametrize(
    "text", ["", "no JSON\n", "[1]\n", '{"node": "ip-1", "level": "quick"}\n', '{"node": 1}\n{}\n']
)
def test_a_file_that_no_check_wrote_is_no_evidence(
    tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    run = straggling(tmp_path)
    monkeypatch.setattr(platform, "node", lambda: "ip-1")
    (state / last.FILE).write_text(text)
    assert told(run, state) == []


def test_a_folder_of_another_run_that_is_broken_is_passed_over(tmp_path: Path) -> None:
    run = straggling(tmp_path)
    check(tmp_path, slow_links())
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "job.json").write_text("{")
    assert len(told(run, tmp_path)) == 1


def test_every_rule_that_is_left_out_exists() -> None:
    from seatrial.cases.node.look import TOLD  # with torch

    known = {one.rule.id for one in select_checks("deep")} | {TOLD.id}
    assert known >= nodes.NOT_OF_SPEED
