"""The collector of what a check of the node found, and of quarantine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from seatrial.checks import last
from seatrial.errors import Problem, UserError
from seatrial.findings import Finding, Severity, Verdict
from seatrial.observe.exporter.collectors.health import Health
from tests.observe.exporter.reading import names, samples, value

FINDINGS = [
    Finding(check="gpu.xid", verdict=Verdict.FAIL, observed="Xid 79", severity=Severity.REBOOT, scope={"gpu": 3}),
    Finding(check="gpu.xid", verdict=Verdict.FAIL, observed="Xid 79", severity=Severity.REBOOT, scope={"gpu": 4}),
    Finding(check="node.memory", verdict=Verdict.PASS, observed="2048 GiB"),
]


def test_the_newest_check_is_told(tmp_path: Path) -> None:
    last.keep("p5-1.example.com", "quick", FINDINGS, tmp_path / "new")
    collected = Health(tmp_path / "new").collect()
    found = samples(collected.families)
    assert collected.problems == ()
    assert value(found, "seatrial_node_findings", check="gpu.xid", verdict="FAIL", severity="reboot", node="p5-1") == 2
    assert value(found, "seatrial_node_findings", check="node.memory", verdict="PASS") == 1
    assert value(found, "seatrial_node_verdict", node="p5-1", verdict="FAIL") == 1
    told = value(found, "seatrial_node_checked_timestamp_seconds", level="quick")
    assert told == last.read(tmp_path / "new").time


@pytest.mark.parametrize(
    "text", [None, "", "{}\n", "[]\n", '{"node": "a", "level": "quick", "time": 1}\n{"check": 1}\n', "{"]
)
def test_a_check_that_was_never_made_or_cannot_be_read_is_a_problem(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / last.FILE).write_text(text)
    collected = Health(tmp_path, lambda: {"a": "seatrial/deep gpu.xid: Xid 79"}).collect()
    assert len(collected.problems) == 1 and last.FILE in collected.problems[0]
    assert names(samples(collected.families)) == {"seatrial_node_quarantined"}


def test_nodes_that_our_mark_keeps_away_are_told(tmp_path: Path) -> None:
    last.keep("a", "quick", FINDINGS, tmp_path)
    reasons = {"a": "seatrial/deep gpu.xid: Xid 79 on 3", "b": "bad memory", "c": ""}
    found = samples(Health(tmp_path, lambda: reasons).collect().families)
    assert value(found, "seatrial_node_quarantined", node="a", check="gpu.xid", level="deep") == 1
    assert len([name for name, _ in found if name == "seatrial_node_quarantined"]) == 1


def test_a_scheduler_out_of_reach_is_a_problem(tmp_path: Path) -> None:
    def reasons() -> Mapping[str, str]:
        raise UserError(Problem("slurmctld does not answer"))

    last.keep("a", "quick", FINDINGS, tmp_path)
    collected = Health(tmp_path, reasons).collect()
    assert collected.problems == ("slurmctld does not answer",)
    assert value(samples(collected.families), "seatrial_node_verdict", node="a") == 1
