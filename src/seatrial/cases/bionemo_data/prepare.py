"""Prepare proteins, or verify those that are there. Reads from top to bottom."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from seatrial.cases._proteins import clusters, fasta, splits
from seatrial.cases._proteins.fasta import Protein
from seatrial.cases.bionemo_data import URLS, Args
from seatrial.cases.bionemo_data.formats import write_csv, write_parquet
from seatrial.cases.datasets.documents import fetch
from seatrial.cases.datasets.prepare import DESCRIPTION, alive_or_stopped, check_that_it_lasts, checksums
from seatrial.data.prepare import prepared, verify
from seatrial.errors import Problem, UserError
from seatrial.findings import Finding, Rule, Verdict
from seatrial.rank import announce
from seatrial.rank.core import Rank
from seatrial.rank.start import start

SIGNS = 10_000
"""Proteins between two signs of life."""


def main() -> None:
    """Prepare, verify, and exit with a code of ExitCode."""
    with start(Rank) as worker:
        args = Args(**worker.args)
        check_that_it_lasts(worker)
        announce.run_start(worker, steps=1, unit="samples", packages=("pyarrow",))
        alive = alive_or_stopped(worker)

        def make(folder: Path) -> None:
            worker.stage(f"open {args.source}")
            path = open_source(args, worker.data, alive)
            holds = write(args, path, folder, worker, alive)
            worker.stage("compare splits")
            description = {"made of": asdict(args), "holds": holds, "in two splits": splits.shared(folder)}
            worker.stage(f"write {args.format}")
            if args.format == "esm2":
                write_parquet(folder, alive)
            else:
                write_csv(folder, args.proteins_per_file, alive)
            (folder / DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n")
            worker.stage("take checksums")

        folder = prepared(worker.data / args.name, make, waiting=alive)
        description = check_that_it_is_the_same(folder, args)
        worker.stage("verify checksums")
        worker.emit(checksums(folder, verify(folder, waiting=alive)))
        worker.emit(disjoint(description["in two splits"]))
        worker.emit(size(folder, description["holds"], args.proteins))
        worker.end("completed", 1)


def open_source(args: Args, downloads: Path, alive: Callable[[], None]) -> Path:
    """The FASTA file, fetched once if it is a URL. Raises UserError."""
    if args.source.startswith(URLS):
        return fetch(args.source, args.sha256, downloads, alive)
    return fasta.path_of(args.source)


def write(args: Args, path: Path, folder: Path, worker: Rank, alive: Callable[[], None]) -> dict[str, Any]:
    """Write the splits; what each holds."""

    def found() -> Iterator[Protein]:
        for number, protein in enumerate(islice(fasta.proteins(path), args.proteins or None)):
            if number % SIGNS == 0:
                alive()
            yield protein

    worker.stage(f"find clusters: {args.clusters}")
    with clusters.opened(args.clusters, found, folder / "clusters") as cluster_of:
        holds = splits.write(
            found(),
            cluster_of,
            folder,
            valid=args.valid_share,
            test=args.test_share,
            progress=lambda number: worker.stage(f"{number:,} proteins"),
        )
    empty = [split for split, share in holds.items() if not share.proteins and wanted(args, split)]
    if empty:
        remedy = "give more proteins, or larger shares"
        raise UserError(Problem(f"no cluster came to {' and '.join(empty)}", args.source, remedy))
    return {split: asdict(share) for split, share in holds.items()}


def wanted(args: Args, split: str) -> bool:
    """Whether a split must hold something."""
    return {splits.VALID: args.valid_share, splits.TEST: args.test_share}.get(split, 1.0) > 0


def check_that_it_is_the_same(folder: Path, args: Args) -> dict[str, Any]:
    """The description of the data set. Raises UserError if it was made with other arguments."""
    try:
        description: dict[str, Any] = json.loads((folder / DESCRIPTION).read_text())
        before = description["made of"]
        different = [
            f"{name} was {before[name]!r}, now it is {now!r}"
            for name, now in asdict(args).items()
            if before[name] != now and name not in ("name", "sha256")
        ]
        if not {"holds", "in two splits"} <= description.keys():
            raise ValueError("it does not say what it holds")
    except (OSError, ValueError, KeyError, TypeError) as error:
        remedy = "move it away, or --set name=ANOTHER"
        raise UserError(Problem(f"was not made by this case, or is damaged: {error!r}", str(folder), remedy)) from error
    if different:
        remedy = "--set name=ANOTHER, or remove it first"
        raise UserError(Problem(f"was made with other arguments: {'; '.join(different)}", str(folder), remedy))
    return description


DISJOINT = Rule(
    id="data.splits-disjoint",
    verdicts=(Verdict.PASS, Verdict.FAIL),
    reads="the files of training, validation and test, when they were made",
    expected="no cluster and no protein in two of them",
    why="a validation loss on proteins that were trained on, or on their relatives, says nothing",
    remedy="remove the folder, and prepare it again with other clusters",
    source="src/seatrial/cases/bionemo_data/README.md",
    good="0 clusters and 0 proteins in two splits",
    bad="3 clusters and 3 proteins in two splits",
)
PROTEINS = Rule(
    id="data.proteins",
    verdicts=(Verdict.PASS, Verdict.WARN),
    reads="what was written",
    expected="all proteins that were asked for",
    why="a training that needs more sees the same proteins again",
    remedy="the source has no more: train for fewer steps, or take a larger one",
    source="src/seatrial/cases/bionemo_data/README.md",
    good="train: 3,840 proteins in 2,900 clusters",
    bad="train: 700 proteins in 600 clusters, of 4,000",
)


def disjoint(shared: dict[str, int]) -> Finding:
    """Whether the splits have nothing in common."""
    observed = f"{' and '.join(f'{count:,} {what}' for what, count in shared.items())} in two splits"
    return DISJOINT.finding(Verdict.FAIL if any(shared.values()) else Verdict.PASS, observed)


def size(folder: Path, holds: dict[str, dict[str, int]], asked: int) -> Finding:
    """How much there is, and whether the source had as much as was asked for."""
    parts = [
        f"{split}: {share['proteins']:,} proteins in {share['clusters']:,} clusters, {share['residues']:,} residues"
        for split, share in holds.items()
    ]
    short = sum(share["proteins"] for share in holds.values()) < asked
    return PROTEINS.finding(
        Verdict.WARN if short else Verdict.PASS,
        f"{'; '.join(parts)}; in {folder}",
        expected=f"{asked:,} proteins" if asked else "",
    )


if __name__ == "__main__":
    main()
