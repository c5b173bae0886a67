"""A job over time: a change of level is named with what changed there, and nothing is named where nothing changed."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seatrial.provenance import Start
from seatrial.report.between import LEAST
from seatrial.report.compare import Difference
from seatrial.report.entries import Entry, Fact, read
from seatrial.report.history import FIGURES, Past, Trend, history
from seatrial.report.history_text import NAMED, to_json, to_markdown, to_text
from seatrial.runs import Run, State
from tests import stories

DAY = 86400.0
POOL = [f"ip-{number}" for number in range(8)]
TORCH = Difference(kind="version", name="torch", a="2.12.0", b="2.13.0")
SICK = Difference(kind="host", name="ip-sick", a=None, b="there")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Entry:
    """A run as it is read of its folder."""
    return read(stories.write_run(tmp_path_factory.mktemp("runs"), stories.whole_run()))


@pytest.fixture
def entry(recorded: Entry) -> Callable[..., Entry]:
    """A run of a day: its figures move by 1.5 % from run to run, by 10 % those of checkpoints; no two have the same
    variables, and each gets other hosts."""

    def make(
        day: int, chance: random.Random, *, factor: float = 1.0, hosts: Sequence[str] = (), **versions: str
    ) -> Entry:
        usual, spread = recorded.figures, {"stall per checkpoint": 0.1, "last loss": 0.002}
        figures = {n: (v or math.nan) * math.exp(chance.gauss(0, spread.get(n, 0.015))) for n, v in usual.items()}
        figures["throughput"] *= factor
        facts = {("version", name): version for name, version in versions.items()}
        facts |= {("variable", "NCCL_COMM_ID"): str(chance.randrange(10**6))}
        facts |= {("host", host): "there" for host in hosts or chance.sample(POOL, 4)}
        return replace(recorded, run=f"r{day:02}", time=day * DAY, figures=figures, facts=facts)

    return make


def past_of(entries: Sequence[Entry]) -> Past:
    (past,) = history(entries)
    return past


def named(past: Past, wanted: Difference, since: int) -> bool:
    """Whether one change for the worse was named, at that run or beside it, and what made it, and nothing else."""
    told = [(trend.figure, change) for trend in past.trends for change in trend.changes or ()]
    return [
        (figure, change.worse, change.what, abs(int(change.since[1:]) - since) <= 1) for figure, change in told
    ] == [("throughput", True, (wanted,), True)]


def test_a_version_that_is_slower_is_named(entry: Callable[..., Entry]) -> None:
    """Not the others that change elsewhere, nor hosts that come and go."""
    right = 0
    for seed in range(20):
        chance = random.Random(seed)
        since = chance.randint(8, 12)
        days = [(day, "2.12.0", 1.0) for day in range(since)] + [(day, "2.13.0", 0.88) for day in range(since, 18)]
        right += named(
            past_of([entry(day, chance, factor=f, torch=v, python=f"3.11.{day // 7}") for day, v, f in days]),
            TORCH,
            since,
        )
    assert right >= 19


def test_a_node_that_is_slow_is_named(entry: Callable[..., Entry]) -> None:
    right = 0
    for seed in range(20):
        chance = random.Random(100 + seed)
        since = chance.randint(8, 12)
        entries = [
            entry(
                day,
                chance,
                factor=0.88 if day >= since else 1.0,
                hosts=[*chance.sample(POOL, 4), *["ip-sick"][: day >= since]],
            )
            for day in range(18)
        ]
        past = past_of(entries)
        right += named(past, SICK, since) and past.slow is None
    assert right >= 19


def test_a_node_that_comes_and_goes_is_named(entry: Callable[..., Entry]) -> None:
    right = 0
    for seed in range(20):
        chance = random.Random(200 + seed)
        with_it = set(chance.sample(range(18), 6))
        entries = []
        for day in range(18):
            hosts = [*chance.sample(POOL, 4), *["ip-sick"][: day in with_it]]
            entries.append(entry(day, chance, factor=0.88 if day in with_it else 1.0, hosts=hosts))
        slow = past_of(entries).slow
        right += slow is not None and slow.hosts == ("ip-sick",) and len(slow.runs) == 6 and slow.ratio < 0.92
    assert right >= 19


def test_a_slow_node_is_named_beside_another_change_and_a_fast_one_is_not(entry: Callable[..., Entry]) -> None:
    chance = random.Random(5)

    def past(factor: float) -> Past:
        hosts = [[*POOL[:2], *["ip-3"][: day % 3 == 0]] for day in range(24)]
        level = [1.0 if day < 8 else 0.5 for day in range(24)]
        days = range(24)
        return past_of(
            [entry(d, chance, factor=level[d] * (factor if d % 3 == 0 else 1), hosts=hosts[d]) for d in days]
        )

    slow = past(0.85).slow
    assert slow is not None and slow.hosts == ("ip-3",) and "r00" not in slow.runs
    assert "r09" in slow.runs and slow.others == 11
    assert past(1.15).slow is None


def test_nothing_is_named_where_nothing_changed(entry: Callable[..., Entry]) -> None:
    """A hundred histories of 3 to 25 runs with a version that changes and does no harm."""
    wrong = []
    for seed in range(100):
        chance = random.Random(1000 + seed)
        past = past_of([entry(day, chance, torch=f"2.{day // 6}") for day in range(chance.randint(3, 25))])
        wrong += [trend for trend in past.trends if trend.changes or (trend.newest and trend.newest.apart)]
        wrong += [past.slow] if past.slow else []
    assert wrong == []


def series(entry: Callable[..., Entry], figure: str, values: Sequence[float | None]) -> Trend:
    """The trend of a figure that took these values."""
    chance = random.Random(1)
    entries = [
        replace(e, figures=dict(e.figures) | {figure: v})
        for e, v in ((entry(day, chance), value) for day, value in enumerate(values))
    ]
    return next(trend for trend in past_of(entries).trends if trend.figure == figure)


@pytest.mark.parametrize(
    ("figure", "values", "worse"),
    [
        ("throughput", [100.0] * 5 + [90.0] * 4, True),
        ("throughput", [100.0] * 5 + [120.0] * 4, False),
        ("peak memory, rank 0", [8e9] * 4 + [9e9] * 3, True),
        ("stall per checkpoint", [0.0] * 4 + [5.0] * 3, True),
        ("last loss", [2.0] * 6 + [1.9] * 3, False),
    ],
)
def test_each_figure_has_its_own_direction(
    entry: Callable[..., Entry], figure: str, values: list[float], worse: bool
) -> None:
    (change,) = series(entry, figure, values).changes or ()
    assert change.worse is worse and change.since == f"r{values.index(values[-1]):02}"


def test_too_few_runs_leave_it_unknown(entry: Callable[..., Entry]) -> None:
    values: list[float | None] = [100.0, None, 101.0, math.nan, 99.0, 80.0, 80.5]
    trend = series(entry, "throughput", values)
    assert trend.changes is None and trend.between is not None and trend.between.runs == 5
    few = series(entry, "throughput", [100.0, 101.0])
    assert (few.between, few.newest, few.changes) == (None, None, None)
    assert series(entry, "throughput", [None] * 8).level is None


def test_the_newest_run_alone_is_told_from_the_others(entry: Callable[..., Entry]) -> None:
    level = [100.0, 101.0, 99.5, 100.5, 99.0, 100.0]
    newest = series(entry, "throughput", [*level, 85.0]).newest
    assert newest is not None and (newest.apart, newest.worse) == (True, True)
    near = series(entry, "throughput", [*level, 98.0]).newest
    assert near is not None and not near.apart


def test_a_run_between_the_levels_may_belong_to_either(entry: Callable[..., Entry]) -> None:
    """The version changed with a run that was halfway: it is the first of the new ones, or the last of the old ones."""
    chance = random.Random(1)
    values = [100.0, 100.5, 99.5, 100.0, 100.2, 93.4, 88.0, 88.3, 87.8, 88.1]
    for first in (5, 6):
        entries = [entry(day, chance, torch="2.12.0" if day < first else "2.13.0") for day in range(10)]
        entries = [
            replace(e, figures=dict(e.figures) | {"throughput": v}) for e, v in zip(entries, values, strict=True)
        ]
        (change,) = past_of(entries).trends[0].changes or ()
        assert change.what == (TORCH,)


def test_what_is_not_the_same_for_a_whole_level_is_not_what_changed(entry: Callable[..., Entry]) -> None:
    chance = random.Random(1)

    def what(facts: Sequence[Mapping[Fact, str]]) -> tuple[Difference, ...]:
        values = [100.0] * 4 + [80.0] * 4
        entries = [
            replace(entry(day, chance), facts=told, figures={f.name: value for f in FIGURES})
            for day, (told, value) in enumerate(zip(facts, values, strict=True))
        ]
        (change,) = past_of(entries).trends[0].changes or ()
        return change.what

    key = ("variable", "NCCL_ALGO")
    assert what([{}] * 4 + [{key: "Ring"}] * 4) == (Difference(kind=key[0], name=key[1], a=None, b="Ring"),)
    assert what([{key: "Ring"}] * 4 + [{}] * 4) == (Difference(kind=key[0], name=key[1], a="Ring", b=None),)
    assert what([{key: "Ring"}, *[{}] * 3, *[{key: "Ring"}] * 4]) == (), "it was there before"
    assert what([{}] * 4 + [{key: "Ring"}] * 3 + [{}]) == (), "it is gone, and the level is not"
    assert what([{}] * 4 + [{key: str(day)} for day in range(4)]) == (), "another each time"


def test_runs_of_another_layout_are_another_history(entry: Callable[..., Entry]) -> None:
    chance = random.Random(1)
    entries = [entry(day, chance) for day in range(8)]
    entries[2] = replace(entries[2], job=replace(entries[2].job, nodes=2))
    entries[7] = replace(entries[7], job=replace(entries[7].job, digest="f" * 16, args={"steps": 50}))
    found = history(reversed(entries))
    assert [[e.run for e in past.entries] for past in found] == [
        ["r02"],
        [f"r0{n}" for n in (0, 1, 3, 4, 5, 6)],
        ["r07"],
    ]
    assert "Unlike in others: steps=50" in to_text("fsdp", found, {})


def test_in_words(entry: Callable[..., Entry]) -> None:
    chance = random.Random(3)
    hosts = [[*POOL[:2], *(["ip-sick"] if day >= 6 else [])] for day in range(10)]
    entries = [
        entry(day, chance, factor=0.88 if day >= 6 else 1.0, hosts=hosts[day], torch="2.12.0" if day < 6 else "2.13.0")
        for day in range(10)
    ]
    found = history(entries)
    text = " ".join(to_text("fsdp/tiny", found, {"r99": "it is failed"}).split())
    assert "% lower since run r06 (1970-01-07 00:00:00 UTC), worse:" in text
    assert "what changed there: torch 2.12.0 -> 2.13.0, host ip-sick new." in text
    assert "r99 it is failed" in text and "█" in text
    assert "torch 2.12.0 -\\> 2.13.0" in to_markdown("fsdp/tiny", found, {})
    record = json.loads(to_json("fsdp/tiny", found, {}))
    (change,) = record["configurations"][0]["trends"][0]["changes"]
    assert change["since"] == "r06" and 0.8 < change["ratio"] < 0.95
    assert {one["name"] for one in change["what"]} == {"torch", "ip-sick"}
    new = [replace(e, facts=dict(e.facts) | {("host", f"n{n}"): "there" for n in range(20)}) for e in entries[6:]]
    assert f"and {22 - NAMED} more" in " ".join(to_text("fsdp", history([*entries[:6], *new]), {}).split())


def test_what_became_worse_comes_first(entry: Callable[..., Entry]) -> None:
    chance = random.Random(3)
    entries = [entry(day, chance, factor=1.3 if day >= 6 else 1.0) for day in range(12)]
    slower = [replace(e, figures=dict(e.figures) | {"last loss": 2.0 if n < 6 else 3.0}) for n, e in enumerate(entries)]
    text = to_text("fsdp", history(slower), {})
    assert text.index("last loss: 50 % higher") < text.index("throughput: ") < text.index("oldest to newest")


def test_nothing_is_said_in_words_too(entry: Callable[..., Entry]) -> None:
    chance = random.Random(4)
    assert "No figure changed its level." in to_text("fsdp", history([entry(d, chance) for d in range(8)]), {})
    few = " ".join(to_text("fsdp", history([entry(d, chance) for d in range(4)]), {}).split())
    assert f"is unknown, {2 * LEAST} runs are needed: throughput" in few


def test_an_entry_tells_what_was_there(tmp_path: Path) -> None:
    events = stories.steps_only(
        [0.1] * 20, hosts=["a", "b", "a"], variables={"OMP_NUM_THREADS": "2", "DUMP": "/x/fsdp-tiny-1/logs"}
    )
    run = stories.write_run(tmp_path, events, threads_per_process=3)
    start: dict[str, Any] = {"time": 0.0, "command": "", "folder": "", "host": "", "seatrial": "0.9", "code": "abc"}
    (run.path / "provenance.jsonl").write_text(json.dumps(start) + "\n")
    assert Start(**start).seatrial == "0.9"
    cluster = {"name": "p5", "nodes": 8, "image": "x:1", "stack": {"nccl": "2.28"}}
    record = {"name": "n", "cluster": cluster, "job_id": None, "standing": None, "seen": None}
    (run.path / "submission.json").write_text(json.dumps(record))
    told = read(run)
    assert (
        told.facts.items()
        >= {
            ("version", "torch"): "2.9.0",
            ("version", "seatrial"): "0.9",
            ("version", "code"): "abc",
            ("variable", "OMP_NUM_THREADS"): "2",
            ("variable", "DUMP"): "/x/RUN/logs",
            ("cluster", "stack.nccl"): "2.28",
            ("cluster", "image"): "x:1",
            ("job", "threads_per_process"): "3",
            ("ranks", "device"): "cpu (AMD EPYC)",
            ("host", "b"): "there",
        }.items()
    )
    assert told.figures["throughput"] == pytest.approx(40960) and told.figures["stall per checkpoint"] is None


def test_a_run_that_ended_before_has_no_last_loss_and_after_few_steps_no_throughput(tmp_path: Path) -> None:
    for steps, rate in ((5, None), (30, pytest.approx(40960))):
        events = [*stories.steps_only([0.1] * steps, end=False)]
        events.append((100.0, stories.RunEnd(outcome="failed", step=steps)))
        told = read(stories.write_run(tmp_path, events, name=f"r{steps}"))
        assert told.state is State.FAILED
        assert (told.figures["throughput"], told.figures["last loss"]) == (rate, None)


def test_a_run_of_nothing_is_read(tmp_path: Path) -> None:
    run = Run(stories.write_run(tmp_path, []).path)
    assert set(read(run).figures.values()) == {None}
    assert "unknown" in to_text("fsdp", history([read(run)]), {})
