"""FASTA files, plain or compressed, one protein after another; and where there is a real one. Standard library only."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from seatrial.errors import Problem, UserError

OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}
UNIPROT = Path("/usr/share/doc/mmseqs2/example-data/DB.fasta.gz")
"""20,000 proteins of UniProt, 3,183 of them Swiss-Prot's, in Debian's package mmseqs2-examples."""
REMEDY = (
    "apt-get install mmseqs2-examples (9.6 MB); without root apt-get download mmseqs2-examples && dpkg -x "
    f"mmseqs2-examples_*.deb . && --set dataset=fasta:{UNIPROT.relative_to('/')}; or fasta:PATH of any other"
)
_SEQUENCE = re.compile(r"[A-Z.-]+\*?", re.ASCII)
"""Residues by one letter, gaps, and the stop that translated genes end with."""


@dataclass(frozen=True, slots=True)
class Protein:
    """One record."""

    id: str
    """The accession: ``Q6GZX4`` of ``sp|Q6GZX4|001R_FRG3G``, otherwise the first word. MMseqs2 calls it the same."""
    sequence: str
    """Capital letters."""


def path_of(source: str) -> Path:
    """The file of ``uniprot`` or ``fasta:PATH``. Raises UserError if there is none."""
    if source == "uniprot":
        path, remedy = UNIPROT, REMEDY
    elif source.startswith("fasta:"):
        path, remedy = Path(source.removeprefix("fasta:")), "give the path of a FASTA file, .gz, .xz and .bz2 too"
    else:
        raise UserError(Problem(f"no source of proteins is called {source!r}", "dataset", "uniprot, or fasta:PATH"))
    if not path.is_file():
        raise UserError(Problem("there is no such file", str(path), remedy))
    return path


def proteins(path: Path) -> Iterator[Protein]:
    """Every record of a FASTA file, in its order. Raises UserError with the line's number."""
    lines: list[str] = []  # of the record that is being read
    name, number = "", 0
    file: IO[str]
    try:
        with OPENERS.get(path.suffix, open)(path, "rt", encoding="utf-8", errors="replace") as file:
            for line in file:
                number += 1
                if not line.startswith(">"):
                    lines.append(line)
                    continue
                if name:
                    yield _protein(name, "".join(lines))
                elif "".join(lines).strip():
                    raise ValueError("there is a sequence before the first name")
                name, lines = _id(line), []
            if name:
                yield _protein(name, "".join(lines))
            elif "".join(lines).strip():
                raise ValueError("it is no FASTA: no line begins with >")
    except (ValueError, EOFError, OSError, lzma.LZMAError) as error:
        what = f"cannot be read at line {number}: {error}"
        raise UserError(Problem(what, str(path), "give a whole FASTA file of proteins")) from error


def _id(header: str) -> str:
    words = header[1:].split(maxsplit=1)
    if not words:
        raise ValueError("a record has no name")
    parts = words[0].split("|")
    return parts[1] if parts[0] in ("sp", "tr") and len(parts) > 2 and parts[1] else words[0]


def _protein(name: str, text: str) -> Protein:
    sequence = "".join(text.split()).upper()
    if not _SEQUENCE.fullmatch(sequence):
        raise ValueError(f"{name} has no sequence" if not sequence else f"{name} is no protein in letters")
    return Protein(name, sequence.rstrip("*"))
