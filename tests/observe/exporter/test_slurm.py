"""The collector of Slurm, on what a real one printed: recorded/README.md."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial.observe.catalogue import METRICS
from seatrial.observe.exporter.collectors import slurm
from seatrial.observe.exporter.collectors.slurm import Slurm, parse_sinfo
from tests.observe.exporter.reading import names, samples, value

RECORDED = Path(__file__).parent / "recorded"


def recorded(**instead: str) -> Callable[[tuple[str, ...]], str]:
    def ask(command: tuple[str, ...]) -> str:
        return instead.get(command[0], (RECORDED / f"{command[0]}.txt").read_text())

    return ask


def test_nodes_jobs_and_counters_are_told() -> None:
    collected = Slurm(recorded()).collect()
    found = samples(collected.families)
    assert collected.problems == () and names(found) <= set(METRICS)
    expected = {
        "slurm_nodes": 4, "slurm_nodes_mixed": 2, "slurm_nodes_drained": 1, "slurm_nodes_drain": 1,
        "slurm_nodes_down": 1, "slurm_nodes_idle": 0, "slurm_jobs": 3, "slurm_jobs_running": 1,
        "slurm_jobs_pending": 1, "slurm_jobs_failed": 1, "slurm_partitions": 2,
        "slurm_sdiag_jobs_submitted": 3, "slurm_sdiag_jobs_completed": 1,
    }  # fmt: skip
    assert {name: value(found, name) for name in expected} == expected
    assert value(found, "slurm_node_state", node="p5-3", state="drained") == 1
    assert value(found, "slurm_node_cpus_alloc", node="p5-1") == 2 and value(found, "slurm_node_gpus", node="p5-1") == 8
    assert value(found, "slurm_node_memory_bytes", node="p5-1") == 2_000_000 * 2**20
    assert value(found, "slurm_node_reason_info", node="p5-4", reason="bad | memory", user="root") == 1
    assert value(found, "slurm_node_reason_info", node="p5-1") is None
    assert value(found, "slurm_node_reason_timestamp_seconds", node="p5-4") is not None
    assert value(found, "slurm_partition_nodes", partition="dev") == 4
    assert value(found, "slurm_partition_nodes", partition="small") == 1
    assert value(found, "slurm_partition_gpus", partition="dev") == 32
    assert value(found, "slurm_partition_jobs_pending", partition="dev") == 1
    assert value(found, "slurm_jobs_pending_by_reason", reason="Nodes required for job are DOWN") == 1


def test_every_state_has_a_name_that_slurm_has_too() -> None:
    assert {f"slurm_nodes_{state}" for state in slurm.NODE_STATES.values()} <= set(METRICS)
    assert {f"slurm_jobs_{state}" for state in slurm.JOB_STATES.values()} <= set(METRICS)


@pytest.mark.parametrize(
    ("state", "metric"),
    [("idle*", "slurm_nodes_noresp"), ("idle~", "slurm_nodes_idle"), ("draining", "slurm_nodes_drain")],
)
def test_flags_count_besides_the_state(state: str, metric: str) -> None:
    row = f"a|dev|{state}|0/2/0/2|1000|(null)|Unknown|Unknown|none\n"
    found = samples(Slurm(recorded(sinfo=row)).collect().families)
    assert value(found, metric) == 1 and value(found, "slurm_nodes") == 1 and value(found, "slurm_node_gpus") == 0


def test_reasons_of_jobs_that_name_nodes_stay_one_series() -> None:
    rows = "".join(f"dev|PENDING|1|ReqNodeNotAvail, UnavailableNodes:p5-{n}\n" for n in range(9))
    found = samples(Slurm(recorded(squeue=rows)).collect().families)
    assert value(found, "slurm_jobs_pending_by_reason", reason="ReqNodeNotAvail") == 9


def test_an_empty_queue_is_a_zero() -> None:
    found = samples(Slurm(recorded(squeue="")).collect().families)
    assert value(found, "slurm_jobs") == 0 and value(found, "slurm_jobs_running") == 0


@pytest.mark.parametrize("command", ["sinfo", "squeue", "sdiag"])
def test_what_cannot_be_understood_is_a_problem_and_does_not_hide_the_rest(command: str) -> None:
    collected = Slurm(recorded(**{command: "slurm_load_partitions: Unable to contact slurm controller\n"})).collect()
    assert len(collected.problems) == 1 and collected.problems[0].startswith(command)
    assert names(samples(collected.families))


def test_commands_that_fail_hang_or_are_missing_are_problems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, script in {"sinfo": "echo 'no controller' >&2; exit 1", "squeue": "exec sleep 60"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr(slurm, "TIMEOUT", 0.5)
    monkeypatch.setattr(slurm, "SDIAG", ("sdiag-that-is-not-there",))
    collected = Slurm().collect()
    assert collected.families == {}
    assert [problem.split(": ")[1] for problem in collected.problems] == [
        "no controller",
        "no answer within 0.5 s",
        "No such file or directory",
    ]


@given(st.text())
def test_whatever_sinfo_says_every_line_is_a_node_or_unread(text: str) -> None:
    nodes, unread = parse_sinfo(text)
    assert len(nodes) + unread == sum(bool(line.strip()) for line in text.splitlines())
