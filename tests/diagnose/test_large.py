"""Causes in large runs: each is named, with its ranks and its share, and nothing is named where there is none."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest

from seatrial.events import CheckpointSaved
from tests.diagnose.large import PER_NODE, SENT, WORK, Scene

SEEDS = range(20)
Made = tuple[Scene, list[int], float | None]
"""The scene, whose it is, and the share of the time that it costs; None: nobody can know."""


def straggler(seed: int, chance: random.Random) -> Made:
    rank, factor = chance.randrange(64), chance.uniform(1.5, 2.5)
    return Scene(seed, slow={rank: factor}), [rank], of_step(WORK * (factor - 1))


def slow_node(seed: int, chance: random.Random) -> Made:
    node, factor = chance.randrange(8), chance.uniform(1.5, 2.5)
    ranks = [*range(node * PER_NODE, (node + 1) * PER_NODE)]
    return Scene(seed, slow=dict.fromkeys(ranks, factor)), ranks, of_step(WORK * (factor - 1))


def imbalance(seed: int, chance: random.Random) -> Made:
    """The last stage of a pipeline has the head as well."""
    factor = chance.uniform(1.5, 2.5)
    ranks = [*range(48, 64)]
    return Scene(seed, slow=dict.fromkeys(ranks, factor), more=True), ranks, of_step(WORK * (factor - 1))


def data_of_one(seed: int, chance: random.Random) -> Made:
    rank, wait = chance.randrange(64), chance.uniform(0.4, 1.0)
    return Scene(seed, data={rank: wait}), [rank], of_step(wait)


def data_of_all(seed: int, chance: random.Random) -> Made:
    wait = chance.uniform(0.3, 1.0)
    return Scene(seed, data=dict.fromkeys(range(64), wait)), [], of_step(wait)


def garbage(seed: int, chance: random.Random) -> Made:
    rank, took = chance.randrange(64), chance.uniform(0.15, 0.5)
    return Scene(seed, garbage={rank: took}), [rank], of_step(took)


def checkpoint(seed: int, chance: random.Random) -> Made:
    stall = chance.uniform(10, 20)
    saved = CheckpointSaved(step=9, path="", bytes=10**11, seconds=stall, stall_seconds=stall)
    return Scene(seed, saves=(saved,) * 4), [], None


def checkpoint_folder(seed: int, chance: random.Random) -> Made:
    stall = chance.uniform(2, 4)
    saved = CheckpointSaved(step=9, path="", bytes=10**7, seconds=stall, stall_seconds=stall)
    return Scene(seed, saves=(saved,) * 3), [], None


def precision(seed: int, chance: random.Random) -> Made:
    return Scene(seed, products="float32"), [], None


def attention(seed: int, chance: random.Random) -> Made:
    return Scene(seed, attention="math"), [], None


def uncompiled(seed: int, chance: random.Random) -> Made:
    return Scene(seed, compiled=True, graphs=0), [], None


def graph_breaks(seed: int, chance: random.Random) -> Made:
    return Scene(seed, compiled=True, eager={"Data-dependent branching": chance.randint(1, 9)}), [], None


def recompiled(seed: int, chance: random.Random) -> Made:
    """In each step, or in some of them: lengths that vary."""
    often, took = chance.uniform(0.3, 1.0), chance.uniform(0.3, 2.0)
    compiling = {step: took for step in range(3, 41) if chance.random() < often}
    share = sum(compiling.values()) / (sum(compiling.values()) + 38 * (WORK + SENT))
    return Scene(seed, compiled=True, compiling=compiling), [], share


def communication(seed: int, chance: random.Random) -> Made:
    return Scene(seed, sent=(sent := chance.uniform(1.7, 4.0))), [], SENT * (sent - 1) / (WORK + sent * SENT)


def threads(seed: int, chance: random.Random) -> Made:
    return Scene(seed, device="cpu", more=True), [], None


def fallback(seed: int, chance: random.Random) -> Made:
    """TCP is slower; EFA would take some time, too."""
    sent = chance.uniform(2.0, 20.0)
    told = seed % 4 > 0
    scene = Scene(seed, fabric_log="NCCL INFO Using network Socket", slower_network=sent, tells_wait=told)
    return scene, [], sent * SENT / (WORK + sent * SENT) if told else None


def slow_since(seed: int, chance: random.Random) -> Made:
    first, factor = chance.randint(14, 28), chance.uniform(1.4, 2.5)
    scene = Scene(seed, longer={step: factor for step in range(first, 41)})
    return scene, [], lost([factor if step >= first else 1.0 for step in range(3, 41)])


def growing(seed: int, chance: random.Random) -> Made:
    growth = chance.uniform(0.8, 3.0)
    longer = {step: 1 + growth * step / 40 for step in range(1, 41)}
    return Scene(seed, longer=longer), [], None


def slow_after_resume(seed: int, chance: random.Random) -> Made:
    first, factor = chance.randint(16, 26), chance.uniform(1.4, 2.5)
    return Scene(seed, longer={step: factor for step in range(first, 41)}, resumed_at=first), [], None


def stalls(seed: int, chance: random.Random) -> Made:
    every, factor = chance.randint(4, 9), chance.uniform(4, 8)
    longer = {step: factor if step % every == 0 else 1.0 for step in range(1, 41)}
    return Scene(seed, longer=longer), [], lost([longer[step] for step in range(3, 41)])


def of_step(seconds: float) -> float:
    """The share of a step that is longer by so much."""
    return seconds / (seconds + WORK + SENT)


def lost(factors: Sequence[float]) -> float:
    """The share of steps whose work is so many times as long."""
    return WORK * sum(factor - 1 for factor in factors) / sum(WORK * factor + SENT for factor in factors)


CAUSES: dict[str, list[Callable[[int, random.Random], Made]]] = {
    "straggler": [straggler, slow_node],
    "imbalance": [imbalance],
    "data": [data_of_one, data_of_all],
    "garbage": [garbage],
    "checkpoint": [checkpoint],
    "checkpoint-folder": [checkpoint_folder],
    "precision": [precision],
    "communication": [communication],
    "attention": [attention],
    "uncompiled": [uncompiled],
    "graph-breaks": [graph_breaks],
    "recompiled": [recompiled],
    "threads": [threads],
    "fallback": [fallback],
    "slow-since": [slow_since],
    "growing": [growing],
    "slow-after-resume": [slow_after_resume],
    "stalls": [stalls],
}


@pytest.mark.parametrize("name", CAUSES)
def test_each_is_named_with_its_ranks_and_its_share(name: str) -> None:
    right, wrong = 0, []
    for make in CAUSES[name]:
        for seed in SEEDS:
            scene, ranks, share = make(seed, random.Random(f"{name} {seed}"))
            found = scene.diagnosed()
            told = found.cause.check, found.cause.scope.get("rank", []), found.slowed_by
            near = share is None or (found.share is not None and abs(found.share - share) < 0.08)
            if told == (f"diagnose.{name}", ranks, ()) and near:
                right += 1
            else:
                wrong.append((seed, told, found.share, share))
    assert right >= 0.95 * len(CAUSES[name]) * len(SEEDS), wrong


def test_nothing_is_named_on_a_hundred_clean_runs() -> None:
    for seed in range(100):
        scene = Scene(seed, resumed_at=20 if seed % 3 == 0 else None)
        if seed % 2:
            scene.device, scene.more, scene.threads = "cpu", True, 12
        if seed % 5 == 0:
            scene.compiled, scene.compiling = True, {1: 60.0, 2: 20.0, 7: 8.0}
        found = scene.diagnosed()
        assert not found.named, (seed, found.cause.observed)


def test_five_hundred_and_twelve_ranks() -> None:
    found = Scene(1, ranks=512, steps=20, slow=dict.fromkeys(range(64, 72), 1.6)).diagnosed()
    assert found.cause.check == "diagnose.straggler" and found.cause.scope["rank"] == [*range(64, 72)]
    assert found.cause.observed.startswith("work of ranks 64 to 71 on ip-8: ")
    assert not Scene(1, ranks=512, steps=20).diagnosed().named
