"""Bus bandwidths to hold a sweep against: published ones with their sources, and those of a cluster's own runs.

A value belongs to an instance type, a number of nodes and of ranks, an operation and a size, and to none beside them:
two nodes may be above four, an all-reduce says nothing of an all-to-all, and below 1 GiB a healthy fabric of four
nodes shows 12 to 70 % of what it can.
"""

from __future__ import annotations

import csv
import functools
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from seatrial.errors import Problem, UserError

FILE = "baselines.json"
"""A cluster's own, beside its runs."""
MIN_RUNS = 3
"""Runs that one of our own is made of: of fewer there is no spread."""
NEAR = 2**0.5
"""A size is near another if neither is more than this many times the other: there is a nearer one otherwise, since
sweeps double their sizes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Baseline:
    """What was measured where, and who says so."""

    instance_type: str
    """EC2's name, or the device as ranks name it where there is none."""
    nodes: int
    ranks: int
    operation: str
    size_bytes: int
    busbw_gbps: float
    """GB/s (10**9); of own runs the median."""
    source: str
    date: str = ""
    """Empty: the source has none."""
    versions: str = ""
    spread: float = 0.0
    """Highest less lowest of own runs, over the median."""
    runs: int = 1
    """Runs that it was made of."""

    @property
    def key(self) -> tuple[str, int, int, str]:
        """All but the size."""
        return self.instance_type, self.nodes, self.ranks, self.operation


@functools.cache
def published() -> tuple[Baseline, ...]:
    """Those that others published, of clusters that are not ours."""
    with Path(__file__).with_name("baselines.csv").open(encoding="utf-8", newline="") as file:
        return tuple(
            Baseline(
                instance_type=row["instance_type"],
                nodes=int(row["nodes"]),
                ranks=int(row["ranks"]),
                operation=row["operation"],
                size_bytes=int(row["size_bytes"]),
                busbw_gbps=float(row["busbw_gbps"]),
                source=row["source"],
                date=row["date"],
                versions=row["versions"],
            )
            for row in csv.DictReader(file)
        )


def own(path: Path) -> tuple[Baseline, ...]:
    """Those of a file; none if there is no file. Raises UserError for one that cannot be read."""
    try:
        records = json.loads(path.read_text(encoding="utf-8"))
        return tuple(Baseline(**record) for record in records)
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, TypeError) as error:
        what = f"cannot be read: {error}"
        raise UserError(Problem(what, str(path), "move it away, and record the baselines anew")) from None


def keep(path: Path, made: Iterable[Baseline]) -> None:
    """Writes them beside those that are there; what is of the same key and size is replaced."""
    kept = {(b.key, b.size_bytes): b for b in (*own(path), *made)}
    records = [asdict(baseline) for _, baseline in sorted(kept.items())]
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")
    draft.replace(path)


def nearest(known: Sequence[Baseline], key: tuple[str, int, int, str], size: int) -> tuple[Baseline, ...]:
    """Those of a key at the size that is nearest, if it is near enough; of several sources all."""
    fitting = [b for b in known if b.key == key and size > 0 and _apart(b.size_bytes, size) <= math.log(NEAR)]
    best = min((_apart(b.size_bytes, size) for b in fitting), default=0.0)
    return tuple(b for b in fitting if _apart(b.size_bytes, size) == best)


def _apart(one: int, other: int) -> float:
    return abs(math.log(one / other))


def of_runs(
    key: tuple[str, int, int, str], runs: Sequence[dict[int, float]], source: str, date: str, versions: str
) -> list[Baseline]:
    """One for each size that all runs measured; a run: size -> bandwidth. Raises UserError for too few."""
    from statistics import median  # see seatrial.checks.gpus

    if len(runs) < MIN_RUNS:
        what = f"{len(runs)} runs; {MIN_RUNS} or more show how much is noise"
        raise UserError(Problem(what, " ".join(map(str, key)), "run it again"))
    common = sorted(set.intersection(*(set(run) for run in runs)))
    found = []
    for size in common:
        values = [run[size] for run in runs]
        middle = median(values)
        if not (math.isfinite(middle) and middle > 0):
            continue
        instance_type, nodes, ranks, operation = key
        found.append(
            Baseline(
                instance_type=instance_type,
                nodes=nodes,
                ranks=ranks,
                operation=operation,
                size_bytes=size,
                busbw_gbps=middle,
                source=source,
                date=date,
                versions=versions,
                spread=(max(values) - min(values)) / middle,
                runs=len(runs),
            )
        )
    return found
