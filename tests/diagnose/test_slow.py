"""What slowed a run: by what it cost, and of who is slow by his own work only."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median

import pytest

from seatrial.diagnose.judging import Diagnosis, judge
from seatrial.diagnose.lag import _without_each
from seatrial.events import CheckpointSaved, RunStart, Step
from seatrial.findings import Verdict
from seatrial.profiling import Profile
from seatrial.runs import State
from tests.diagnose.made import left
from tests.stories import JOB, Events, start

RANKS = 4


Measures = dict[str, Sequence[float]]
"""Name -> seconds of each rank."""
SAME, NONE = (0.5,) * RANKS, (0.0,) * RANKS


def steps(measures: Callable[[int], Measures]) -> Events:
    """Thirty of them, a second each."""
    begun = start(world_size=RANKS, hosts=[f"ip-{rank}" for rank in range(RANKS)])
    events: Events = [(0.1, begun)]
    for n in range(1, 31):
        ranks = {name: [*values] for name, values in measures(n).items()}
        events.append((0.2 + 0.01 * n, Step(step=n, loss=1.0, count=8, seconds=1.0, ranks=ranks)))
    return events


def measured(*, work: Sequence[float], data: Sequence[float] = NONE, cpu: Sequence[float] = SAME) -> Measures:
    """A synchronous step: all take as long as the slowest, the others wait."""
    total = max(w + d for w, d in zip(work, data, strict=True))
    wait = [total - w - d for w, d in zip(work, data, strict=True)]
    return {"busy": [total] * RANKS, "wait": wait, "data_wait": data, "cpu": cpu}


def said(found: Diagnosis) -> tuple[str, list[int]]:
    return found.cause.check.removeprefix("diagnose."), found.cause.scope.get("rank", [])


def slowed(events: Events, **changes: object) -> Diagnosis:
    return judge(left(state=State.COMPLETED, events=events, **changes))


def test_who_works_longer_is_the_straggler_though_all_steps_take_as_long() -> None:
    found = slowed(steps(lambda n: measured(work=(0.5, 0.5, 0.9, 0.5))))
    assert said(found) == ("straggler", [2])
    assert found.cause.observed == "work of rank 2 on ip-2: 0.9 s a step, of the others 0.5 s"
    assert found.cause.verdict is Verdict.WARN


def test_who_computes_more_is_no_bad_node() -> None:
    found = slowed(steps(lambda n: measured(work=(0.5, 0.5, 0.9, 0.5), cpu=(0.5, 0.5, 0.9, 0.5))))
    assert said(found) == ("imbalance", [2])


@pytest.mark.parametrize(
    ("stages", "slow", "who"),
    [
        ([0, 0, 1, 1], [2, 3], "ranks 2 and 3, pipeline stage 1 of 2, on ip-2, ip-3"),
        ([0, 0, 1, 1], [1], "rank 1, of pipeline stage 0 of 2, on ip-1"),
        ([0, 1, 1, 2], [1, 2], "ranks 1 and 2, pipeline stage 1 of 3, on ip-1, ip-2"),
        ([0, 0, 1, 2], [2, 3], "ranks 2 and 3 on ip-2, ip-3"),
        ([], [2, 3], "ranks 2 and 3 on ip-2, ip-3"),
        ([0, 1], [2, 3], "ranks 2 and 3 on ip-2, ip-3"),
    ],
)
def test_a_stage_that_computes_more_is_named(stages: list[int], slow: list[int], who: str) -> None:
    work = [0.9 if rank in slow else 0.5 for rank in range(RANKS)]
    (moment, begun), *events = steps(lambda n: measured(work=work, cpu=work))
    assert isinstance(begun, RunStart)
    found = slowed([(moment, replace(begun, stages=stages)), *events])
    assert said(found) == ("imbalance", slow)
    assert found.cause.observed.startswith(f"work of {who}: ")


def test_several_that_lag_are_one_cause_as_large_as_the_slowest() -> None:
    found = slowed(steps(lambda n: measured(work=(0.5, 0.5, 0.8, 0.9))))
    assert said(found) == ("straggler", [2, 3]) and found.share == pytest.approx(0.4)
    assert found.cause.observed.endswith(" on ip-2, ip-3: 0.9 s a step, of the others 0.5 s")


def test_garbage_is_not_computing() -> None:
    found = slowed(steps(lambda n: {"cpu": (0.4, 0.9, 0.4, 0.4), "gc": (0.0, 0.5, 0.0, 0.0)}))
    assert said(found) == ("garbage", [1]) and found.slowed_by == ()


@pytest.mark.parametrize("count", [2, 3, 4, 9])
def test_the_median_without_each(count: int) -> None:
    row = random.Random(count).choices(range(5), k=count)
    assert _without_each(row) == [median(row[:rank] + row[rank + 1 :]) for rank in range(count)]


def test_what_changes_from_step_to_step_is_no_rank() -> None:
    """Uneven lengths of sequences: each step another rank has the longest."""
    chance = random.Random(7)

    def uneven(_: int) -> Measures:
        work = [0.5] * RANKS
        work[chance.randrange(RANKS)] = 0.9
        return measured(work=work)

    assert not slowed(steps(uneven)).named


def test_one_that_becomes_slow_halfway_is_found() -> None:
    found = slowed(steps(lambda n: measured(work=(0.5, 0.9 if n > 12 else 0.5, 0.5, 0.5))))
    assert said(found) == ("straggler", [1])


@pytest.mark.parametrize("lag", [0.0, 0.05, 0.15])
def test_a_small_lag_is_no_cause(lag: float) -> None:
    assert not slowed(steps(lambda n: measured(work=(0.5, 0.5 + lag, 0.5, 0.5)))).named


def test_a_lag_that_costs_little_of_a_step_is_no_cause() -> None:
    """Twice the others' work, but that is a twentieth of the step."""
    events = steps(
        lambda n: measured(work=(0.05, 0.1, 0.05, 0.05)) | {"busy": [1.0] * RANKS, "wait": [0.95, 0.9, 0.95, 0.95]}
    )
    assert not slowed(events).named


