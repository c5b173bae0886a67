"""From the layouts that a search finds to arguments of the case, and back."""

from __future__ import annotations

from typing import Any

import pytest

from seatrial.cli.forecast_searching import choose, space_of
from seatrial.cli.forecasting import bound, nodes_of
from seatrial.forecast.places import place
from seatrial.forecast.search import choices, search
from seatrial.hardware import GIB
from seatrial.workload import Workload


def key(nodes: int, workload: Workload) -> tuple[Any, ...]:
    """What makes two layouts the same."""
    return nodes, workload.degrees.data, *choices(workload).values()


@pytest.mark.parametrize("target", ["nemo-run/llama3.1-70b", "megatron-lm/gpt-39.1b", "torchtitan/llama3-70b"])
def test_what_the_case_binds_is_what_was_found(target: str) -> None:
    job = bound(target, None, None, nodes=None, most=32, processes=None, settings={})
    answer = search(
        job.workload,
        place("p5.48xlarge"),
        space_of(job.args, job.workload, (16, 32)),
        per_node=8,
        available=80 * GIB,
        count=30,
    )
    chosen = choose(job.case, job.recipe, job.where, answer, {}, per_node=8, year=2026.0, minimise="time", count=30)
    found = {key(one.nodes, one.workload) for one in answer.best}
    taken = {key(one.nodes, one.forecast.workload) for one in chosen.choices}
    assert taken <= found and len(taken) == len(answer.best) - chosen.refused
    assert len(taken) > 1


def test_a_range_of_nodes_is_doubled_up_to_its_end() -> None:
    assert nodes_of("4..32") == (4, 8, 16, 32) and nodes_of("4..24") == (4, 8, 16, 24)
    assert nodes_of("8") == (8,) and nodes_of(None) == ()
