"""Tokens packed to the sequence length: made once, by whoever comes first, then read by every rank where it needs them.

Files ``tokens-0.bin`` ... hold rows of one sequence and one token more, so that inputs and targets are shifted by one.
Sequence i is row i // LANES of file i % LANES. Which sequences a step takes follows from seed and step alone, so a
resumed run, also one with more replicas, takes those that it would have taken.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seatrial.cases.neuronx_distributed import Args
from seatrial.cases.neuronx_distributed.models import MODELS
from seatrial.data.batches import Lane
from seatrial.data.prepare import prepared
from seatrial.data.sources import open_source
from seatrial.data.tokenizers import Bytes, Tokenizer, open_tokenizer
from seatrial.errors import Problem, UserError
from seatrial.job import digest

LANES = 8
"""Files, and so processes that can write them: what is written does not depend on how many do."""


def folder_of(args: Args, data: Path) -> Path:
    """Where the tokens of these arguments are, or will be. What does not decide them is not in its name."""
    names = ("dataset", "tokenizer", "sequence_length", "sequences", "seed")
    decides = {name: getattr(args, name) for name in names} | {"vocabulary": MODELS[args.model].vocab_size}
    return data / f"tokens-{digest('neuronx-distributed', decides)}"


def tokenise(args: Args, data: Path, *, processes: int, alive: Callable[[], None]) -> Path:
    """The folder of the tokens, made now if nobody had. Safe to call from every rank at once."""

    def make(folder: Path) -> None:
        opened(args)  # what is wrong with it is said here, not in eight processes
        if processes == 1:
            for lane in range(LANES):
                write_lane(args, folder, lane, alive)
            return
        pool = ProcessPoolExecutor(min(processes, LANES), mp_context=get_context("spawn"))
        try:
            pending = {pool.submit(write_lane, args, folder, lane) for lane in range(LANES)}
            while pending:
                done, pending = wait(pending, timeout=1, return_when=FIRST_COMPLETED)
                alive()
                for future in done:
                    future.result()
        finally:
            pool.shutdown(cancel_futures=True)

    return prepared(folder_of(args, data), make, waiting=alive)


def rows_of(sequences: int, lane: int) -> int:
    """Sequences in a lane's file."""
    return len(range(lane, sequences, LANES))


def write_lane(args: Args, folder: Path, lane: int, alive: Callable[[], None] = lambda: None) -> None:
    """One file."""
    vocabulary = MODELS[args.model].vocab_size
    source = open_source(args.dataset, seed=args.seed, vocab_size=vocabulary)
    packed = Lane(source, opened(args), args.sequence_length, lane, LANES, None)
    with (folder / f"tokens-{lane}.bin").open("wb") as file:
        for _ in range(rows_of(args.sequences, lane)):
            file.write(packed.take().astype(dtype_of(vocabulary)).tobytes())
            alive()


def opened(args: Args) -> Tokenizer:
    """The tokenizer. Raises UserError if it does not fit the model."""
    vocabulary = MODELS[args.model].vocab_size
    tokenizer = Bytes() if args.dataset == "synthetic" else open_tokenizer(args.tokenizer)
    if tokenizer.vocab_size > vocabulary and args.dataset != "synthetic":
        what = f"{tokenizer.vocab_size} tokens do not fit the model's vocabulary of {vocabulary}"
        raise UserError(Problem(what, f"tokenizer {args.tokenizer}"))
    return tokenizer


def dtype_of(vocabulary: int) -> np.dtype[np.unsignedinteger]:
    """The narrowest numbers that hold every token."""
    return np.dtype(np.uint16 if vocabulary <= 2**16 else np.uint32)


class Batches:
    """This replica's part of any step's global batch."""

    def __init__(self, args: Args, folder: Path, replica: int, replicas: int) -> None:
        dtype = dtype_of(MODELS[args.model].vocab_size)
        self.args = args
        self.mine = slice(
            replica * args.global_batch_size // replicas, (replica + 1) * args.global_batch_size // replicas
        )
        self.files = [
            np.memmap(folder / f"tokens-{lane}.bin", dtype, "r").reshape(-1, args.sequence_length + 1)
            for lane in range(LANES)
            if rows_of(args.sequences, lane)
        ]
        self._order: tuple[int, NDArray[np.int64]] = (-1, np.empty(0, np.int64))

    def step(self, step: int) -> NDArray[np.int64]:
        """int64 [sequences of this replica, S + 1] of step `step`, 0 for the first."""
        size = self.args.global_batch_size
        numbers = [self._sequence(place) for place in range(step * size, (step + 1) * size)[self.mine]]
        return np.stack([self.files[number % LANES][number // LANES] for number in numbers]).astype(np.int64)

    def _sequence(self, place: int) -> int:
        """The sequence at a place of the endless row of epochs, each in an order of its own."""
        epoch, inside = divmod(place, self.args.sequences)
        if self._order[0] != epoch:
            self._order = epoch, np.random.default_rng([self.args.seed, epoch]).permutation(self.args.sequences)
        return int(self._order[1][inside])
