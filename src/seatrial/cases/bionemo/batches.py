"""Micro-batches of proteins of about one length, the same at any number of ranks, resumable to the protein. No torch.

Micro-batch i of every step comes from lane i, and lane i of n takes the proteins i, i + n, i + 2n ... of one order
that the seed decides: an epoch is every cluster once, by one of its members. A lane collects proteins for POOL
micro-batches, sorts them by length, cuts them into micro-batches and shuffles those. So there is little padding, and a
place is two numbers: the proteins that were taken before the pool, and the micro-batches that were taken of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seatrial.cases.bionemo import Args
from seatrial.cases.bionemo.tokens import PAD, crop, encode, mask
from seatrial.data.batches import Ahead
from seatrial.errors import Problem, UserError

POOL = 32
"""Micro-batches that are made of one sorting. Measured on UniProt: 4 % padding, against 42 % in the order as drawn."""
FIXED = 20_220_721
"""Decides crops and masks of validation, whatever the seed: figures of different runs can be compared."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One protein as the model gets it."""

    seen: NDArray[np.int16]
    """Tokens, some of them masked."""
    places: NDArray[np.int64]
    """Which of them must be told."""
    wanted: NDArray[np.int16]
    """The tokens that stand there."""


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """What goes through the model at once."""

    tokens: NDArray[np.int64]
    """[proteins, length of the longest], the others padded."""
    places: NDArray[np.int64]
    """Where a residue must be told, counted through the flattened tokens."""
    wanted: NDArray[np.int64]
    """The tokens that stand there."""
    count: int
    """Tokens that count as work done: without padding, unless every protein is padded to one length."""


class Proteins:
    """A split, in an order that the seed decides, without end."""

    def __init__(self, path: Path, args: Args, *, fixed: bool = False) -> None:
        """`fixed`: each in its own order, cropped and masked alike every time, as validation needs it."""
        # immutable: nobody writes it, so no lock is needed, which shared file systems may not have
        self._file = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False
        )
        self._length, self._fixed = args.sequence_length, fixed
        self._seed = FIXED if fixed else args.seed
        [self.clusters] = self._file.execute("SELECT count(*) FROM cluster").fetchone()
        if not self.clusters:
            remedy = "give more proteins, or --set validation_every=0" if fixed else "give more proteins"
            raise UserError(Problem("holds no proteins", str(path), remedy))
        self._order: tuple[int, NDArray[np.uint32]] = (-1, np.empty(0, np.uint32))

    def sample(self, number: int) -> Sample:
        """The protein that is taken as the `number`-th of all lanes together."""
        generator = self.generator(0, number)
        query = "SELECT ids FROM cluster WHERE number = ?"
        [ids] = self._file.execute(query, (self._cluster(number),)).fetchone()
        names = ids.split(" ")
        name = names[0 if self._fixed else int(generator.integers(len(names)))]
        [sequence] = self._file.execute("SELECT sequence FROM protein WHERE id = ?", (name,)).fetchone()
        tokens = crop(encode(sequence), self._length, generator)
        seen, places = mask(tokens, generator)
        return Sample(seen, places, tokens[places])

    def generator(self, kind: int, *place: int) -> np.random.Generator:
        """Chance for one thing: 0 a protein, 1 the order of an epoch, 2 that of a pool."""
        return np.random.default_rng([self._seed, kind, *place])

    def attended(self, proteins: int = 1000) -> float:
        """Tokens that a token attends to, on average over the first proteins: its own protein's."""
        lengths = np.array([len(self.sample(number).seen) for number in range(min(proteins, self.clusters))], float)
        return float((lengths**2).sum() / lengths.sum())

    def _cluster(self, number: int) -> int:
        epoch, place = divmod(number, self.clusters)
        if self._fixed:
            return place
        if self._order[0] != epoch:
            order = np.arange(self.clusters, dtype=np.uint32)
            self.generator(1, epoch).shuffle(order)
            self._order = (epoch, order)
        return int(self._order[1][place])


