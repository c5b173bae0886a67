"""Which proteins are relatives, so that training, validation and test can be kept apart by whole clusters.

Three ways, by what there is:

- ``uniref``: each record stands for a cluster that UniRef has made, so it is one by itself;
- ``tsv:PATH``: clusters that MMseqs2 has made, ``mmseqs createtsv``: representative, tab, member;
- ``words``: of plain FASTA. Proteins that share any WORD residues in a row are one cluster, and so are theirs in turn.
  That is coarse, but it can be said and checked in one sentence: no WORD residues in a row of a held-out protein stand
  in training. Distant relatives may still be on both sides: of pairs of 300 residues 98 % are linked at 80 % identity,
  70 % at 70 %, 22 % at 60 %. MMseqs2 finds those.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seatrial.cases._proteins.fasta import Protein
from seatrial.errors import Problem, UserError

WORD = 12
"""Residues. Of UniProt's letters as frequent as they are, two places have the same word by chance with 0.06^12, so that
in 1e7 residues a tenth of a pair is linked by chance; with words of 10 there would be 30."""
AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"

Size = int
"""Proteins of a cluster."""
ClusterOf = Callable[[Protein], tuple[str, Size]]
"""Name and size of a protein's cluster; the name is the id of one of its members."""


@contextlib.contextmanager
def opened(clusters: str, proteins: Callable[[], Iterable[Protein]], scratch: Path) -> Iterator[ClusterOf]:
    """The clusters of `proteins`, which is called for them once or not at all. `scratch` is a file that may be made."""
    if clusters == "uniref":
        yield _uniref
    elif clusters == "words":
        yield _by_words(list(proteins()))
    else:
        with _tsv(Path(clusters.removeprefix("tsv:")), scratch) as of:
            yield of


def _uniref(protein: Protein) -> tuple[str, Size]:
    if not re.match(r"UniRef\d+_", protein.id):
        remedy = "--set clusters=words, or tsv:PATH of MMseqs2's clusters"
        raise UserError(Problem(f"{protein.id} is no record of UniRef", "clusters uniref", remedy))
    return protein.id, 1


@contextlib.contextmanager
def _tsv(path: Path, scratch: Path) -> Iterator[ClusterOf]:
    """Kept in a file: UniRef's 65 million clusters have more members than memory has room for."""
    with contextlib.closing(sqlite3.connect(scratch)) as found:
        found.execute("PRAGMA synchronous=OFF")
        found.execute("CREATE TABLE member(id TEXT PRIMARY KEY, cluster TEXT) WITHOUT ROWID")
        try:
            with path.open(encoding="utf-8") as file:
                found.executemany("INSERT INTO member VALUES (?, ?)", _members(file))
        except (OSError, ValueError, sqlite3.IntegrityError) as error:
            remedy = "give what mmseqs createtsv writes: representative, tab, member, each member once"
            raise UserError(Problem(f"cannot be read: {error}", str(path), remedy)) from error
        found.execute("CREATE TABLE size AS SELECT cluster, count(*) AS members FROM member GROUP BY cluster")
        found.execute("CREATE INDEX size_cluster ON size(cluster)")

        def of(protein: Protein) -> tuple[str, Size]:
            query = "SELECT cluster, members FROM member JOIN size USING (cluster) WHERE id = ?"
            row: tuple[str, int] | None = found.execute(query, (protein.id,)).fetchone()
            if row is None:  # in whichever split it went, its relatives might be in another
                remedy = "make the clusters of this very FASTA file"
                raise UserError(Problem(f"{protein.id} is in no cluster", str(path), remedy))
            return row

        yield of
    scratch.unlink()


def _members(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(lines, start=1):
        cluster, tab, member = line.rstrip("\n").partition("\t")
        if not (cluster and tab and member) or "\t" in member:
            raise ValueError(f"line {number} is not two names with a tab between")
        yield member, cluster


def _by_words(proteins: list[Protein]) -> ClusterOf:
    labels = linked([protein.sequence for protein in proteins])
    sizes = Counter(labels)
    clusters = {p.id: (proteins[label].id, sizes[label]) for p, label in zip(proteins, labels, strict=True)}
    return lambda protein: clusters[protein.id]


def linked(sequences: list[str]) -> list[int]:
    """For each sequence the number of the first one in its cluster: all that share WORD residues, directly or not.

    Needs about 40 bytes of memory for each residue.
    """
    parent = list(range(len(sequences)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for one, other in [*_sharing(sequences), *_equal(sequences)]:
        first, second = sorted((root(one), root(other)))
        parent[second] = first
    return [root(i) for i in range(len(sequences))]


def _sharing(sequences: list[str]) -> list[tuple[int, int]]:
    """Pairs of sequences with a word in common, enough of them to link all that have it."""
    if not sequences:
        return []
    codes = np.full(256, 31, np.uint64)  # not one of the twenty: X and others are no evidence
    codes[[ord(letter) for letter in AMINO_ACIDS]] = np.arange(20)
    text = codes[np.frombuffer("\n".join([*sequences, ""]).encode(), np.uint8)]
    owners = np.repeat(np.arange(len(sequences)), [len(sequence) + 1 for sequence in sequences])
    count = max(0, len(text) - WORD + 1)
    words, whole = np.zeros(count, np.uint64), np.ones(count, bool)
    for place in range(WORD):  # 5 bits each: the word itself, not a hash of it
        words |= text[place : count + place] << np.uint64(5 * place)
        whole &= text[place : count + place] != 31
    words, owners = words[whole], owners[:count][whole]
    order = np.argsort(words, kind="stable")
    words, owners = words[order], owners[order]
    neighbours = (words[1:] == words[:-1]) & (owners[1:] != owners[:-1])
    return _pairs(owners[:-1][neighbours], owners[1:][neighbours], len(sequences))


def _pairs(one: NDArray[np.int64], other: NDArray[np.int64], count: int) -> list[tuple[int, int]]:
    """Each pair once."""
    found = np.unique(one * count + other)
    return list(zip((found // count).tolist(), (found % count).tolist(), strict=True))


def _equal(sequences: list[str]) -> Iterator[tuple[int, int]]:
    """Pairs of equal sequences: what is shorter than a word has none."""
    first: dict[str, int] = {}
    for number, sequence in enumerate(sequences):
        yield first.setdefault(sequence, number), number
