"""The pairwise search against an oracle that knows what is bad."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import pytest

from seatrial.checks.pairwise import Found, Group, search


class Oracle:
    """A group is good if it has no bad node, and no bad link within it."""

    def __init__(self, *, nodes: Sequence[int] = (), links: Sequence[tuple[int, int]] = ()) -> None:
        self.nodes, self.links = {*nodes}, [{*link} for link in links]
        self.rounds: list[Sequence[Group]] = []

    def __call__(self, groups: Sequence[Group]) -> list[bool]:
        self.rounds.append(groups)
        members = [node for group in groups for node in group]
        assert len(members) == len({*members}), "groups of one round are disjoint"
        assert all(len(group) > 1 for group in groups), "one node has no link"
        return [not self.nodes & {*group} and not any(link <= {*group} for link in self.links) for group in groups]


def found(count: int, **bad: Sequence[object]) -> tuple[Found, Oracle]:
    oracle = Oracle(**bad)
    result = search(range(count), oracle)
    assert result.rounds == len(oracle.rounds) and result.tests == sum(map(len, oracle.rounds))
    return result, oracle


@pytest.mark.parametrize("count", [2, 3, 4, 5, 16, 1023])
def test_nothing_is_found_where_nothing_is_bad(count):
    result, _ = found(count)
    assert result.clean and result.rounds <= 3


@pytest.mark.parametrize("count", [4, 5, 8, 9, 64, 1000])
def test_each_single_bad_node_is_named(count):
    for bad in range(count) if count < 100 else (0, 499, 500, 999):
        result, _ = found(count, nodes=[bad])
        assert (result.nodes, result.links, result.unresolved) == ([bad], [], []), bad


def test_three_bad_nodes_of_1024_take_four_rounds():
    for seed in range(50):
        bad = random.Random(seed).sample(range(1024), 3)
        result, _ = found(1024, nodes=bad)
        assert sorted(result.nodes) == sorted(bad) and not result.links and not result.unresolved
        assert result.rounds <= 4 and result.tests <= 512 + 6 + 3 + 1


def test_two_bad_nodes_that_are_paired_are_both_named():
    result, _ = found(8, nodes=[1, 5])
    assert sorted(result.nodes) == [1, 5]


@pytest.mark.parametrize("count", [4, 5, 7, 8, 16])
def test_each_single_bad_link_is_named(count):
    for a in range(count):
        for b in range(a + 1, count):
            result, _ = found(count, links=[(a, b)])
            assert result.nodes == [] and {frozenset(link) for link in result.links} == {frozenset((a, b))}, (a, b)


def test_a_link_of_1024_nodes_takes_a_logarithm_of_rounds():
    worst = 0
    for seed in range(50):
        a, b = random.Random(seed).sample(range(1024), 2)
        result, _ = found(1024, links=[(a, b)])
        assert {frozenset(link) for link in result.links} == {frozenset((a, b))}
        worst = max(worst, result.rounds)
    assert worst <= 3 * math.log2(1024)


def test_several_links_and_a_node_are_all_named():
    for seed in range(50):
        chance = random.Random(seed)
        ends = chance.sample(range(63), 6)  # a node with several bad links shows one of them at a time
        links = {frozenset(ends[at : at + 2]) for at in (0, 2, 4)}
        result, _ = found(64, nodes=[63], links=[tuple(link) for link in links])
        assert result.nodes == [63] and {frozenset(link) for link in result.links} == links, seed


def test_more_bad_than_good_still_names_them_or_says_that_it_cannot():
    result, _ = found(8, nodes=[0, 1, 2, 5])
    assert sorted(result.nodes) == [0, 1, 2, 5]
    result, _ = found(8, nodes=range(7))
    assert not result.clean and result.nodes == [] and result.unresolved
    result, _ = found(2, nodes=[1])
    assert result.unresolved == [(0, 1)]


def test_what_fails_only_as_a_whole_is_told_as_unresolved():
    whole = tuple(range(8))
    result = search(range(8), lambda groups: [len(group) < 5 for group in groups])
    assert result.nodes == [] and result.links == []
    assert result.unresolved and {*result.unresolved[0]} == {*whole}


def test_a_pair_that_failed_once_is_asked_again_before_it_is_blamed():
    asked: list[Group] = []

    def flaky(groups: Sequence[Group]) -> list[bool]:
        fine = [{*group} != {0, 4} or group in asked for group in groups]
        asked.extend(groups)
        return fine

    assert search(range(8), flaky).clean
