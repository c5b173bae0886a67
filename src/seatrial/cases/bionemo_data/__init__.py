"""Protein sequences for bionemo: from FASTA to clusters, and to training, validation and test without leakage."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from seatrial.arguments import CaseArgs, Count, Share, WholeNumber
from seatrial.cases._proteins.fasta import path_of
from seatrial.cases.bionemo import UNIREF50, UNIREF50_CSV
from seatrial.errors import Problem, UserError
from seatrial.spec import Case, Layout, Recipe

URLS = ("https://", "http://", "file://")
UNIREF50_URL = "https://ftp.uniprot.org/pub/databases/uniprot/uniref/uniref50/uniref50.fasta.gz"
"""Of the current release, which changes every two months: so there is no checksum to expect."""


@dataclass(frozen=True, kw_only=True)
class Args(CaseArgs):
    """Everything that decides a prepared data set."""

    name: str
    """Folder of the data set, beside the runs: bionemo calls it proteins:NAME."""
    source: str
    """uniprot, 20,000 proteins of a Debian package | fasta:PATH | URL of a FASTA file; .gz, .xz and .bz2 too."""
    sha256: str = ""
    """Checksum that a file from a URL must have; empty: whatever comes is taken, and its checksum recorded."""
    clusters: str = "words"
    """uniref: each record is a cluster of UniRef | tsv:PATH: MMseqs2's | words: proteins that share 12 residues in a
    row, for as many as fit into memory."""
    format: Literal["esm2", "esm1nv"] = "esm2"
    """esm2: SQLite and Parquet, for our program and BioNeMo 2 | esm1nv: CSV in folders, for BioNeMo 1."""
    valid_share: Share = 0.02
    """Share of the clusters that validation gets. Clusters of more than 100 proteins are always trained on."""
    test_share: Share = 0.02
    """Share of the clusters that nobody trains or validates on."""
    proteins: WholeNumber = 0
    """Proteins that are taken, from the beginning; 0: all."""
    proteins_per_file: Count = 1_000_000
    """Proteins in one CSV file of esm1nv."""


def check(args: Args, layout: Layout) -> Iterable[Problem]:
    """Rules over arguments and layout."""
    if layout.world_size != 1:
        yield Problem(
            f"one process prepares the data, the job has {layout.world_size}", "processes", "--nodes 1 --processes 1"
        )
    if not re.fullmatch(r"\w[\w.-]*", args.name, re.ASCII):
        yield Problem(f"{args.name!r} is no name for a folder", "name", "use letters, digits, dots and dashes")
    if args.source != "uniprot" and not args.source.startswith(("fasta:", *URLS)):
        yield Problem(f"{args.source!r} is no source", "source", "choose from: uniprot, fasta:PATH, https://…")
    if args.clusters not in ("uniref", "words") and not re.match("tsv:.", args.clusters):
        yield Problem(f"{args.clusters!r} makes no clusters", "clusters", "choose from: uniref, tsv:PATH, words")
    if args.sha256 and not re.fullmatch(r"[0-9a-f]{64}", args.sha256):
        yield Problem(f"{args.sha256!r} is no SHA-256", "sha256", "64 hexadecimal digits, small letters")
    if args.sha256 and not args.source.startswith(URLS):
        yield Problem("only a file from a URL has one", "sha256", "leave it out")
    if args.valid_share + args.test_share >= 1:
        yield Problem("nothing is left to train on", "valid_share, test_share", "together less than 1")


def preflight(args: Args) -> Iterable[Problem]:
    """What can only be seen on the machine that prepares."""
    if not args.source.startswith(URLS):
        try:
            path_of(args.source)
        except UserError as error:
            yield from error.problems
    kind, _, path = args.clusters.partition(":")
    if kind == "tsv" and not Path(path).is_file():
        yield Problem("there is no such file", path, "mmseqs createtsv writes it")


def _tiny(name: str, title: str, args: Args) -> Recipe:
    return Recipe(name=name, title=title, args=args, processes_per_node=1)


def _uniref50(name: str, title: str, format: Literal["esm2", "esm1nv"]) -> Recipe:
    # 0.5 % as ESM-2 held back (doi:10.1126/science.ade2574, supplement), and as much for a test.
    args = Args(name=name, source=UNIREF50_URL, clusters="uniref", format=format, valid_share=0.005, test_share=0.005)
    return Recipe(name=name, title=title, args=args, processes_per_node=1)


CASE = Case(
    name="bionemo-data",
    title="Prepared proteins: UniRef50 in clusters, split without leakage, as bionemo and BioNeMo read it",
    framework="SQLite, Apache Arrow",
    Args=Args,
    recipes=(
        _tiny(
            "tiny",
            "4,000 proteins of UniProt, for our program and BioNeMo 2",
            Args(name="tiny-proteins", source="uniprot", proteins=4000),
        ),
        _tiny(
            "tiny-esm1nv",
            "4,000 proteins of UniProt, for BioNeMo 1",
            Args(name="tiny-proteins-esm1nv", source="uniprot", proteins=4000, format="esm1nv", proteins_per_file=1000),
        ),
        _uniref50(UNIREF50, "UniRef50, all of it, for our program and BioNeMo 2", "esm2"),
        _uniref50(UNIREF50_CSV, "UniRef50, all of it, for BioNeMo 1", "esm1nv"),
    ),
    program="seatrial.cases.bionemo_data.prepare",
    environment="pytorch",
    requires=("numpy", "pyarrow"),
    purpose="preparation",
    resumable=True,
    check=check,
    preflight=preflight,
    fidelity="real",
    fidelity_note="data are prepared on CPUs everywhere",
)
