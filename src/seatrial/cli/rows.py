"""What a list of runs says of each: from the cache, since a run that is over says the same again, and there may be
thousands."""

from __future__ import annotations

import os
import zlib
from datetime import datetime
from pathlib import Path
from typing import Any

from seatrial.cache import cached_each
from seatrial.errors import UserError
from seatrial.history import History
from seatrial.runs import Run

FILES = ("job.json", "submission.json", "events.jsonl", "findings.jsonl", "notes.json", "cancelled")
FOLDERS = ("", "logs", "checkpoints", "stacks")
"""Those in which files come and go."""


def rows(history: History) -> list[dict[str, Any]]:
    """A record of each run, oldest first: plain values as JSON has them, None where something is not known."""
    by_id = {run.id: run for run in history.runs}
    name = f"runs-{zlib.crc32(str(history.root.resolve()).encode()):08x}"
    keys = {id_: key(run, *FILES, *FOLDERS) for id_, run in by_id.items()}
    return [*cached_each(name, keys, lambda id_: _row(by_id[id_])).values()]


def key(run: Run, *names: str) -> list[Any]:
    """What changes with those files and folders of a run, and with its state. A supervisor that died leaves no other
    trace than that it is gone."""
    return [*(_stat(run.path / name) for name in names), run.supervisor() is not None]


def _stat(path: Path) -> list[int]:
    try:
        found = os.stat(path)
    except OSError:
        return []
    return [found.st_mtime_ns, found.st_size]


def _row(run: Run) -> dict[str, Any]:
    from seatrial.attempts import Attempts
    from seatrial.events import RunStart
    from seatrial.findings import overall

    log, notes, findings = run.events(), run.notes(), run.findings()
    attempts, start = Attempts(log.events), log.last(RunStart)
    points = attempts.points()
    try:
        job = run.job
    except UserError:
        job = None
    return {
        "run": run.id,
        "case": job and job.case,
        "recipe": job and job.recipe,
        "on": job and job.cluster,
        "started": datetime.fromtimestamp(run.started()).astimezone().isoformat(timespec="seconds"),
        "state": run.state(log).value,
        "steps": points[-1].event.step if points else 0,
        "of_steps": start.steps if start else None,
        "loss": points[-1].event.loss if points else None,
        "throughput": attempts.steady().throughput,
        "unit": f"{start.unit}/s" if start else None,
        "verdict": overall(findings).value if findings else None,
        "bytes": _size(run.path),
        "tags": list(notes.tags),
        "note": notes.text,
    }


def _size(folder: Path) -> int:
    """Bytes of the files in it; of one that goes away meanwhile, none."""
    size = 0
    for place, _, names in os.walk(folder):
        size += sum((_stat(Path(place, name)) or [0, 0])[1] for name in names)
    return size
