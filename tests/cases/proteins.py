"""Proteins made up for tests: families of relatives, of very different lengths."""

from __future__ import annotations

import random
from pathlib import Path

from seatrial.cases._proteins import clusters, splits
from seatrial.cases._proteins.fasta import Protein

LETTERS = "ACDEFGHIKLMNPQRSTVWY"


def family(generator: random.Random, name: str, members: int, length: int) -> list[Protein]:
    """A protein and copies of it in which one residue in 30 is another."""
    first = "".join(generator.choices(LETTERS, k=length))
    changed = [
        "".join(generator.choice(LETTERS) if generator.random() < 1 / 30 else letter for letter in first)
        for _ in range(members - 1)
    ]
    return [Protein(f"{name}.{number}", sequence) for number, sequence in enumerate([first, *changed])]


def families(count: int = 150) -> list[Protein]:
    """One to three relatives each, of 5 to 400 residues."""
    generator = random.Random(7)
    found = [
        protein
        for number in range(count)
        for protein in family(generator, f"F{number}", generator.randint(1, 3), generator.randint(5, 400))
    ]
    generator.shuffle(found)
    return found


def prepared(folder: Path, *, valid: float = 0.1) -> Path:
    """Splits of them."""
    folder.mkdir(parents=True, exist_ok=True)
    found = families()
    with clusters.opened("words", lambda: found, folder / "scratch") as cluster_of:
        splits.write(found, cluster_of, folder, valid=valid)
    return folder


def fasta(path: Path, found: list[Protein]) -> Path:
    """As a file."""
    path.write_text("".join(f">{protein.id} made up\n{protein.sequence}\n" for protein in found))
    return path
