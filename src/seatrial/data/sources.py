"""Where text comes from: documents that are read in an order fixed by the seed, by lanes.

Sequence i of every global batch comes from lane i, and each lane reads documents of its own. Lanes belong to the
global batch, not to ranks, so the same seed gives the same batches at any world size, and a lane's position is two
small numbers however far it has read.

Specifications: ``stdlib`` | ``text:GLOB`` | ``hf:NAME[/CONFIG]`` | ``synthetic``. Needs the standard library only
(``hf:`` the package ``datasets``), so that the command can check a source before it starts any process.
"""

from __future__ import annotations

import codecs
import glob
import os
import random
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from seatrial import extras
from seatrial.errors import Problem, UserError

DOCUMENT_BYTES = 16 * 1024
"""Larger files are cut into documents of about this size, at line ends where they are near, so that one big file
serves many lanes."""
HEAD_BYTES = 4096
"""What is looked at to tell text from other files."""
HELD_OUT = 50
"""One document in this many is for validation."""
KINDS = ("stdlib", "text:GLOB", "hf:NAME[/CONFIG]", "synthetic")


class Cursor(Protocol):
    """One lane's place in a source."""

    def state(self) -> dict[str, Any]:
        """Where the next document begins; JSON-able."""

    def read(self) -> Any:
        """The next document: its text, or its tokens where the source makes tokens itself."""


class Source(Protocol):
    """Documents without end: after the last one the next epoch begins, in another order."""

    def cursor(self, lane: int, lanes: int, state: dict[str, Any] | None) -> Cursor:
        """Lane `lane` of `lanes`, from the beginning or from a saved state."""


def open_source(spec: str, *, seed: int, validation: bool = False, vocab_size: int = 0) -> Source:
    """The source of a specification; its held-out part with `validation`.

    Raises UserError if there is no such kind of source or nothing in it. `vocab_size` is needed by ``synthetic``.
    """
    kind, _, rest = spec.partition(":")
    if kind == "stdlib" and not rest:
        return Files(_standard_library(), seed, validation)
    if kind == "text" and rest:
        return Files(_matching(rest), seed, validation)
    if kind == "hf" and rest:
        return HubDataset(rest, validation)
    if spec == "synthetic":
        return Synthetic(vocab_size, seed, validation)
    raise UserError(Problem(f"no source of data is called {spec!r}", "dataset", f"choose from: {', '.join(KINDS)}"))


def check_source(spec: str, *, validation: bool) -> list[Problem]:
    """What is wrong with a source, as seen on this machine, before anything is started."""
    try:
        source = open_source(spec, seed=0, validation=validation, vocab_size=2)
    except UserError as error:
        return list(error.problems)
    return source.problems() if isinstance(source, Files) else []


@dataclass(frozen=True, slots=True)
class Document:
    """Bytes [start, end) of a file, each of the two moved on to the next place where it can be cut."""

    path: Path
    start: int
    end: int

    def read(self) -> str:
        """The text. A byte that is no UTF-8 becomes a replacement character; `Files.problems` warns before."""
        with self.path.open("rb") as file:
            start, end = _cut(file, self.start), _cut(file, self.end)
            file.seek(start)
            return file.read(end - start).decode("utf-8", errors="replace")


def _documents(path: Path) -> Iterator[Document]:
    size = path.stat().st_size
    # The last one has room for a whole character, so that none is empty.
    starts = range(0, max(size - 3, min(size, 1)), DOCUMENT_BYTES)
    return (Document(path, start, end) for start, end in pairwise((*starts, size)))


def _cut(file: BinaryIO, offset: int) -> int:
    """The next line's beginning if it is near and not the end of the file, else the next character's."""
    if not offset:
        return 0
    file.seek(offset - 1)
    line = file.readline(DOCUMENT_BYTES)
    if line.endswith(b"\n") and offset - 1 + len(line) < os.fstat(file.fileno()).st_size:
        return offset - 1 + len(line)
    file.seek(offset)
    inside = file.read(3)  # UTF-8: bytes 10xxxxxx go on with a character, at most three of them
    return offset + next((i for i, byte in enumerate(inside) if byte & 0xC0 != 0x80), len(inside))