def test_by_clock_alone_nobody_is_a_straggler() -> None:
    """Without a word of who waited, those that wait look as slow."""
    found = slowed(steps(lambda n: {"busy": (0.9,) * RANKS, "data_wait": (0.0,) * RANKS, "cpu": (0.5,) * RANKS}))
    assert not found.named and "only CPU time tells" in found.cause.observed


def test_cpu_time_tells_on_a_cpu_and_says_nothing_on_a_device() -> None:
    events = steps(lambda n: {"cpu": (0.4, 0.9, 0.4, 0.4)})
    assert said(slowed(events)) == ("imbalance", [1])
    job = replace(JOB, processes_per_node=RANKS, device="cuda")
    found = slowed(events, job=job)
    assert not found.named and "nothing tells whether a rank lagged" in found.cause.observed


def test_data_that_one_rank_waits_for_is_data_and_no_straggler() -> None:
    found = slowed(steps(lambda n: measured(work=(0.5,) * RANKS, data=(0.0, 0.0, 0.0, 0.5))))
    assert said(found) == ("data", [3])
    assert found.cause.observed == "rank 3 waited for data in 50% of a step, rank 3 the longest"


def test_of_several_that_wait_the_longest_is_what_it_costs() -> None:
    found = slowed(steps(lambda n: measured(work=(0.4,) * RANKS, data=(0.0, 0.0, 0.4, 0.6))))
    assert said(found) == ("data", [2, 3]) and found.share == pytest.approx(0.6)


def test_data_that_all_wait_for_blames_no_rank() -> None:
    found = slowed(steps(lambda n: measured(work=(0.5,) * RANKS, data=(0.5,) * RANKS)))
    assert said(found) == ("data", [])


@pytest.mark.parametrize(("share", "verdict"), [(0.29, Verdict.PASS), (0.31, Verdict.WARN)])
def test_the_bound_of_data(share: float, verdict: Verdict) -> None:
    found = slowed(steps(lambda n: measured(work=(1 - share,) * RANKS, data=(share,) * RANKS)))
    assert found.cause.verdict is verdict


def test_checkpoints_that_cost_much_of_the_time() -> None:
    saved = CheckpointSaved(step=9, path="", bytes=1, seconds=60.0, stall_seconds=60.0)
    events = steps(lambda n: measured(work=(0.9,) * RANKS))
    assert said(slowed([*events, (200.0, saved)]))[0] == "checkpoint"
    assert not slowed([*events, (1000.0, saved)]).named, "6 %"
    assert not slowed([*events, (1.0, replace(saved, stall_seconds=0.9))]).named, "seconds are nobody's worry"


