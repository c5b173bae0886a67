"""Garbage and slow folders, and what one cause explains of another."""

from __future__ import annotations

import pytest

from seatrial.diagnose.judging import Diagnosis, judge
from seatrial.events import CheckpointSaved, Step
from seatrial.runs import State
from tests.diagnose.made import left
from tests.stories import Events, start


def run(collected: list[tuple[float, float]], *, saves: list[CheckpointSaved] | None = None) -> Diagnosis:
    """Two ranks, whose steps take half a second and the longest collection; both wait for who collects."""
    events: Events = [(0.1, start(world_size=2, hosts=["a", "b"]))]
    now = 1.0
    for n, garbage in enumerate(collected, start=1):
        seconds = 0.5 + max(garbage)
        wait = [seconds - 0.5 - one for one in garbage]
        ranks = {"busy": [seconds] * 2, "wait": wait, "data_wait": [0.0] * 2, "gc": [*garbage]}
        now += seconds
        events.append((now, Step(step=n, loss=1.0, count=8, seconds=seconds, ranks=ranks)))
    return judge(left(state=State.COMPLETED, events=events + [(now, save) for save in saves or ()]))


def told(found: Diagnosis) -> tuple[str, list[int], int]:
    return found.cause.check, found.cause.scope.get("rank", []), len(found.slowed_by)


def test_who_collects_is_neither_slow_nor_does_it_compute_more() -> None:
    found = run([(0.0, 0.5)] * 30)
    assert told(found) == ("diagnose.garbage", [1], 0) and found.share == pytest.approx(0.5)
    assert found.cause.observed == "rank 1 collected garbage for 50% of the time"


def test_collections_of_all_ranks_blame_none() -> None:
    """At other moments, so that each stops the other."""
    found = run([(0.5, 0.0), (0.0, 0.5)] * 15)
    assert told(found) == ("diagnose.garbage", [], 0)
    assert found.cause.observed == "every rank collected garbage, the busiest for 50% of the time"


def test_pauses_and_a_slow_end_that_are_garbage_are_named_once() -> None:
    assert told(run([(0.0, 0.0)] * 15 + [(0.5, 0.0)] * 15)) == ("diagnose.garbage", [0], 0)
    assert told(run([(0.0, 0.0)] * 4 + [(2.0, 0.0)] + [(0.0, 0.0)] * 5 + [(2.0, 0.0), (0.0, 0.0)] * 5)) == (
        "diagnose.garbage",
        [0],
        0,
    )


def test_what_is_less_than_a_tenth_is_no_cause() -> None:
    assert not run([(0.05, 0.0)] * 30).named
    assert run([(0.06, 0.0)] * 30).named


def save(*, megabytes: float = 10, seconds: float = 2.0, asynchronous: bool = False) -> CheckpointSaved:
    size = round(megabytes * 1e6)
    return CheckpointSaved(
        step=9, path="", bytes=size, seconds=seconds, stall_seconds=seconds, asynchronous=asynchronous
    )  # fmt: skip


def test_a_folder_that_takes_less_than_any_disk() -> None:
    found = run([(0.0, 0.0)] * 30, saves=[save()] * 3)
    assert told(found) == ("diagnose.checkpoint-folder", [], 0)
    assert "3 checkpoints of 10 MB each stood still for 6 s, 5 MB/s" in found.cause.observed


@pytest.mark.parametrize(
    "one",
    [
        pytest.param(save(megabytes=30), id="15 MB/s"),
        pytest.param(save(megabytes=2), id="small ones cost but latency"),
        pytest.param(save(asynchronous=True), id="in the background"),
    ],
)
def test_folders_that_are_not_slow(one: CheckpointSaved) -> None:
    assert not run([(0.0, 0.0)] * 30, saves=[one] * 3).named


def test_less_than_a_second_is_nobody_s_worry() -> None:
    assert not run([(0.0, 0.0)] * 10, saves=[save(seconds=0.45, megabytes=4.3)] * 2).named
    assert run([(0.0, 0.0)] * 10, saves=[save(seconds=0.45, megabytes=4.3)] * 3).named
