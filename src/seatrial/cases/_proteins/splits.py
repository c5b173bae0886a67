"""Clusters dealt out to training, validation and test, and each split written as an SQLite file.

A file holds the table ``protein(id, sequence)``, as BioNeMo's ESM-2 reads it, and ``cluster(number, ids)``: members
separated by blanks, the representative first if it is there, numbers from 0. A protein's split follows from the name of
its cluster alone, so that a cluster is never in two, whatever else is in the data.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from seatrial.cases._proteins.clusters import ClusterOf
from seatrial.cases._proteins.fasta import Protein
from seatrial.errors import Problem, UserError

TRAIN, VALID, TEST = SPLITS = ("train", "valid", "test")
HELD_OUT = 0.02
"""Share of the clusters that go to validation, and as much to test, unless somebody says otherwise."""
LARGE = 100
"""Clusters of more members than this are always trained on: one of them would be most of what is held out."""
BATCH = 10_000
"""Proteins that are written at a time."""


@dataclass(slots=True)
class Holds:
    """What a split holds."""

    proteins: int = 0
    clusters: int = 0
    residues: int = 0


def split_of(cluster: str, size: int, *, valid: float = HELD_OUT, test: float = HELD_OUT) -> str:
    """The split of a cluster of `size` members; `valid` and `test` are shares of all clusters."""
    if size > LARGE:
        return TRAIN
    place = int.from_bytes(hashlib.sha256(cluster.encode()).digest()[:8], "big") / 2**64
    return VALID if place < valid else TEST if place < valid + test else TRAIN


def write(
    proteins: Iterable[Protein],
    cluster_of: ClusterOf,
    folder: Path,
    *,
    valid: float = HELD_OUT,
    test: float = HELD_OUT,
    progress: Callable[[int], None] = lambda _: None,
) -> dict[str, Holds]:
    """Write ``train.db``, ``valid.db``, ``test.db`` into `folder`, in one pass; `progress` gets how many are written.

    Raises UserError where two records have one id.
    """
    with contextlib.ExitStack() as stack:
        files = {split: stack.enter_context(contextlib.closing(_create(folder / f"{split}.db"))) for split in SPLITS}
        waiting: dict[str, list[tuple[str, str, str]]] = {split: [] for split in SPLITS}
        for number, protein in enumerate(proteins, start=1):
            cluster, size = cluster_of(protein)
            split = split_of(cluster, size, valid=valid, test=test)
            waiting[split].append((protein.id, protein.sequence, cluster))
            if len(waiting[split]) == BATCH:
                _insert(files[split], waiting[split])
            if number % BATCH == 0:
                progress(number)
        for split, file in files.items():
            _insert(file, waiting[split])
        return {split: _finish(file, folder / f"{split}.db") for split, file in files.items()}


def _create(path: Path) -> sqlite3.Connection:
    file = sqlite3.connect(path)
    file.execute("PRAGMA journal_mode=OFF")  # it takes its final name only when it is whole
    file.execute("PRAGMA synchronous=OFF")
    file.execute("CREATE TABLE protein(id TEXT, sequence TEXT, cluster TEXT)")
    return file


def _insert(file: sqlite3.Connection, rows: list[tuple[str, str, str]]) -> None:
    file.executemany("INSERT INTO protein VALUES (?, ?, ?)", rows)
    rows.clear()


def _finish(file: sqlite3.Connection, path: Path) -> Holds:
    try:
        file.execute("CREATE UNIQUE INDEX protein_id ON protein(id)")
    except sqlite3.IntegrityError as error:
        [name] = file.execute("SELECT id FROM protein GROUP BY id HAVING count(*) > 1 LIMIT 1").fetchone()
        raise UserError(Problem(f"{name} is there twice", path.name, "give a FASTA file of different names")) from error
    file.execute("CREATE INDEX protein_cluster ON protein(cluster)")
    file.execute("CREATE TABLE cluster(number INTEGER PRIMARY KEY, ids TEXT)")
    file.execute(
        "INSERT INTO cluster SELECT row_number() OVER (ORDER BY cluster) - 1, group_concat(id, ' ') FROM"
        " (SELECT id, cluster FROM protein ORDER BY cluster, id <> cluster, rowid) GROUP BY cluster"
    )
    file.commit()
    [proteins, residues] = file.execute("SELECT count(*), coalesce(sum(length(sequence)), 0) FROM protein").fetchone()
    [clusters] = file.execute("SELECT count(*) FROM cluster").fetchone()
    return Holds(proteins, clusters, residues)


def shared(folder: Path) -> dict[str, int]:
    """What two of the splits have in common, looked up in the files: ``clusters`` and ``proteins``; both must be 0."""
    found = {"clusters": 0, "proteins": 0}
    for one, other in combinations(SPLITS, 2):
        with contextlib.closing(sqlite3.connect(folder / f"{other}.db")) as file:
            file.execute("ATTACH ? AS larger", (str(folder / f"{one}.db"),))
            for what, column in (("clusters", "cluster"), ("proteins", "id")):
                theirs = f"SELECT {column} FROM larger.protein"
                query = f"SELECT count(DISTINCT {column}) FROM main.protein WHERE {column} IN ({theirs})"
                found[what] += file.execute(query).fetchone()[0]
    return found