def test_what_costs_the_most_comes_first() -> None:
    found = slowed(steps(lambda n: measured(work=(0.3, 0.3, 0.5, 0.3), data=(0.0, 0.0, 0.0, 0.7))))
    assert said(found) == ("data", [3])
    assert [(one.finding.check, one.finding.scope["rank"]) for one in found.slowed_by] == [("diagnose.straggler", [2])]
    assert found.share == pytest.approx(0.7) and found.slowed_by[0].share == pytest.approx(0.2)


def test_too_few_steps_say_nothing() -> None:
    found = slowed(steps(lambda n: measured(work=(0.5, 0.5, 0.9, 0.5)))[:6])
    assert not found.named and "too few" in found.cause.observed


def test_a_measure_that_lacks_a_rank_is_not_read() -> None:
    assert not slowed(steps(lambda n: {k: v[:-1] for k, v in measured(work=(0.5, 0.5, 0.9, 0.5)).items()})).named


SOCKET = "ip-1:88:99 [0] NCCL INFO Using network Socket"
FABRIC = "ip-1:88:99 [0] NCCL INFO Using network Libfabric"


@pytest.mark.parametrize(
    ("log", "provider", "hosts", "expected"),
    [
        (SOCKET, "efa", 2, True),
        (FABRIC, "efa", 2, False),
        ("ip-1:88:99 [0] NCCL INFO Using network AWS Libfabric", "efa", 2, False),
        ("no word of it", "efa", 2, False),
        (SOCKET, "tcp", 2, False),
        (SOCKET, "efa", 1, False),
    ],
)
def test_a_silent_fall_back_to_tcp(log: str, provider: str, hosts: int, expected: bool) -> None:
    begun = start(world_size=2, hosts=["a", "b"][:hosts] * (2 // hosts), variables={"FI_PROVIDER": provider})
    found = judge(left(state=State.COMPLETED, events=[(0.1, begun)], logs={"rank-0": log}))
    assert (found.cause.check == "diagnose.fallback") is expected
    assert found.share is None, "nobody told what was sent"


def test_a_fall_back_to_tcp_costs_what_is_sent_at_most() -> None:
    begun = start(world_size=RANKS, hosts=["a", "b"] * 2, variables={"FI_PROVIDER": "efa"})
    sending = {"busy": [1.0] * RANKS, "wait": [0.3, 0.35, 0.3, 0.35], "data_wait": [0.0] * RANKS, "cpu": [0.5] * RANKS}
    events: Events = [(0.1, begun)]
    events += [(0.2 + n, Step(step=n, loss=1.0, count=8, seconds=1.0, ranks=sending)) for n in range(1, 31)]
    found = slowed(events, logs={"rank-0": SOCKET})
    assert found.cause.check == "diagnose.fallback" and found.share == pytest.approx(0.3)
    assert found.cause.observed.endswith("Using network Socket; the share is what EFA could save at most")


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_run_that_goes_on_with_fewer_ranks_is_compared_among_those(ranks: int) -> None:
    events = steps(lambda _: measured(work=(0.5,) * 4))
    events.append((2.0, start(attempt=1, start_step=30, world_size=ranks, hosts=["ip-0"] * ranks)))
    for n in range(31, 61):
        alike = {name: [0.5] * ranks for name in ("busy", "cpu")} | {
            name: [0.0] * ranks for name in ("wait", "data_wait")
        }
        events.append((2.0 + 0.01 * n, Step(step=n, loss=1.0, count=8, seconds=1.0, ranks=alike)))
    assert said(slowed(events))[0] == "cause", "nobody is named, and nothing breaks"


def test_one_rank_alone_lags_behind_nobody() -> None:
    events: Events = [(0.1, start(world_size=1, hosts=["ip-0"]))]
    for n in range(1, 31):
        alone = {"busy": [0.9], "wait": [0.0], "data_wait": [0.0], "cpu": [0.9]}
        events.append((0.2 + 0.01 * n, Step(step=n, loss=1.0, count=8, seconds=1.0, ranks=alone)))
    assert said(slowed(events))[0] == "cause"


def test_garbage_of_setting_a_profiler_up_is_no_cause() -> None:
    """As two real runs had it: seconds in the step but one before the window."""

    def measures(number: int) -> Measures:
        return measured(work=SAME) | {"gc": (5.0,) * RANKS if number == 18 else NONE}

    events = [
        (after, replace(event, seconds=20.0) if isinstance(event, Step) and event.step == 18 else event)
        for after, event in steps(measures)
    ]
    job = replace(JOB, processes_per_node=RANKS)
    assert said(slowed(events, job=job)) == ("garbage", [])
    assert not slowed(events, job=replace(job, profile=Profile(steps=(20, 22)))).named