class Lane:
    """The micro-batches of one place in every step."""

    def __init__(self, proteins: Proteins, args: Args, lane: int, lanes: int, state: dict[str, Any] | None) -> None:
        self._proteins, self._args = proteins, args
        self._lane, self._lanes = lane, lanes
        self._taken: int = state["taken"] if state else 0
        """Proteins of the pools before this one."""
        self._next: int = state["next"] if state else 0
        """Micro-batch of the pool that comes next."""
        self._pool: list[list[Sample]] = []
        self._size = 0
        """Proteins of the pool."""

    def state(self) -> dict[str, int]:
        """Where the next micro-batch stands."""
        return {"taken": self._taken, "next": self._next}

    def take(self) -> MicroBatch:
        """The next micro-batch."""
        if not self._pool:
            self._fill()
        if self._next == len(self._pool):
            self._taken, self._next = self._taken + self._size, 0
            self._fill()
        samples = self._pool[self._next]
        self._next += 1
        return together(samples, self._args.sequence_length if self._args.batching == "samples" else 0)

    def _fill(self) -> None:
        if self._args.batching == "samples":
            samples = [self._draw(i) for i in range(self._args.micro_batch_size)]
            self._size, self._pool = len(samples), [samples]
            return
        budget = self._args.micro_batch_size * self._args.sequence_length
        samples, tokens = [], 0
        while tokens < POOL * budget:
            samples.append(self._draw(len(samples)))
            tokens += len(samples[-1].seen)
        self._size, self._pool = len(samples), list(cut(samples, budget))
        self._proteins.generator(2, self._lane, self._taken).shuffle(self._pool)

    def _draw(self, place: int) -> Sample:
        return self._proteins.sample(self._lane + (self._taken + place) * self._lanes)


def cut(samples: list[Sample], budget: int) -> Iterator[list[Sample]]:
    """Proteins of neighbouring lengths, as many as fill `budget` tokens when all are as long as the longest."""
    part: list[Sample] = []
    for sample in sorted(samples, key=lambda sample: len(sample.seen)):  # so the newest is the longest
        if part and (len(part) + 1) * len(sample.seen) > budget:
            yield part
            part = []
        part.append(sample)
    yield part


def together(samples: list[Sample], length: int) -> MicroBatch:
    """One array of them, padded to the longest, or to `length` tokens, which then count; 0: to the longest."""
    width = length or max(len(sample.seen) for sample in samples)
    tokens = np.full((len(samples), width), PAD, np.int64)
    for row, sample in enumerate(samples):
        tokens[row, : len(sample.seen)] = sample.seen
    places = np.concatenate([sample.places + row * width for row, sample in enumerate(samples)])
    wanted = np.concatenate([sample.wanted for sample in samples]).astype(np.int64)
    return MicroBatch(tokens, places, wanted, tokens.size if length else sum(len(sample.seen) for sample in samples))


@dataclass(frozen=True, slots=True)
class Batch:
    """What one rank needs for one step."""

    parts: list[MicroBatch]
    states: list[dict[str, int]]
    """State of each of the rank's lanes after it."""


class Loader:
    """This rank's batches: its lanes are as many as its share of the micro-batches of a step."""

    def __init__(
        self, proteins: Proteins, args: Args, *, rank: int, world_size: int, states: list[dict[str, Any]] | None = None
    ) -> None:
        lanes = args.global_batch_size // args.micro_batch_size
        mine = range(rank * lanes // world_size, (rank + 1) * lanes // world_size)
        self._lanes = [Lane(proteins, args, lane, lanes, states[lane] if states else None) for lane in mine]
        self.states = [lane.state() for lane in self._lanes]
        self._batches = Ahead(self._make)

    def __next__(self) -> list[MicroBatch]:
        """A micro-batch of each lane; raises what the thread met."""
        batch = next(self._batches)
        self.states = batch.states
        return batch.parts

    def close(self) -> None:
        """Stop the thread that makes them ahead."""
        self._batches.close()

    def _make(self) -> Batch:
        return Batch([lane.take() for lane in self._lanes], [lane.state() for lane in self._lanes])
