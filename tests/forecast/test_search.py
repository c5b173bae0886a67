"""The search of layouts: that it finds what looking at each alone finds, and counts the rest."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest

from seatrial.forecast import memory
from seatrial.forecast.fitting import TIGHT
from seatrial.forecast.places import place
from seatrial.forecast.search import Answer, Found, Space, search
from seatrial.forecast.step import step
from seatrial.hardware import GIB
from seatrial.models import LLAMA
from seatrial.workload import Degrees, States, Workload

P5 = place("p5.48xlarge")
MEMORY = 80 * GIB
MODEL = LLAMA["llama3.1-70b"]
JOB = Workload(
    model=MODEL,
    parameters=MODEL.parameters(),
    global_batch_size=128,
    micro_batch_size=1,
    sequence_length=8192,
    degrees=Degrees(tensor=8, pipeline=8, data=1),
    compute="bf16",
    states=States(parameters=2, gradients=4, optimizer=12),
    sharded=("optimizer",),
    compiled=True,
)
SPACE = Space(
    nodes=(4, 8), tensor=(2, 4, 8, 16), pipeline=(1, 4, 8), virtual_stages=(1, 2), context=(1, 2), expert=(1,),
    micro_batch=(1, 2), recompute=("none", "full"),
)  # fmt: skip


def found(**changes: object) -> Answer:
    return search(JOB, P5, SPACE, per_node=8, available=MEMORY, **changes)  # type: ignore[arg-type]


def alone(
    nodes: int, tensor: int, pipeline: int, virtual: int, context: int, micro: int, recompute: str
) -> Found | None:
    """One layout by itself, by rules written down again."""
    ranks, together = nodes * 8, tensor * pipeline * context
    if ranks % together or tensor > 8 or 80 % (pipeline * virtual) or (virtual > 1 and pipeline == 1):
        return None
    data = ranks // together
    count, rest = divmod(128, micro * data)
    if rest or count < pipeline or (virtual > 1 and count % pipeline):
        return None
    degrees = Degrees(tensor=tensor, pipeline=pipeline, context=context, data=data, shard=data * context)
    workload = replace(JOB, micro_batch_size=micro, virtual_stages=virtual, recompute=recompute, degrees=degrees)
    total = float(memory.fullest(workload)[1].total)
    if total > TIGHT * MEMORY:
        return None
    return Found(nodes=nodes, workload=workload, memory=total, seconds=float(step(workload, P5).seconds))


def test_it_finds_what_looking_at_each_alone_finds() -> None:
    each = itertools.product(
        SPACE.nodes,
        SPACE.tensor,
        SPACE.pipeline,
        SPACE.virtual_stages,
        SPACE.context,
        SPACE.micro_batch,
        SPACE.recompute,
    )
    expected = sorted((one for values in each if (one := alone(*values))), key=lambda one: one.seconds)
    answer = found(count=1000)
    assert len(answer.best) == len(expected) > 10
    assert [one.seconds for one in answer.best] == pytest.approx([one.seconds for one in expected])
    assert sorted(one.memory for one in answer.best) == pytest.approx(sorted(one.memory for one in expected))
    assert answer.best[0].workload.degrees == expected[0].workload.degrees


def test_what_cannot_be_is_counted_once_by_the_first_that_forbids_it() -> None:
    answer = found(count=1000)
    assert answer.layouts == 2 * 4 * 3 * 2 * 2 * 2 * 2
    assert answer.layouts - sum(answer.forbidden.values()) == len(answer.best)
    assert answer.forbidden["tensor parallelism beyond NVLink"] > 0 and answer.forbidden["memory"] > 0


def test_by_cost_the_cheapest_comes_first() -> None:
    costs = [one.node_seconds for one in found(minimise="cost", count=1000).best]
    assert costs == sorted(costs)


def test_a_deadline_and_a_budget_forbid() -> None:
    free = found(count=1000)
    fastest, cheapest = free.best[0].seconds, min(one.node_seconds for one in free.best)
    late = found(count=1000, longest=1.2 * fastest)
    assert 0 < len(late.best) < len(free.best) and all(one.seconds <= 1.2 * fastest for one in late.best)
    assert late.forbidden["deadline"] == len(free.best) - len(late.best)
    dear = found(count=1000, dearest=1.2 * cheapest)
    assert 0 < len(dear.best) < len(free.best) and all(one.node_seconds <= 1.2 * cheapest for one in dear.best)
    assert found(longest=0.0).best == found(longest=0.0).frontier == ()


def test_nothing_beats_the_frontier() -> None:
    answer = found(count=1000)
    for one in answer.frontier:
        assert not any(
            other.seconds < one.seconds and other.node_seconds < one.node_seconds for other in answer.best
        ), one
    times = [one.seconds for one in answer.frontier]
    assert times == sorted(times) and times[0] == answer.best[0].seconds
    assert math.isclose(answer.frontier[-1].node_seconds, min(one.node_seconds for one in answer.best))


def test_more_memory_never_leaves_fewer() -> None:
    counts = [
        len(search(JOB, P5, SPACE, per_node=8, available=size * GIB, count=1000).best) for size in (40, 80, 141, 180)
    ]
    assert counts == sorted(counts) and counts[0] < counts[-1]


def test_experts_divide_among_the_ranks_that_hold_them() -> None:
    mixture = LLAMA["mixtral-8x7b"]
    job = replace(JOB, model=mixture, parameters=mixture.parameters(), sequence_length=4096)
    space = replace(SPACE, expert=(1, 2, 3, 8), pipeline=(1, 2), virtual_stages=(1,))
    answer = search(job, P5, space, per_node=8, available=MEMORY, count=1000)
    assert {one.workload.degrees.expert for one in answer.best} <= {1, 2, 8}
    assert answer.forbidden["experts do not divide"] > 0


def test_it_ranks_by_what_it_is_told_a_step_takes() -> None:
    """Here: the more tensor-parallel ranks, the quicker."""
    answer = found(count=1000, pace=lambda layouts, _: 100.0 / layouts.degrees.tensor)
    tensor = [one.workload.degrees.tensor for one in answer.best]
    assert tensor == sorted(tensor, reverse=True) and len(set(tensor)) > 1
    assert answer.best[0].seconds == 100.0 / tensor[0]
