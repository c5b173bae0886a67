"""Prepare a data set, or verify the one that is there. Reads from top to bottom."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from seatrial.cases.datasets import DECIDES, Args
from seatrial.cases.datasets.documents import documents
from seatrial.cases.datasets.formats import Written, write
from seatrial.data.prepare import manifest, prepared, verify
from seatrial.errors import Problem, UserError
from seatrial.findings import Finding, Rule, Verdict
from seatrial.rank import announce
from seatrial.rank.core import Rank
from seatrial.rank.start import start

DESCRIPTION = "dataset.json"
"""File of a prepared data set: what it was made of, and how much it holds."""
PROGRESS_SECONDS = 2.0
"""Between two words about how far it is."""
SHOWN = 5
"""Broken files that a finding names."""


def main() -> None:
    """Prepare, verify, and exit with a code of ExitCode."""
    with start(Rank) as worker:
        args = Args(**worker.args)
        check_that_it_lasts(worker)
        announce.run_start(worker, steps=1, unit="samples", packages=("datasets", "tokenizers", "transformers"))
        alive = alive_or_stopped(worker)

        def make(folder: Path) -> None:
            worker.stage(f"open {args.source}")
            texts = documents(args, worker.data, alive)
            written = write(args, texts, folder, progress(worker, alive), alive)
            if not written.documents:
                raise UserError(Problem("holds no documents", args.source, "take another source"))
            description = {"made of": made_of(args), "holds": asdict(written)}
            (folder / DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n")
            worker.stage("take checksums")

        folder = prepared(worker.data / args.name, make, waiting=alive)
        holds = check_that_it_is_the_same(folder, args)
        worker.stage("verify checksums")
        worker.emit(checksums(folder, verify(folder, waiting=alive)))
        worker.emit(size(folder, holds, args.documents))
        worker.end("completed", 1)


def check_that_it_lasts(worker: Rank) -> None:
    """Raises UserError where the data would be gone with the node."""
    if not worker.keeps_checkpoints and not os.environ.get("SEATRIAL_DATA"):
        remedy = "give the cluster a folder that all nodes share, or SEATRIAL_DATA in its environment"
        raise UserError(Problem("is lost with the node, and the data with it", str(worker.data), remedy))


def alive_or_stopped(worker: Rank) -> Callable[[], None]:
    """A sign of life, at which a request to stop is noticed: what is half done goes, and the next start begins anew."""

    def alive() -> None:
        worker.alive()
        if worker.stop_signal is not None:
            worker.leave("stop", 0, saved=True)  # what counts is kept: downloads, and all finished data sets

    return alive


def progress(worker: Rank, alive: Callable[[], None]) -> Callable[[Written], None]:
    """Says from time to time how much has been written."""
    last = time.monotonic()

    def say(written: Written) -> None:
        nonlocal last
        alive()
        if time.monotonic() - last >= PROGRESS_SECONDS:
            last = time.monotonic()
            worker.stage(how_much(written))

    return say


def how_much(written: Written) -> str:
    """``1,200 documents, 310,000 tokens`` of what is known."""
    counts = {name: count for name, count in asdict(written).items() if count is not None}
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())


def made_of(args: Args) -> dict[str, Any]:
    """The arguments that decide the contents, under any name."""
    return {name: getattr(args, name) for name in ("source", "documents", "seed", "format", *DECIDES[args.format])}


def check_that_it_is_the_same(folder: Path, args: Args) -> Written:
    """What the data set holds. Raises UserError if it was made with other arguments."""
    try:
        description = json.loads((folder / DESCRIPTION).read_text())
        before, holds = description["made of"], Written(**description["holds"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        remedy = "move it away, or --set name=ANOTHER"
        raise UserError(Problem(f"was not made by this case, or is damaged: {error!r}", str(folder), remedy)) from error
    now = made_of(args)
    different = [
        f"{name} was {before.get(name)!r}, now it is {now[name]!r}" for name in now if before.get(name) != now[name]
    ]
    if different:
        remedy = "--set name=ANOTHER, or remove it first"
        raise UserError(Problem(f"was made with other arguments: {'; '.join(different)}", str(folder), remedy))
    return holds


CHECKSUMS = Rule(
    id="data.checksums",
    verdicts=(Verdict.PASS, Verdict.FAIL),
    reads="the data set's files and its manifest",
    expected="every file is as it was written, and no other is there",
    why="a data set that was cut short or mixed with another still trains, on something else",
    remedy="remove the folder, and prepare it again",
    source="src/seatrial/cases/datasets/README.md",
    good="12 files match their checksums",
    bad="shard.00003.mds: another checksum",
)
SIZE = Rule(
    id="data.size",
    verdicts=(Verdict.PASS, Verdict.WARN),
    reads="what was written",
    expected="all documents of the source",
    why="a training that needs more sees the same documents again",
    remedy="the source has no more: train for fewer steps, or take a larger one",
    source="src/seatrial/cases/datasets/README.md",
    good="1,000 documents",
    bad="700 documents",
)


def checksums(folder: Path, problems: list[str]) -> Finding:
    """Whether every file is as it was written."""
    if problems:
        more = f", and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
        return CHECKSUMS.finding(Verdict.FAIL, "; ".join(problems[:SHOWN]) + more, evidence=str(folder))
    return CHECKSUMS.finding(Verdict.PASS, f"{len(manifest(folder))} files match their checksums")


def size(folder: Path, holds: Written, wanted: int) -> Finding:
    """How much there is, and whether the source had as much as was asked for."""
    try:
        stored = f"{sum(file['bytes'] for file in manifest(folder).values()):,} bytes"
    except ValueError:
        stored = "unknown bytes"
    short = bool(wanted) and holds.documents < wanted
    return SIZE.finding(
        Verdict.WARN if short else Verdict.PASS,
        f"{how_much(holds)}, {stored} in {folder}",
        expected=f"{wanted:,} documents" if wanted else "",
    )


if __name__ == "__main__":
    main()
