"""The folder of a run's proteins: made by its first rank of a FASTA file, or prepared before. No torch."""

from __future__ import annotations

import hashlib
import json
from itertools import islice
from pathlib import Path

from seatrial.cases._proteins import clusters, fasta, splits
from seatrial.cases.bionemo import Args
from seatrial.cases.bionemo.rules import PREPARED
from seatrial.data.prepare import MANIFEST, prepared
from seatrial.errors import Problem, UserError
from seatrial.rank.core import Rank


def proteins(worker: Rank, args: Args) -> Path:
    """Where ``train.db`` and ``valid.db`` are, or what a container reads instead. Safe to call from every rank."""
    if args.dataset.startswith(PREPARED):
        folder = worker.data / args.dataset.removeprefix(PREPARED)
        if not (folder / MANIFEST).is_file():
            remedy = "prepare it on the same cluster first, as in: seatrial run bionemo-data/uniref50 --on NAME"
            raise UserError(Problem("there is no prepared data set", str(folder), remedy))
        return folder
    path = fasta.path_of(args.dataset)
    identity = [str(path), path.stat().st_size, path.stat().st_mtime_ns, args.proteins, clusters.WORD]
    digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16]

    def make(unfinished: Path) -> None:
        found = list(islice(fasta.proteins(path), args.proteins or None))
        with clusters.opened("words", lambda: found, unfinished / "clusters") as cluster_of:
            splits.write(found, cluster_of, unfinished)

    return prepared(worker.data / f"proteins-{digest}", make, waiting=worker.alive)