class Files:
    """Text files, cut into documents, in an order that depends on the seed and the epoch."""

    def __init__(self, paths: list[Path], seed: int, validation: bool) -> None:
        self.paths = paths
        self.seed = seed
        self.validation = validation
        documents = [document for path in paths for document in _documents(path)]
        random.Random(f"{seed}/split").shuffle(documents)
        held_out = -(-len(documents) // HELD_OUT) if len(documents) > 1 else 0
        self.documents = documents[:held_out] if validation else documents[held_out:]
        self._order: tuple[int, list[int]] = (-1, [])
        if not self.documents:
            what = "holds too little text to keep some back for validation" if validation else "is empty"
            raise UserError(Problem(f"the source {what}", "dataset", "give more text, or --set validation_every=0"))

    def problems(self) -> list[Problem]:
        """Files that are not UTF-8 text, by their first bytes."""
        found = []
        for path in self.paths:
            try:
                with path.open("rb") as file:
                    head = file.read(HEAD_BYTES)
                # The last character may go on beyond what was read.
                codecs.getincrementaldecoder("utf-8")().decode(head, final=len(head) < HEAD_BYTES)
                if b"\0" in head:
                    raise ValueError
            except OSError as error:
                found.append(Problem(f"cannot be read: {error.strerror}", str(path), "mend its permissions"))
            except ValueError:
                found.append(Problem("is not UTF-8 text", str(path), "leave it out of the pattern, or convert it"))
        return found

    def cursor(self, lane: int, lanes: int, state: dict[str, Any] | None) -> Cursor:
        """See Source."""
        return _FileCursor(self, lane, lanes, state["documents"] if state else 0)

    def document(self, number: int) -> Document:
        """The document that is read as the `number`-th of all lanes together; epochs follow one another."""
        epoch, place = divmod(number, len(self.documents))
        if self._order[0] != epoch:
            order = list(range(len(self.documents)))
            random.Random(f"{self.seed}/{epoch}").shuffle(order)
            self._order = (epoch, order)
        return self.documents[self._order[1][place]]


@dataclass(slots=True)
class _FileCursor:
    source: Files
    lane: int
    lanes: int
    documents: int

    def state(self) -> dict[str, Any]:
        return {"documents": self.documents}

    def read(self) -> str:
        number = self.lane + self.documents * self.lanes
        self.documents += 1
        return self.source.document(number).read()


class HubDataset:
    """A dataset of the Hugging Face hub (or a local folder of data files), streamed.

    The order is the dataset's own: take one that is shuffled on disk, as C4 is. A shuffle buffer could not be resumed
    to the exact sequence.
    """

    def __init__(self, name: str, validation: bool) -> None:
        with extras.needed("datasets", f"hf:{name}"):
            from datasets import load_dataset

        parts = name.split("/")
        local = Path(name).exists()
        path, config = (name, None) if local or len(parts) < 3 else ("/".join(parts[:2]), "/".join(parts[2:]))
        split = "validation" if validation else "train"
        try:
            self.dataset: Any = load_dataset(path, config, split=split, streaming=True)
        except Exception as error:  # the library raises a dozen kinds; all of them mean that it cannot be had
            remedy = (
                "check name, network and HF_TOKEN; a set without a split 'validation' needs --set validation_every=0"
            )
            raise UserError(Problem(f"split {split} cannot be opened: {error}", f"hf:{name}", remedy)) from error

    def cursor(self, lane: int, lanes: int, state: dict[str, Any] | None) -> Cursor:
        """See Source."""
        shards = min(lanes, self.dataset.num_shards)
        dataset = self.dataset.shard(num_shards=shards, index=lane % shards)
        sharing = len(range(lane % shards, lanes, shards))  # lanes that read the same shard, each every n-th document
        return _HubCursor(dataset, lane // shards, sharing, state)


class _HubCursor:
    def __init__(self, dataset: Any, offset: int, sharing: int, state: dict[str, Any] | None) -> None:
        self.dataset = dataset
        self.offset = offset
        self.sharing = sharing
        self.seen = state["seen"] if state else 0
        """Documents of all epochs: with fewer documents than lanes that share them, each lane still gets its turn."""
        # The dataset itself tells its state only once it is being read, and takes one only of its own epoch.
        self.place = state["dataset"] if state else None
        if self.place is not None:
            dataset.set_epoch(self.place["epoch"])
            dataset.load_state_dict(self.place)
        self.documents = self._iterate()

    def state(self) -> dict[str, Any]:
        return {"dataset": self.place, "seen": self.seen}

    def read(self) -> str:
        document = next(self.documents)
        self.place = self.dataset.state_dict()
        return document

    def _iterate(self) -> Iterator[str]:
        empty_passes = 0
        while empty_passes < 2:  # one may be what is left of an epoch: nothing
            empty_passes += 1
            for document in self.dataset:
                empty_passes = 0
                self.seen += 1
                if (self.seen - 1) % self.sharing == self.offset:
                    if "text" not in document:
                        what = f"has no column 'text', only {', '.join(map(repr, document))}"
                        raise UserError(Problem(what, "dataset", "take a dataset with a column 'text'"))
                    yield document["text"]
            self.dataset.set_epoch(self.dataset.epoch + 1)
        raise UserError(Problem("has a part without documents", "dataset", "take another, or a smaller global batch"))


class Synthetic:
    """Random tokens for measuring speed: no file, no tokenizer.

    Frequencies follow Zipf's law, so there is something to learn: the loss falls from ln(V) to their entropy.
    """

    length = 1024

    def __init__(self, vocab_size: int, seed: int, validation: bool) -> None:
        self.vocab_size = vocab_size
        self.seed = f"{seed}/{validation}"

    def cursor(self, lane: int, lanes: int, state: dict[str, Any] | None) -> Cursor:
        """See Source."""
        return _SyntheticCursor(self, lane, state["documents"] if state else 0)


@dataclass(slots=True)
class _SyntheticCursor:
    source: Synthetic
    lane: int
    documents: int

    def state(self) -> dict[str, Any]:
        return {"documents": self.documents}

    def read(self) -> list[int]:
        generator = random.Random(f"{self.source.seed}/{self.lane}/{self.documents}")
        self.documents += 1
        size = self.source.vocab_size
        # exp(u ln V) for uniform u has density 1/x: Zipf's law with exponent 1
        return [int(size ** generator.random()) % size for _ in range(self.source.length)]


def _matching(pattern: str) -> list[Path]:
    paths = sorted({Path(name) for name in glob.glob(pattern, recursive=True) if Path(name).is_file()})
    if not paths:
        raise UserError(Problem("matches no file", f"text:{pattern}", "quote the pattern, and check its folder"))
    return paths


def _standard_library() -> list[Path]:
    left_out = {"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__"}
    found = []
    for folder, folders, names in os.walk(sysconfig.get_path("stdlib")):
        folders[:] = [name for name in folders if name not in left_out]
        found += [Path(folder, name) for name in names if name.endswith(".py")]
    return sorted(found)
