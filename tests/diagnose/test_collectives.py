"""Who is missing in a collective, and who called another one."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from seatrial.diagnose import collectives
from seatrial.diagnose.collectives import Parting, ranks_text
from seatrial.diagnose.dumps import Dump
from tests.diagnose.made import dump, entry, recorded


def find(*dumps: Dump, world_size: int = 0) -> Parting | None:
    return collectives.find({one.rank: one for one in dumps}, world_size or len(dumps))


@pytest.mark.parametrize(
    ("name", "kind", "ranks"), [("absent", "missing", (2,)), ("skip", "kind", (1,)), ("shape", "size", (1,))]
)
def test_recorded_faults_are_found(name: str, kind: str, ranks: Sequence[int]) -> None:
    found = collectives.find(recorded(name), 4)
    assert found is not None
    assert (found.kind, found.ranks) == (kind, ranks)
    assert "all_reduce([1000] Float)" in found.said


def test_ranks_that_are_through_have_not_parted() -> None:
    assert find(*(dump(rank, [entry(1), entry(2)]) for rank in range(4))) is None
    assert collectives.find({}, 4) is None


def test_a_rank_that_is_only_ahead_has_not_parted() -> None:
    """One asks at slightly different moments."""
    assert find(dump(0, [entry(1), entry(2)]), dump(1, [entry(1)])) is None


def test_who_waits_in_another_group_is_not_who_is_missing() -> None:
    """Rank 1 is missing in its group with 0, since it waits in its group with 2, where rank 2 is missing."""
    members = {"5": [0, 1], "7": [1, 2]}
    found = find(
        dump(0, [entry(4, group="5", done=False)], members),
        dump(1, [entry(3, group="5"), entry(5, group="7", done=False)], members),
        dump(2, [entry(4, group="7")], members),
    )
    assert found is not None
    assert (found.kind, found.ranks, found.group, found.number) == ("missing", (2,), "nccl:7", 5)


def test_groups_in_another_order_are_a_circle_that_blames_nobody() -> None:
    members = {"0": [0, 1], "7": [0, 1]}
    found = find(dump(0, [entry(1, done=False)], members), dump(1, [entry(1, group="7", done=False)], members))
    assert found is not None
    assert (found.kind, found.ranks) == ("order", ())


def test_all_came_and_nobody_got_through() -> None:
    found = find(*(dump(rank, [entry(1, done=False)]) for rank in range(3)))
    assert found is not None
    assert (found.kind, found.ranks, found.waiting) == ("stuck", (), (0, 1, 2))


def test_without_the_dump_of_a_rank_nobody_says_that_all_came() -> None:
    assert find(*(dump(rank, [entry(1, done=False)]) for rank in range(3)), world_size=4) is None


def test_two_of_two_blame_nobody_but_tell_both_sides() -> None:
    found = find(dump(0, [entry(1, done=False)]), dump(1, [entry(1, "nccl:broadcast", done=False)]))
    assert found is not None
    assert (found.kind, found.ranks) == ("kind", ())
    assert "all_reduce" in found.said and "broadcast" in found.said


def test_types_must_be_the_same_and_shapes_may_differ() -> None:
    flat, square = entry(1, input_sizes=[[100]]), entry(1, input_sizes=[[10, 10]])
    assert find(dump(0, [flat]), dump(1, [square]), dump(2, [flat])) is None
    found = find(dump(0, [entry(1)]), dump(1, [entry(1, input_dtypes=["Int"])]), dump(2, [entry(1)]))
    assert found is not None
    assert (found.kind, found.ranks) == ("dtype", (1,))


def test_sizes_of_an_all_to_all_may_differ() -> None:
    one = entry(1, "nccl:all_to_all", input_sizes=[[3]])
    assert find(dump(0, [one]), dump(1, [entry(1, "nccl:all_to_all")])) is None


def test_the_first_parting_in_time_counts() -> None:
    early, late = entry(2, "nccl:broadcast", group="7"), entry(9, "nccl:broadcast")
    ranks = [dump(rank, [entry(2, group="7"), entry(9)]) for rank in (0, 1)]
    found = find(*ranks, dump(2, [early, late]))
    assert found is not None
    assert (found.group, found.number) == ("nccl:7", 2)


def test_sends_and_receives_are_numbered_by_themselves() -> None:
    send = entry(1, "nccl:send 0->1", is_p2p=True, p2p_seq_id=1, done=False)
    assert find(dump(0, [entry(1), send]), dump(1, [entry(1)])) is None


@pytest.mark.parametrize(
    ("ranks", "text"),
    [
        ([3], "rank 3"),
        ([1, 0], "ranks 0 and 1"),
        ([0, 1, 4, 5, 6, 7], "ranks 0, 1 and 4 to 7"),
        ([2, 3, 4], "ranks 2 to 4"),
    ],
)
def test_ranks_in_words(ranks: list[int], text: str) -> None:
    assert ranks_text(ranks) == text
