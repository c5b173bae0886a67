"""Keeps what was observed, so that whoever doubts a finding can read it, and it can be judged anew."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path

from seatrial.checks.observations import Observation
from seatrial.errors import Problem, UserError


def keep(observations: Iterable[Observation], folder: Path) -> list[Observation]:
    """Writes each into a file of its kind, and what is known about it beside that. Returns them with those places.

    `seatrial check read KIND FILE` reads them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kept = []
    for observation in observations:
        path = folder / f"{observation.kind}.txt"
        path.write_text(observation.text, encoding="utf-8")
        record = {name: value for name, value in asdict(observation).items() if name not in ("text", "path")}
        path.with_suffix(".json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        kept.append(replace(observation, origin=f"{observation.origin} ({path})"))
    return kept


def kept(folder: Path) -> list[Observation]:
    """What `keep` wrote there. Raises UserError for a folder that holds nothing of the kind, or half of it."""
    found, problems = [], []
    for path in sorted(folder.glob("*.json")):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            text = path.with_suffix(".txt").read_text(encoding="utf-8", errors="replace")
            found.append(Observation(**{**record, "text": text, "origin": str(path.with_suffix(".txt"))}))
        except (OSError, ValueError, TypeError) as error:
            problems.append(Problem(f"is not what check node --save wrote: {error}", str(path), "leave it out"))
    if not found and not problems:
        problems.append(Problem("holds no observations", str(folder), "make them: seatrial check node --save DIR"))
    if problems:
        raise UserError(problems)
    return found
