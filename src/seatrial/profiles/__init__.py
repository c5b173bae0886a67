"""Profiles, read and judged: traces of torch.profiler and exports of Nsight Systems, whoever recorded them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from seatrial.errors import Problem, UserError
from seatrial.extras import needed
from seatrial.findings import Finding
from seatrial.profiles.figures import Figures
from seatrial.profiles.findings import judge, weighed
from seatrial.profiling import FOLDER

__all__ = ["KEPT", "Profiles", "files", "of_run", "read", "weighed"]

KEPT = "figures.json"
"""Beside a run's profiles: what they came to, so that a report need not read them again."""
_VERSION = 1
_ENDS = (".json", ".json.gz", ".sqlite")
_SQLITE = b"SQLite format 3\x00"


@dataclass(frozen=True, kw_only=True, slots=True)
class Profiles:
    """The profiles of a job's ranks, and what they mean."""

    ranks: tuple[Figures, ...]
    findings: tuple[Finding, ...]
    unread: tuple[str, ...] = ()
    """Files that could not be read, and why."""


def files(folder: Path) -> list[Path]:
    """The profiles in a folder that can be read, by their names."""
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in found if path.name.endswith(_ENDS) and path.name != KEPT and path.name[0] != "."]


def read(paths: Sequence[Path]) -> Profiles:
    """Read and judge them. Raises UserError where none could be read; what is wrong with one of several is noted."""
    ranks: list[Figures] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            ranks += _figures(path)
        except UserError as error:
            problems += error.problems
    if not ranks:
        raise UserError(problems or [Problem("there is no profile", str(FOLDER), "record one: --profile steps=10:12")])
    ranks.sort(key=lambda figures: (figures.rank is None, figures.rank or 0, figures.source))
    told = tuple(str(problem).replace("\n    ", "; ") for problem in problems)
    return Profiles(ranks=tuple(ranks), findings=tuple(judge(tuple(ranks))), unread=told)


def of_run(run: Path, *, keep: bool = False) -> Profiles | None:
    """A run's profiles; None if it has none that can be read. `keep`: note what they came to, for the next time."""
    found = files(run / FOLDER)
    if not found:
        return None
    noted, key = run / FOLDER / KEPT, [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in found]
    profiles = _noted(noted, key)
    if profiles is None:
        profiles = read(found)
        if keep and not profiles.unread:
            _note(noted, key, profiles)
    return profiles


def _figures(path: Path) -> list[Figures]:
    from seatrial.profiles import kineto, nsys

    if path.suffix == ".nsys-rep":
        remedy = f"nsys export --type sqlite {path}, and name what it writes"
        raise UserError(Problem("only Nsight Systems reads its own reports", str(path), remedy))
    try:
        with path.open("rb") as file:
            exported = file.read(len(_SQLITE)) == _SQLITE
    except OSError as error:
        raise UserError(Problem(error.strerror or str(error), str(path))) from error
    with needed("numpy", "profile"):
        import numpy  # noqa: F401 # said here, once, if it is missing

        from seatrial.profiles.analyse import analyse
    traces = nsys.read(path) if exported else [kineto.read(path)]
    return [analyse(trace) for trace in traces]


def _noted(path: Path, key: list[Any]) -> Profiles | None:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if (record["version"], record["files"]) != (_VERSION, key):
            return None
        ranks = tuple(map(Figures.of, record["ranks"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return Profiles(ranks=ranks, findings=tuple(judge(ranks)))


def _note(path: Path, key: Iterable[Any], profiles: Profiles) -> None:
    record = {"version": _VERSION, "files": list(key), "ranks": [asdict(figures) for figures in profiles.ranks]}
    unfinished = path.with_name(f".{KEPT}")
    try:
        unfinished.write_text(json.dumps(record), encoding="utf-8")
        unfinished.replace(path)
    except OSError:  # a disk that is full or not ours: then they are read again
        unfinished.unlink(missing_ok=True)
