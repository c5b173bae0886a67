"""Token sequences in MDS shards: written once with streaming's MDSWriter, read by its StreamingDataset."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from numpy.typing import NDArray
from streaming import MDSWriter, StreamingDataset
from streaming.base.constant import BARRIER_FILELOCK, CACHE_FILELOCK
from streaming.base.shared import SharedMemory
from streaming.base.util import clean_stale_shared_memory
from torch.utils.data import DataLoader

from seatrial.cases.composer_mpt import Args
from seatrial.data.prepare import MANIFEST, prepared
from seatrial.data.sources import Files, open_source
from seatrial.data.tokenizers import Tokenizer, open_tokenizer
from seatrial.errors import Problem, UserError
from seatrial.train.worker import Worker

SPLIT = "train"
"""Folder of the shards inside a data set."""


def write_mds(
    documents: Iterable[str], folder: Path, *, tokenizer: Tokenizer, sequence_length: int, limit: int = 0
) -> int:
    """Write documents, end to end and cut into sequences, as MDS shards in ``folder/train``; how many sequences.

    A last part that fills no sequence is left out. `limit`: stop after so many sequences; 0: write all.
    """
    count = 0
    with MDSWriter(out=str(folder / SPLIT), columns={"tokens": "ndarray:int32"}) as writer:
        for sequence in itertools.islice(sequences(documents, tokenizer, sequence_length), limit or None):
            writer.write({"tokens": sequence})
            count += 1
    return count


def sequences(documents: Iterable[str], tokenizer: Tokenizer, length: int) -> Iterator[NDArray[np.int32]]:
    """All documents' tokens with an end mark after each, cut into pieces of `length`."""
    rest = np.empty(0, dtype=np.int32)
    for document in documents:
        tokens = tokenizer.encode(document)
        found = np.frombuffer(tokens, np.uint8) if isinstance(tokens, bytes) else np.asarray(tokens)
        end = [] if tokenizer.end is None else [tokenizer.end]
        rest = np.concatenate((rest, found, end)).astype(np.int32)
        whole = len(rest) // length * length
        yield from rest[:whole].reshape(-1, length)
        rest = rest[whole:]


def prepared_mds(worker: Worker, args: Args) -> Path:
    """The folder of the run's data: made by its first rank, or there already (``mds:NAME``)."""
    worker.stage("prepare data")
    kind, _, name = args.dataset.partition(":")
    if kind == "mds":
        folder = worker.data / name
        if not (folder / MANIFEST).is_file():
            remedy = "run the preparation on the same cluster first, as in: seatrial run datasets/c4-mds --on NAME"
            raise UserError(Problem("there is no prepared data set", str(folder), remedy))
        return folder
    source = open_source(args.dataset, seed=args.seed)
    files = source.paths if isinstance(source, Files) else []
    identity = [args.dataset, args.tokenizer, args.sequence_length, args.sequences, args.seed]
    identity += [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16]

    def make(unfinished: Path) -> None:
        cursor = source.cursor(0, 1, None)
        documents = (cursor.read() for _ in range(len(source.documents) if isinstance(source, Files) else 0))
        tokenizer = open_tokenizer(args.tokenizer)
        write_mds(
            documents, unfinished, tokenizer=tokenizer, sequence_length=args.sequence_length, limit=args.sequences
        )

    return prepared(worker.data / f"mds-{digest}", make, waiting=worker.alive)


@contextlib.contextmanager
def loader(folder: Path, *, batch_size: int, sequence_length: int, seed: int, workers: int) -> Iterator[Any]:
    """This rank's batches of `batch_size` sequences, shuffled; Composer keeps their state in its checkpoints."""
    if torch.cuda.is_available():
        # What a job that was killed with all its helpers left: up to 8 bytes for each sequence of the data. Not where
        # several runs share a machine: it would take theirs too.
        clean_stale_shared_memory()
    dataset = StreamingDataset(local=str(folder), split=SPLIT, shuffle=True, shuffle_seed=seed, batch_size=batch_size)
    try:
        _check(dataset, folder, batch_size, sequence_length)
        yield DataLoader(
            dataset,
            batch_size=batch_size,
            collate_fn=_collate,
            num_workers=workers,
            drop_last=True,
            pin_memory=torch.cuda.is_available(),
        )
    finally:
        release()


def _check(dataset: StreamingDataset, folder: Path, batch_size: int, sequence_length: int) -> None:
    """Raises UserError for data that the run cannot be made with."""
    if len(dataset) < batch_size:  # as many as a rank has of them
        problem = f"its {dataset.num_samples} sequences are less than a global batch"
        raise UserError(Problem(problem, str(folder), "prepare more, or take a smaller global_batch_size"))
    found = len(dataset[0]["tokens"])
    if found != sequence_length:
        remedy = f"--set sequence_length={found}, or prepare it again"
        raise UserError(Problem(f"its sequences have {found} tokens, not {sequence_length}", str(folder), remedy))


def _collate(samples: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    return {"input_ids": torch.from_numpy(np.stack([sample["tokens"] for sample in samples])).long()}


def release() -> None:
    """Give back what streaming shares between a node's ranks: shared memory, and lock files.

    Its own handlers run at an exit in order, which a rank has not.
    """
    for found in gc.get_objects():
        if type(found) is SharedMemory:  # isinstance would ask each object of the process for its __class__
            found.cleanup()
        elif type(found) is FileLock and found.lock_file.endswith((BARRIER_FILELOCK, CACHE_FILELOCK)):
            Path(found.lock_file).unlink(missing_ok=True)
