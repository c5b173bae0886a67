"""What a job that asks for torch.compile gets of it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from seatrial.diagnose.judging import Diagnosis, judge
from seatrial.events import Step, StepContent
from seatrial.runs import State
from tests.diagnose.made import left
from tests.stories import Events, start

LIMIT = {"Dynamo recompile limit exceeded: Dynamo attempted to recompile the code object too many times": 1}
OLD_LIMIT = {"torch._dynamo hit config.cache_size_limit (8)": 1}
BREAKS = {"Data-dependent branching: Detected data-dependent branching": 2, "Skip function": 1}


def run(
    *,
    asked: bool | None = True,
    graphs: int | None = 2,
    eager: Mapping[str, int] | None = None,
    compiling: Mapping[int, float] | None = None,
    steps: int = 30,
) -> Diagnosis:
    """Two ranks, whose steps take a second; in those of `compiling` the second rank compiles for so long."""
    content = StepContent(step=4, graphs=graphs, eager=dict(eager or {}))
    events: Events = [(0.1, start(world_size=2, hosts=["a", "b"], compiled=asked)), (0.2, content)]
    for n in range(1, steps + 1):
        took = (compiling or {}).get(n, 0.0)
        ranks = {
            "busy": [1.0 + took] * 2, "wait": [0.1 + took, 0.1], "data_wait": [0.0] * 2, "cpu": [0.9, 0.9 + took],
            "compile": [0.0, took],
        }  # fmt: skip
        events.append((1.0 + 3 * n, Step(step=n, loss=1.0, count=8, seconds=1.0 + took, ranks=ranks)))
    return judge(left(state=State.COMPLETED, events=events))


def test_a_job_that_gets_its_graphs_is_told_nothing() -> None:
    assert not run().named


@pytest.mark.parametrize(("asked", "graphs", "named"), [(True, 0, True), (True, None, False), (False, 0, False)])
def test_no_graph(asked: bool, graphs: int | None, named: bool) -> None:
    found = run(asked=asked, graphs=graphs)
    assert (found.cause.check == "diagnose.uncompiled") is named is found.named


def test_what_nobody_asked_for_is_not_missed() -> None:
    assert not run(asked=None, graphs=0, eager=BREAKS).named


def test_graphs_that_break() -> None:
    found = run(eager=BREAKS)
    assert found.cause.check == "diagnose.graph-breaks" and found.share is None
    assert found.cause.observed == (
        "graphs broke 3 times while 2 were made: Data-dependent branching: Detected data-dependent branching"
    )


def test_compiling_again_is_as_large_as_the_time_that_it_took_and_no_slow_rank() -> None:
    found = run(compiling=dict.fromkeys(range(1, 31), 0.5))
    assert found.cause.check == "diagnose.recompiled" and found.slowed_by == ()
    assert found.share == pytest.approx(0.5 / 1.5)
    assert found.cause.observed == "it compiled again in 28 of 28 logged steps, 33% of the time"


@pytest.mark.parametrize(
    "compiling",
    [
        pytest.param({1: 60.0, 2: 60.0}, id="the first steps compile"),
        pytest.param({8: 5.0, 9: 5.0}, id="two more shapes"),
        pytest.param(dict.fromkeys(range(1, 31), 0.05), id="it takes little"),
    ],
)
def test_compiling_that_is_no_cause(compiling: Mapping[int, float]) -> None:
    assert not run(compiling=compiling).named


@pytest.mark.parametrize("eager", [LIMIT, OLD_LIMIT, LIMIT | BREAKS])
def test_who_gives_up_compiling_costs_what_nobody_can_tell(eager: Mapping[str, int]) -> None:
    found = run(eager=eager, compiling=dict.fromkeys(range(3, 9), 4.0))
    assert found.cause.check == "diagnose.recompiled" and found.share is None and found.slowed_by == ()
    assert found.cause.observed.endswith("% of the time; then torch.compile gave up, and Python runs what it compiled")


def test_without_a_logged_step_past_the_warm_up_the_first_look_still_tells() -> None:
    assert run(eager=LIMIT, steps=2).cause.check == "diagnose.recompiled"
