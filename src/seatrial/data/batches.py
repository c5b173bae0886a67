"""Packed sequences of exactly the recipe's length, made ahead of time in a thread, resumable to the sequence."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from seatrial.data.sources import Source
from seatrial.data.tokenizers import Tokenizer
from seatrial.errors import Problem, UserError

AHEAD = 4
"""Batches that are made ahead of the step that needs them."""


class Lane:
    """Packs one lane's documents end to end and cuts them into sequences.

    A sequence has `length` + 1 tokens, inputs and targets shifted by one; its last token is the next one's first.
    """

    def __init__(
        self, source: Source, tokenizer: Tokenizer, length: int, lane: int, lanes: int, state: dict[str, Any] | None
    ) -> None:
        self.tokenizer = tokenizer
        self.length = length
        self._cursor = source.cursor(lane, lanes, state["cursor"] if state else None)
        self._begin = self._cursor.state()  # of the document that _tokens came from
        self._tokens = np.empty(0, dtype=np.int32)
        self._used = 0
        self._carry: list[int] = []
        if state and state["used"] is not None:
            self._read()
            if state["used"] > len(self._tokens):
                what = f"a document has {len(self._tokens)} tokens, and had {state['used']} or more when it was read"
                raise UserError(Problem(what, "dataset", "resume with the data and the tokenizer of the first start"))
            self._used = state["used"]
            self._carry = state["carry"]

    def state(self) -> dict[str, Any]:
        """Where the next sequence begins: JSON-able, and independent of how far the lane has read."""
        started = len(self._tokens) > 0
        return {"cursor": self._begin, "used": self._used if started else None, "carry": self._carry}

    def take(self) -> NDArray[np.int32]:
        """The next sequence, int32 [length + 1]."""
        parts = [np.asarray(self._carry, dtype=np.int32)]
        missing = self.length + 1 - len(self._carry)
        while missing:
            if self._used == len(self._tokens):
                self._read()
            part = self._tokens[self._used : self._used + missing]
            self._used += len(part)
            missing -= len(part)
            parts.append(part)
        sequence = np.concatenate(parts)
        self._carry = [int(sequence[-1])]
        return sequence

    def _read(self) -> None:
        self._begin = self._cursor.state()
        document = self._cursor.read()
        if isinstance(document, str):
            document = self.tokenizer.encode(document)
        tokens = np.frombuffer(document, np.uint8) if isinstance(document, bytes) else np.asarray(document)
        end = [] if self.tokenizer.end is None or not len(tokens) else [self.tokenizer.end]
        self._tokens = np.concatenate((tokens, end)).astype(np.int32)
        self._used = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """What one rank needs for one step."""

    tokens: NDArray[np.int32]
    """[sequences of this rank, length + 1]"""
    states: list[dict[str, Any]]
    """State of each of the rank's lanes after this batch."""


class Loader:
    """Iterates over this rank's batches, which a thread tokenises ahead of the steps.

    The rank's lanes are [rank * n, (rank + 1) * n) of `global_batch_size` lanes, n = global_batch_size / world_size.
    """

    def __init__(
        self,
        source: Source,
        tokenizer: Tokenizer,
        *,
        length: int,
        global_batch_size: int,
        rank: int,
        world_size: int,
        states: list[dict[str, Any]] | None = None,
    ) -> None:
        mine = range(rank * global_batch_size // world_size, (rank + 1) * global_batch_size // world_size)
        self._lanes = [
            Lane(source, tokenizer, length, lane, global_batch_size, states[lane] if states else None) for lane in mine
        ]
        self.states = [lane.state() for lane in self._lanes]
        self._batches = Ahead(self._make)

    def __iter__(self) -> Iterator[NDArray[np.int32]]:
        return self

    def __next__(self) -> NDArray[np.int32]:
        """int32 [sequences of this rank, length + 1]; raises what the thread met."""
        batch = next(self._batches)
        self.states = batch.states
        return batch.tokens

    def close(self) -> None:
        """Stop the thread and wait for it."""
        self._batches.close()

    def _make(self) -> Batch:
        return Batch(np.stack([lane.take() for lane in self._lanes]), [lane.state() for lane in self._lanes])


T = TypeVar("T")


class Ahead(Generic[T]):
    """What `make` returns, again and again, made by a thread ahead of the steps that need it."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._queue: queue.Queue[T | BaseException] = queue.Queue(AHEAD)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._produce, name="tokenise", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        """The next one; raises what the thread met."""
        item = self._queue.get()
        if isinstance(item, BaseException):
            raise item
        return item

    def close(self) -> None:
        """Stop the thread and wait for it."""
        self._stop.set()
        while self._thread.is_alive():
            try:
                self._queue.get_nowait()
            except queue.Empty:
                self._thread.join(0.01)

    def _produce(self) -> None:
        try:
            while not self._stop.is_set():
                self._queue.put(self._make())
        except BaseException as error:  # whatever it is, the step that needs the batch must see it
            self._queue.put(error)
