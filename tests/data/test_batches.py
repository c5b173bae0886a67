"""Packing and loading: exact lengths, no token lost or doubled, the same batches at any world size, exact resume."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from seatrial.data.batches import AHEAD, Lane, Loader
from seatrial.data.sources import Synthetic
from seatrial.data.tokenizers import Bytes
from seatrial.errors import UserError

END = 256


class Listed:
    """Documents from a list, again and again; remembers which were read by whom."""

    def __init__(self, documents: Sequence[str | list[int]]) -> None:
        self.documents = documents
        self.reads: list[tuple[int, int]] = []
        """(lane, number over all epochs)"""

    def cursor(self, lane: int, lanes: int, state: dict[str, Any] | None) -> ListedCursor:
        return ListedCursor(self, lane, lanes, state["turn"] if state else 0)


class ListedCursor:
    def __init__(self, source: Listed, lane: int, lanes: int, turn: int) -> None:
        self.source, self.lane, self.lanes, self.turn = source, lane, lanes, turn

    def state(self) -> dict[str, Any]:
        return {"turn": self.turn}

    def read(self) -> Any:
        number = self.lane + self.turn * self.lanes
        self.turn += 1
        self.source.reads.append((self.lane, number))
        return self.source.documents[number % len(self.source.documents)]


class NoEnd(Bytes):
    """Puts nothing between documents."""

    end = None


def varied(count: int = 24) -> list[str]:
    """Documents of all lengths, each with text of its own; some are empty."""
    return ["" if i % 7 == 3 else f"document {i} " * (i % 5) + f"{i}." for i in range(count)]


def lane_of(documents: Sequence[Any], length: int, state: dict[str, Any] | None = None, **options: Any) -> Lane:
    return Lane(Listed(documents), options.get("tokenizer", Bytes()), length, 0, 1, state)


def loader(rank: int = 0, world: int = 1, *, length: int = 16, batch: int = 8, **options: Any) -> Loader:
    source = options.pop("source", None) or Listed(varied())
    return Loader(source, Bytes(), length=length, global_batch_size=batch, rank=rank, world_size=world, **options)


def take(count: int, *args: Any, **options: Any) -> tuple[list[NDArray[np.int32]], list[dict[str, Any]]]:
    """Some batches of a loader, and its states after the last."""
    loading = loader(*args, **options)
    try:
        return [next(loading) for _ in range(count)], loading.states
    finally:
        loading.close()


def global_batches(count: int, world: int, **options: Any) -> tuple[NDArray[np.int32], list[dict[str, Any]]]:
    """What all ranks of a world see, [batch, sequence, token], and the states that a checkpoint would hold."""
    ranks = [take(count, rank, world, **options) for rank in range(world)]
    states = [state for _, states in ranks for state in states]
    batches = [np.concatenate(parts) for parts in zip(*(batches for batches, _ in ranks), strict=True)]
    return np.array(batches, dtype=np.int32), states


# --- packing ---


@settings(deadline=None, max_examples=200)
@given(
    documents=st.lists(st.text(max_size=30), min_size=1, max_size=8).filter(any),
    length=st.integers(1, 40),
    resume_after=st.sets(st.integers(0, 12)),
    end=st.booleans(),
)
def test_no_token_is_lost_or_doubled(documents: list[str], length: int, resume_after: set[int], end: bool) -> None:
    """Whatever the documents, the lengths and the places where the lane is resumed."""
    tokenizer = Bytes() if end else NoEnd()
    lane = lane_of(documents, length, tokenizer=tokenizer)
    stream: list[int] = []
    for count in range(12):
        if count in resume_after:
            state = json.loads(json.dumps(lane.state()))
            lane = lane_of(documents, length, state, tokenizer=tokenizer)
            assert lane.state() == state
        sequence = lane.take()
        assert sequence.shape == (length + 1,)
        assert sequence.dtype == np.int32
        assert not stream or stream[-1] == sequence[0], "the last token is the next sequence's first"
        stream.extend(sequence[1:] if stream else sequence)
    one_pass = [t for text in documents if text for t in [*text.encode(), *([END] if end else [])]]
    passes = -(-len(stream) // len(one_pass))
    assert stream == (one_pass * passes)[: len(stream)]


def test_documents_that_are_tokens_already_are_taken_as_they_are() -> None:
    lane = lane_of([[7, 8, 9]], 6, tokenizer=NoEnd())
    assert lane.take().tolist() == [7, 8, 9, 7, 8, 9, 7]


def test_a_state_is_small_however_far_the_lane_has_read() -> None:
    lane = lane_of(["x" * 10_000], 16)
    for _ in range(500):
        lane.take()
    assert len(json.dumps(lane.state())) < 100


def test_resuming_reads_nothing_that_went_before() -> None:
    source = Listed([f"{i:04d}" for i in range(1000)])
    lane = Lane(source, Bytes(), 16, 0, 1, None)
    for _ in range(200):
        lane.take()
    newest = source.reads[-1][1]
    assert newest > 500
    source.reads.clear()
    resumed = Lane(source, Bytes(), 16, 0, 1, lane.state())
    assert [number for _, number in source.reads] == [newest], "only the document in the middle of which it stopped"
    assert resumed.take().tolist() == lane.take().tolist()


def test_a_lane_that_took_nothing_reads_nothing_when_it_is_resumed() -> None:
    source = Listed(varied())
    state = Lane(source, Bytes(), 16, 0, 1, None).state()
    assert Lane(source, Bytes(), 16, 0, 1, state).state() == state
    assert source.reads == []


def test_data_that_became_shorter_is_refused() -> None:
    """A file that was edited since: there is no exact sequence to go on with, and the place is beyond its end."""
    lane = lane_of(["x" * 100], 80)
    lane.take()
    with pytest.raises(UserError, match="dataset: a document has 51 tokens"):
        lane_of(["x" * 50], 80, lane.state())


# --- batches ---


def test_a_rank_gets_its_part_of_the_global_batch() -> None:
    batches, states = take(3, 1, 2, length=20, batch=6)
    assert [batch.shape for batch in batches] == [(3, 21)] * 3
    assert {batch.dtype for batch in batches} == {np.dtype(np.int32)}
    assert len(states) == 3


@pytest.mark.parametrize("world", [2, 4])
def test_all_ranks_together_see_the_same_batches_at_any_world_size(world: int) -> None:
    expected, expected_states = global_batches(6, 1)
    batches, states = global_batches(6, world)
    assert np.array_equal(batches, expected)
    assert states == expected_states


def test_the_same_for_a_source_that_makes_its_own_tokens() -> None:
    source = Synthetic(500, 3, False)
    assert np.array_equal(global_batches(3, 1, source=source)[0], global_batches(3, 2, source=source)[0])


def test_ranks_never_share_a_document_within_an_epoch() -> None:
    source = Listed([f"document {i}" for i in range(400)])
    for rank in range(4):
        take(2, rank, 4, source=source)
    numbers = [number for _, number in source.reads]
    assert max(numbers) < 400, "still the first epoch"
    assert len(numbers) == len(set(numbers))
    assert {lane for lane, _ in source.reads} == set(range(8))


@pytest.mark.parametrize("after", [0, 1, 5])
@pytest.mark.parametrize(("world", "then"), [(1, 1), (2, 2), (2, 1), (1, 4), (4, 2)])
def test_a_resumed_run_goes_on_with_exactly_the_next_batch(world: int, then: int, after: int) -> None:
    expected, _ = global_batches(after + 4, 1)
    states = json.loads(json.dumps(global_batches(after, world)[1]))
    source = Listed(varied())
    batches, _ = global_batches(4, then, source=source, states=states)
    assert np.array_equal(batches, expected[after:])
    first_read = {lane: min(n for reader, n in source.reads if reader == lane) for lane in range(8)}
    assert first_read == {lane: lane + 8 * states[lane]["cursor"]["turn"] for lane in range(8)}


def test_states_are_those_of_the_batch_that_was_taken_not_of_those_made_ahead() -> None:
    loading = loader()
    next(loading)
    made_ahead = loading._batches._queue
    while not made_ahead.full():
        threading.Event().wait(0.001)
    states = loading.states
    loading.close()
    assert states == take(1)[1]


def test_a_source_must_not_be_drained() -> None:
    """Made ahead means a few batches, not as many as memory holds."""
    source = Listed(["x" * 33] * 1000)
    loading = loader(source=source, length=16, batch=2)
    while not loading._batches._queue.full():
        threading.Event().wait(0.001)
    loading.close()
    assert len(source.reads) <= 2 * (AHEAD + 3)


# --- the thread ---


class Failing(Listed):
    """Its fourth document cannot be read."""

    def cursor(self, lane: int, lanes: int, state: dict[str, Any] | None) -> ListedCursor:
        class Cursor(ListedCursor):
            def read(self) -> Any:
                if self.turn == 3:
                    raise OSError(5, "Input/output error")
                return super().read()

        return Cursor(self, lane, lanes, 0)


def test_what_the_thread_meets_reaches_the_step_that_needs_the_batch() -> None:
    loading = loader(source=Failing(["0123456789abcde"]), length=16, batch=1)  # with its end mark 16 tokens
    assert next(loading).shape == (1, 17)
    assert next(loading).shape == (1, 17)
    with pytest.raises(OSError, match="Input/output error"):
        next(loading)
    loading.close()


@pytest.mark.parametrize("taken", [0, 1, 10])
def test_close_ends_the_thread(taken: int) -> None:
    loading = loader()
    for _ in range(taken):
        next(loading)
    loading.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "tokenise"]
    loading.close()  # twice is harmless


def test_close_after_an_error_ends_the_thread() -> None:
    loading = loader(source=Failing(["x"]), length=16, batch=1)
    loading.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "tokenise"]
